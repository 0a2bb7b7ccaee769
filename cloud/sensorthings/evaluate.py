"""What an expression of `syntax` is for an entity. Pure.

A path through links to several entities (`Datastreams/ObservedProperty/name`) has several values, and a comparison
holds when it holds for one of them. What is not there is null: equal to null, and in no other comparison true.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from cloud.sensorthings import geometry
from cloud.sensorthings.functions import FUNCTIONS, Wrong, typed
from cloud.sensorthings.geometry import Shape
from cloud.sensorthings.model import Entity
from cloud.sensorthings.syntax import Call, Literal, Node, Path, paths
from contract.clock import from_ms

_MOST_VALUES = 20_000  # of one expression for one entity
_TIMES = ("phenomenonTime", "resultTime")


class Linked(Protocol):
    def __call__(self, entity: Entity, link: str) -> Sequence[Entity]:
        """What a navigation property leads to."""
        ...


class Evaluator:
    """now: what `now()` is, so that it is the same for all of an answer."""

    def __init__(self, linked: Linked, now: datetime) -> None:
        self._linked, self._now = linked, now

    def holds(self, node: Node, entity: Entity) -> bool:
        """Raises Wrong where types do not go together."""
        return any(_truth(v) for v in self.values(node, entity))

    def first(self, node: Node, entity: Entity) -> Any:
        """The value to order by. Raises Wrong."""
        return next(iter(self.values(node, entity)), None)

    def constant(self, node: Node) -> Any:
        """Of an expression that names no property. Raises Wrong; ValueError where it names one."""
        if any(True for _ in paths(node)):
            raise ValueError("it names a property")
        return self.values(node, None)[0]

    def values(self, node: Node, entity: Entity | None) -> Sequence[Any]:
        """Raises Wrong."""
        if isinstance(node, Literal):
            return (node.value,)
        if isinstance(node, Path):
            assert entity is not None
            return list(itertools.islice(self._of_path(node.steps, entity), _MOST_VALUES))
        return self._of_call(node, entity)

    def _of_call(self, node: Call, entity: Entity | None) -> Sequence[Any]:
        if node.name in ("and", "or"):
            whole = all if node.name == "and" else any
            return (whole(any(map(_truth, self.values(arg, entity))) for arg in node.args),)
        if node.name == "not":
            return (not any(map(_truth, self.values(node.args[0], entity))),)
        if node.name == "now":
            return (self._now,)
        function: Callable[..., Any] | None = FUNCTIONS.get(node.name)
        if function is None:  # looked at before, by `check`
            raise Wrong(f"there is no function {node.name[:40]}")
        found = [self.values(arg, entity) for arg in node.args]
        size = 1
        for values in found:
            size *= len(values)
        if size > _MOST_VALUES:
            raise Wrong("it compares too many values for one entity: ask for the linked entities themselves")
        return [function(*args) for args in itertools.product(*found)]

    def _of_path(self, steps: Sequence[str], entity: Entity) -> Iterator[Any]:
        name, rest = steps[0], steps[1:]
        if name in entity.kind.links:
            for other in self._linked(entity, name):
                yield from self._of_path(rest, other) if rest else (True,)
            return
        if name in ("id", "@iot.id"):
            yield entity.id
        elif name in _TIMES and entity.time_ms is not None:
            yield from_ms(entity.time_ms)
        else:
            yield _within(entity.properties.get(name), rest)


def _within(found: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    place = geometry.of_geojson(found)
    return found if place is None else place


def _truth(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Wrong(f"{_said(value)} is neither true nor false: compare it with something")


def _said(value: Any) -> str:
    return "a place" if isinstance(value, Shape) else f"{str(value)[:40]!r}"


def check(node: Node, known: Callable[[Sequence[str]], None]) -> None:
    """Names and numbers of arguments, before anything is read. known: of each path, raises what is wrong with it.
    Raises Wrong."""
    if isinstance(node, Path):
        known(node.steps)
    elif isinstance(node, Call):
        typed(node.name, len(node.args))
        for arg in node.args:
            check(arg, known)


def sortable(value: Any) -> tuple[bool, str, Any]:
    """A key by which values of any kind stand in an order; null comes first."""
    if value is None:
        return (False, "", 0)
    if isinstance(value, bool | int | float):
        return (True, "number", value)
    if isinstance(value, datetime):
        return (True, "time", value)
    if isinstance(value, timedelta):
        return (True, "duration", value)
    return (True, "text", str(value))
