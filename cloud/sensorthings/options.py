"""The options of a request, read and checked against what they are asked of, before anything is looked at."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from cloud.sensorthings import grammar
from cloud.sensorthings.evaluate import check
from cloud.sensorthings.functions import Wrong
from cloud.sensorthings.grammar import Unreadable
from cloud.sensorthings.model import KINDS, Kind
from cloud.sensorthings.syntax import Expand, Options

PAGE, MOST_PAGE = 100, 10_000  # entities of a page where $top says nothing, and at most
_IDS = ("id", "@iot.id")


def options_of(params: Mapping[str, str]) -> Options:
    """params: `$filter` and the others, as they stand in the query. Raises Unreadable."""
    expand, orderby, select = params.get("$expand"), params.get("$orderby"), params.get("$select")
    return Options(
        grammar.read_filter(params["$filter"]) if "$filter" in params else None,
        grammar.read_expand(expand) if expand else (),
        grammar.read_orderby(orderby) if orderby else (),
        grammar.read_select(select) if select else (),
        grammar.whole("$top", params["$top"]) if "$top" in params else None,
        grammar.whole("$skip", params.get("$skip", "0")),
        grammar.truth("$count", params.get("$count", "false")),
        _after(params["$skiptoken"]) if "$skiptoken" in params else None,
    )


def skip_token(after: tuple[int, int]) -> str:
    """Where a page begins, for `$skiptoken`."""
    return base64.urlsafe_b64encode(f"{after[0]}.{after[1]}".encode()).decode().rstrip("=")


def _after(text: str) -> tuple[int, int]:
    """Raises Unreadable."""
    try:
        time_ms, _, channel = base64.b64decode(text[:64] + "=" * (-len(text) % 4), b"-_", True).decode().partition(".")
        return grammar.whole_literal(time_ms), grammar.whole_literal(channel)
    except (ValueError, binascii.Error) as error:
        raise Unreadable("$skiptoken is none of ours: take the nextLink as it is") from error


def checked(kind: Kind, options: Options) -> Options:
    """With expands of the same link laid together. Raises Wrong for what entities of this kind do not have."""
    if options.filter is not None:
        check(options.filter, lambda steps: _known(kind, steps))
    for order in options.orderby:
        check(order.by, lambda steps: _known(kind, steps))
    for name in options.select:
        if name not in (*_IDS, "@iot.selfLink", *kind.properties, *kind.links):
            raise Wrong(f"$select: {_no_such(kind, name)}")
    merged: dict[str, Expand] = {}
    for expand in options.expand:
        link, rest = expand.path[0], expand.path[1:]
        if link not in kind.links:
            raise Wrong(f"$expand: {kind.name} have no {link[:40]!r}: they lead to {', '.join(kind.links)}")
        inner = Expand((link,), Options(expand=(Expand(rest, expand.options),))) if rest else expand
        merged[link] = _both(merged[link], inner) if link in merged else inner
    found = [replace(e, options=checked(KINDS[kind.links[link]], e.options)) for link, e in merged.items()]
    return replace(options, expand=tuple(found))


def _both(a: Expand, b: Expand) -> Expand:
    """Raises Wrong."""
    plain = Options()
    for one, other in ((a, b), (b, a)):
        if replace(other.options, expand=()) == plain:
            return replace(one, options=replace(one.options, expand=(*one.options.expand, *other.options.expand)))
    raise Wrong(f"$expand names {a.path[0]} twice with options: write them once")


def _known(kind: Kind, steps: Sequence[str]) -> None:
    """Raises Wrong."""
    name, rest = steps[0], steps[1:]
    if name in kind.links:
        if kind.links[name] == "Observations":
            raise Wrong("a filter or an order cannot look into Observations: ask for the Observations themselves")
        if rest:
            _known(KINDS[kind.links[name]], rest)
    elif name not in (*_IDS, *kind.properties):
        raise Wrong(_no_such(kind, name))


def _no_such(kind: Kind, name: str) -> str:
    there = ["id", *kind.properties, *kind.links]
    near = get_close_matches(name[:40], there, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{kind.name} have no {name[:40]!r}: {meant}they have {', '.join(there)}"
