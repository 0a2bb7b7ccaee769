"""YAML events -> plain data and the line of everything. One pass, no recursion; depth and number of values bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from contract.documents import Lines

MAX_DEPTH = 32
# A value of an honest file takes three bytes or more ("11," in a list), and a mapping or a list counts as three values,
# which is about what it takes in memory; a few may be denser.
_FREE_VALUES, _BYTES_PER_VALUE, _COLLECTION = 10_000, 3, 3
_LONGEST_NUMBER = 64  # YAML 1.1 has numbers to base 60, and reads long ones in quadratic time
MAX_MISTAKES = 100
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float", "str")}


@dataclass(slots=True)
class Built:
    """mistakes: (line from 1, what)."""

    data: Any = field(default_factory=dict)
    lines: Lines = 1
    mistakes: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """A mapping or a list whose end has not come. values: how many of the file stood before it."""

    data: Any
    lines: Any
    line: int
    anchor: str | None
    values: int
    key: Any = None
    wants_key: bool = True


def build(text: str) -> Built:
    """Raises yaml.YAMLError where the text is no YAML, or none that we read."""
    return _Builder(_FREE_VALUES + len(text) // _BYTES_PER_VALUE).run(text)


class _Builder:
    def __init__(self, most_values: int) -> None:
        self._most, self._values = most_values, 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._out = Built()
        self._resolver, self._constructor = Resolver(), SafeConstructor()
        self._documents = 0

    def run(self, text: str) -> Built:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.ScalarEvent):
                value = self._scalar(event)
                self._name(event.anchor, value, 1)
                self._put(value, event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise _wrong(event, "a second document begins: one file holds one")
        return self._out

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _wrong(event, f"nested more than {MAX_DEPTH} deep")
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"{_TAG}map" if mapping else f"{_TAG}seq"):
            raise _wrong(event, f"tag {event.tag!r} is not read here")
        if self._open and self._at_key():
            raise _wrong(event, "a key must be a word")
        data: Any = {} if mapping else []
        lines: Any = {} if mapping else []
        self._open.append(_Open(data, lines, _line(event), event.anchor, self._values))
        self._count(_COLLECTION, event)

    def _end(self) -> None:
        done = self._open.pop()
        self._name(done.anchor, done.data, self._values - done.values)
        self._attach(done.data, (done.line, done.lines))

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise _wrong(event, f"no anchor {event.anchor!r} before this")
        value, size = self._anchors[event.anchor]
        self._count(size - 1, event)
        self._put(value, event)

    def _put(self, value: Any, event: yaml.NodeEvent) -> None:
        """A scalar or an alias: a key, or something that has a place."""
        line = _line(event)
        if not (self._open and self._at_key()):
            self._count(1, event)
            self._attach(value, line)
            return
        at = self._open[-1]
        if not isinstance(value, str | int):
            self._mistake(line, "a key must be a word")
            value = None
        elif value == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            raise _wrong(event, "merging with << is not read: write the settings out, or use an alias for all of them")
        elif value in at.data:
            self._mistake(line, f"{_short(value)} is given twice")
        at.key, at.wants_key = value, False
        if value is not None:
            at.lines[value] = line

    def _attach(self, value: Any, lines: Lines) -> None:
        if not self._open:
            self._out.data, self._out.lines = value if value is not None else {}, lines
            return
        at = self._open[-1]
        if isinstance(at.data, list):
            at.data.append(value)
            at.lines.append(lines)
            return
        if at.key is not None:
            at.data[at.key] = value
            if not isinstance(lines, int):  # a mapping's line is that of its key
                at.lines[at.key] = (at.lines[at.key], lines[1])
        at.key, at.wants_key = None, True

    def _at_key(self) -> bool:
        return isinstance(self._open[-1].data, dict) and self._open[-1].wants_key

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            if len(event.value) > _LONGEST_NUMBER:  # before the patterns for numbers are tried on it
                return event.value
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
            if tag not in _PLAIN:  # dates and the like: words, as they are written
                return event.value
        elif tag not in _PLAIN:
            raise _wrong(event, f"tag {tag!r} is not read here")
        if tag == f"{_TAG}int" and _LEADING_ZERO.fullmatch(event.value):
            told = event.value.lstrip("+-0_") or "0"
            what = f"{event.value} begins with 0 and would be read to base 8: write {told}, or quotes around a name"
            self._mistake(_line(event), what)
            return event.value
        if tag == f"{_TAG}str":
            return event.value
        node = yaml.ScalarNode(tag, event.value)
        try:
            if len(event.value) > _LONGEST_NUMBER:
                raise ValueError("too long")
            return SafeConstructor.yaml_constructors[tag](self._constructor, node)
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            raise _wrong(event, f"{_short(event.value)} cannot be read as {tag.removeprefix(_TAG)}") from error

    def _name(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _count(self, more: int, event: yaml.Event) -> None:
        self._values += more
        if self._values > self._most:
            raise _wrong(event, f"more than {self._most} values, aliases counted with what they repeat")

    def _mistake(self, line: int, what: str) -> None:
        if len(self._out.mistakes) < MAX_MISTAKES:
            self._out.mistakes.append((line, what))


def _wrong(event: yaml.Event, what: str) -> ConstructorError:
    return ConstructorError(None, None, what, event.start_mark)  # type: ignore[arg-type]  # libyaml's mark does, too


def _line(event: yaml.Event) -> int:
    """From 1; events of a parsed text always have a mark."""
    return event.start_mark.line + 1 if event.start_mark else 1


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 80 else said[:77] + "..."
