"""What a query option says, as a tree. Pure.

Literals are None, bool, int, float, str, datetime (UTC), timedelta, or a `geometry.Shape`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_DEEP = 24  # of a $filter; each level is some calls of Python deep when it is worked out
MOST_EXPANDED = 4  # of an $expand within an $expand


@dataclass(frozen=True, slots=True)
class Literal:
    """A value, and how it is written in the option."""

    value: Any
    text: str
    deep: int = 1


@dataclass(frozen=True, slots=True)
class Path:
    """A property, of the entity itself or of those that it is linked with: `Datastreams/ObservedProperty/name`."""

    steps: tuple[str, ...]
    deep: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an operator by its name: `and`, `eq`, `add`, `neg`, `not`."""

    name: str
    args: tuple[Node, ...]
    deep: int


Node = Literal | Path | Call


@dataclass(frozen=True, slots=True)
class Order:
    by: Node
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Expand:
    """path: navigation, as `("Datastreams", "ObservedProperty")`. options: for what the last step leads to."""

    path: tuple[str, ...]
    options: Options
    deep: int = 1


@dataclass(frozen=True, slots=True)
class Options:
    """top: None where nothing is said. after: where a page begins that a nextLink leads to; see `observations`."""

    filter: Node | None = None
    expand: tuple[Expand, ...] = ()
    orderby: tuple[Order, ...] = ()
    select: tuple[str, ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False
    after: tuple[int, int] | None = field(default=None)


_INFIX = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "add", "sub", "mul", "div", "mod"})


def written(node: Node) -> str:
    """The expression as text again: what is read from that is the same."""
    if isinstance(node, Literal):
        return node.text
    if isinstance(node, Path):
        return "/".join(node.steps)
    args = [written(a) for a in node.args]
    if node.name in ("and", "or"):
        return "(" + f" {node.name} ".join(args) + ")"
    if node.name in _INFIX:
        return f"({args[0]} {node.name} {args[1]})"
    if node.name == "not":
        return f"(not {args[0]})"
    return f"(-{args[0]})" if node.name == "neg" else f"{node.name}({','.join(args)})"


def parameters(options: Options) -> dict[str, str]:
    """Options as they stand in a query, but for where a page begins."""
    out = {}
    if options.filter is not None:
        out["$filter"] = written(options.filter)
    if options.expand:
        out["$expand"] = ",".join(_expand(e) for e in options.expand)
    if options.orderby:
        out["$orderby"] = ",".join(written(o.by) + " desc" * o.descending for o in options.orderby)
    if options.select:
        out["$select"] = ",".join(options.select)
    if options.top is not None:
        out["$top"] = str(options.top)
    if options.count:
        out["$count"] = "true"
    return out


def _expand(expand: Expand) -> str:
    said = parameters(expand.options)
    if expand.options.skip:
        said["$skip"] = str(expand.options.skip)
    inner = ";".join(f"{name}={text}" for name, text in said.items())
    return "/".join(expand.path) + (f"({inner})" if inner else "")


def paths(node: Node) -> Iterator[tuple[str, ...]]:
    """All properties that it names."""
    if isinstance(node, Path):
        yield node.steps
    elif isinstance(node, Call):
        for arg in node.args:
            yield from paths(arg)


def conjuncts(node: Node | None) -> Iterator[Node]:
    """What must all hold for it to hold."""
    if isinstance(node, Call) and node.name == "and":
        for arg in node.args:
            yield from conjuncts(arg)
    elif node is not None:
        yield node


def both(parts: list[Node]) -> Node | None:
    """The reverse of `conjuncts`."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return Call("and", tuple(parts), 1 + max(p.deep for p in parts))
