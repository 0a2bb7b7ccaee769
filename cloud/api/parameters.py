"""Parameters of the query that an operation does not have are refused by name: who asks for `level=red` and is given
all levels believes that all of them are red."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from cloud.api.problems import Problem

_SAID = 64  # characters of a name that are said again


async def known(request: Request) -> None:
    """Of every operation, as a dependency of the application. Raises Problem(422)."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    names = sorted(set(_names(route.dependant)))
    for given in request.query_params:
        if given not in names:
            raise Problem(422, "There is no such parameter", _said(given[:_SAID], names, route.path))


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (p.alias for p in dependant.query_params)
    for other in dependant.dependencies:
        yield from _names(other)


def _said(given: str, names: list[str], path: str) -> str:
    if not names:
        return f"{path} takes no parameters, and {given!r} was given: leave it away"
    near = get_close_matches(given, names, 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{path} has no parameter {given!r}: {meant}it takes {', '.join(names)}"
