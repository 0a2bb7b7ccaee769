"""Query options read: $filter, $expand, $orderby and $select (OGC 18-088, 9.3), as trees of `syntax`. Pure.

The parser is made when first somebody asks, so that a cloud that nobody asks in this way does not even load lark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from cloud.sensorthings import syntax
from cloud.sensorthings.geometry import of_wkt
from cloud.sensorthings.syntax import Call, Expand, Literal, Node, Options, Order, Path

_GRAMMAR = r"""
?filter: either
?either: both (_OR both)*
?both: negated (_AND negated)*
?negated: _NOT negated -> not_
    | compared
?compared: sum (COMPARED sum)?
?sum: product (ADDED product)*
?product: unary (MULTIPLIED unary)*
?unary: "-" unary -> minus
    | atom
?atom: literal
    | call
    | path
    | "(" either ")"
call: NAME "(" (either ("," either)*)? ")"
path: NAME ("/" NAME)*
literal: TIME | DAY | NUMBER | TEXT | PLACE | DURATION | WORD

expand: expanded ("," expanded)*
expanded: path ("(" option (";" option)* ")")?
option: "$filter" "=" either -> filtered
    | "$expand" "=" expand -> deeper
    | "$orderby" "=" orderby -> ordered
    | "$select" "=" select -> selected
    | "$top" "=" NUMBER -> top
    | "$skip" "=" NUMBER -> skip
    | "$count" "=" WORD -> count
orderby: order ("," order)*
order: either DIRECTION?
select: NAME ("," NAME)*

_OR.3: /or\b/
_AND.3: /and\b/
_NOT.3: /not\b/
COMPARED.3: /(eq|ne|gt|ge|lt|le)\b/
ADDED.3: /(add|sub)\b/
MULTIPLIED.3: /(mul|div|mod)\b/
DIRECTION.3: /(asc|desc)\b/
WORD.3: /(null|true|false)\b/
PLACE.4: /geo(graphy|metry)'[^']*'/
DURATION.4: /duration'[^']*'/
TIME.4: /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[-+ ]\d{2}:?\d{2})/
DAY.3: /\d{4}-\d{2}-\d{2}/
NUMBER.2: /\d+(\.\d+)?([eE][-+]?\d+)?/
TEXT.2: /'([^']|'')*'/
NAME.1: /@iot\.[A-Za-z]+|[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*/
%ignore /\s+/
"""
_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9}(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_WORDS = {"null": None, "true": True, "false": False}
_MOST_WHOLE = 10**9


class Unreadable(ValueError):
    """What cannot be read in an option, and what to write instead."""


def read_filter(text: str) -> Node:
    """Raises Unreadable."""
    found: Node = _read("filter", text)
    return found


def read_expand(text: str) -> tuple[Expand, ...]:
    """Raises Unreadable."""
    found: tuple[Expand, ...] = _read("expand", text)
    return found


def read_orderby(text: str) -> tuple[Order, ...]:
    """Raises Unreadable."""
    found: tuple[Order, ...] = _read("orderby", text)
    return found


def read_select(text: str) -> tuple[str, ...]:
    """Raises Unreadable."""
    found: tuple[str, ...] = _read("select", text)
    return found


def _read(what: str, text: str) -> Any:
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

    try:
        return _parser().parse(text, start=what)
    except VisitError as error:
        if isinstance(error.orig_exc, Unreadable):
            raise error.orig_exc from error
        raise
    except UnexpectedInput as error:
        at = error.pos_in_stream
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        if ended or at is None or not 0 <= at < len(text):
            raise Unreadable(f"${what} ends too early: something is missing after {text[-20:]!r}") from error
        why = "cannot be read" if isinstance(error, UnexpectedCharacters) else "is not expected"
        raise Unreadable(f"${what}: {text[at : at + 20]!r} {why} at character {at + 1}") from error


@cache
def _parser() -> Any:
    from lark import Lark, Transformer, v_args

    own = {name: method for name, method in vars(_Builder).items() if not name.startswith("__")}
    built = v_args(inline=True)(type("Built", (Transformer,), own))()
    starts = ["filter", "expand", "orderby", "select"]
    return Lark(_GRAMMAR, parser="lalr", start=starts, transformer=built, maybe_placeholders=False)


class _Builder:
    """What becomes of each rule of the grammar, as it is found: nothing here calls itself, however deep a text is."""

    def either(self, *parts: Node) -> Node:
        return _call("or", parts)

    def both(self, *parts: Node) -> Node:
        return _call("and", parts)

    def not_(self, part: Node) -> Node:
        return _call("not", (part,))

    def compared(self, left: Node, operator: str, right: Node) -> Node:
        return _call(str(operator), (left, right))

    def sum(self, *parts: Any) -> Node:
        return _chain(parts)

    def product(self, *parts: Any) -> Node:
        return _chain(parts)

    def minus(self, part: Node) -> Node:
        return _call("neg", (part,))

    def call(self, name: str, *args: Node) -> Node:
        return _call(name.lower(), args)

    def path(self, *steps: str) -> Path:
        return Path(tuple(map(str, steps)))

    def literal(self, token: Any) -> Literal:
        return Literal(_value(token.type, str(token)), str(token))

    def expand(self, *found: Expand) -> tuple[Expand, ...]:
        return found

    def expanded(self, path: Path, *options: tuple[str, Any]) -> Expand:
        said = dict(options)
        if len(said) != len(options):
            raise Unreadable(f"an option of {'/'.join(path.steps)} stands twice: leave one")
        deep = 1 + max((e.deep for e in said.get("expand", ())), default=0)
        if deep + len(path.steps) - 1 > syntax.MOST_EXPANDED:
            raise Unreadable(f"$expand goes deeper than {syntax.MOST_EXPANDED}: ask for the inner ones by themselves")
        return Expand(path.steps, Options(**said), deep + len(path.steps) - 1)

    def filtered(self, node: Node) -> tuple[str, Any]:
        return "filter", node

    def deeper(self, found: Sequence[Expand]) -> tuple[str, Any]:
        return "expand", found

    def ordered(self, found: Sequence[Order]) -> tuple[str, Any]:
        return "orderby", found

    def selected(self, found: Sequence[str]) -> tuple[str, Any]:
        return "select", found

    def top(self, token: str) -> tuple[str, Any]:
        return "top", whole("$top", str(token))

    def skip(self, token: str) -> tuple[str, Any]:
        return "skip", whole("$skip", str(token))

    def count(self, token: str) -> tuple[str, Any]:
        return "count", truth("$count", str(token))

    def orderby(self, *found: Order) -> tuple[Order, ...]:
        return found

    def order(self, by: Node, direction: str = "asc") -> Order:
        return Order(by, str(direction) == "desc")

    def select(self, *names: str) -> tuple[str, ...]:
        return tuple(map(str, names))


def whole(name: str, text: str) -> int:
    """Raises Unreadable."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > _MOST_WHOLE:
        raise Unreadable(f"{name} is {text[:20]!r}: write a whole number from 0 to {_MOST_WHOLE}")
    return int(text)


def truth(name: str, text: str) -> bool:
    """Raises Unreadable."""
    if text not in ("true", "false"):
        raise Unreadable(f"{name} is {text[:20]!r}: write true or false")
    return text == "true"


def _call(name: str, args: Sequence[Node]) -> Node:
    deep = 1 + max((a.deep for a in args), default=0)
    if deep > syntax.MOST_DEEP:
        raise Unreadable(f"$filter goes deeper than {syntax.MOST_DEEP} levels: write it flatter, or ask twice")
    return Call(name, tuple(args), deep)


def _chain(parts: Sequence[Any]) -> Node:
    """From the left: a sub b add c is (a sub b) add c."""
    out: Node = parts[0]
    for operator, part in zip(parts[1::2], parts[2::2], strict=True):
        out = _call(str(operator), (out, part))
    return out


def _value(kind: str, text: str) -> Any:
    """Raises Unreadable."""
    if kind == "WORD":
        return _WORDS[text]
    if kind == "TEXT":
        return text[1:-1].replace("''", "'")
    if kind == "NUMBER":
        return whole_literal(text) if text.isdigit() else float(text)
    return _written(kind, text)


def _written(kind: str, text: str) -> Any:
    """Raises Unreadable."""
    try:
        if kind == "PLACE":
            return of_wkt(text.partition("'")[2][:-1])
        if kind == "DURATION":
            return duration(text.partition("'")[2][:-1])
        return instant(text)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{text[:40]!r}: {error}") from error


def whole_literal(text: str) -> int:
    """Raises Unreadable."""
    if len(text) > 18:
        raise Unreadable(f"{text[:20]}… is too large a number")
    return int(text)


def instant(text: str) -> datetime:
    """A time of RFC 3339 with a zone (a blank for the + that a query lost), or a day in UTC. Raises ValueError."""
    if len(text) == 10:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    moment = re.sub(r"(\.\d{6})\d+", r"\1", text.replace(" ", "+"))
    found = datetime.fromisoformat(moment)
    if found.tzinfo is None:
        raise ValueError("a time has a zone: write Z after it")
    return found.astimezone(timezone.utc)  # noqa: UP017  # one object for all, so that all are compared alike


def duration(text: str) -> timedelta:
    """ISO 8601's, without years and months, which are of no fixed length. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.group("days", "hours", "minutes", "seconds")):
        raise ValueError("write days, hours, minutes and seconds: duration'P1DT2H30M'")
    parts = {k: float(v) for k, v in found.groupdict().items() if k != "sign" and v}
    out = timedelta(**parts)
    return -out if found["sign"] else out
