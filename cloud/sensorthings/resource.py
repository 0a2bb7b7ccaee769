"""What the path of a request names (OGC 18-088, 9.2): `/Things('u1')/Datastreams`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloud.sensorthings.model import KINDS, Id

_SEGMENT = re.compile(r"(?P<name>[A-Za-z]+)(?:\((?P<key>.*)\))?", re.ASCII | re.DOTALL)
_MOST = 12


class NotThere(LookupError):
    """Why a path names nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """A set or a link by name; id: which of it; None: all, or the one that it leads to."""

    name: str
    id: Id | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """steps: from an entity set on. property: of the entity that they lead to. value: as text. references: as `$ref`.

    kind: of what the steps lead to. many: whether that is a collection.
    """

    steps: tuple[Step, ...]
    kind: str
    many: bool
    property: str | None = None
    value: bool = False
    references: bool = False


def resource_of(path: str) -> Resource:
    """Raises NotThere."""
    parts = path.rstrip("/").split("/")
    if len(parts) > _MOST:
        raise NotThere(f"a path of more than {_MOST} steps: begin at the entity itself")
    ending = parts.pop() if parts[-1] in ("$ref", "$value") else None
    steps: list[Step] = []
    kind, many, held = "", False, None
    for part in parts:
        found = _SEGMENT.fullmatch(part)
        if found is None or held is not None:
            raise NotThere(f"there is nothing at {part[:40]!r}")
        name, key = found["name"], found["key"]
        if not kind:
            if name not in KINDS:
                raise NotThere(f"there is no {name[:40]!r}: there are {', '.join(KINDS)}")
            kind, many = name, key is None
        elif many:
            raise NotThere(f"{part[:40]!r} stands behind several {kind}: say which, as {kind}({_example(kind)})")
        elif name in KINDS[kind].links:
            one = name in KINDS[kind].one
            kind = KINDS[kind].links[name]
            many = key is None and not one
        elif key is None and name in (*KINDS[kind].properties, "id"):
            held = name
            continue
        else:
            there = (*KINDS[kind].properties, *KINDS[kind].links)
            raise NotThere(f"{kind} have no {name[:40]!r}: they have {', '.join(there)}")
        steps.append(Step(name, None if key is None else _id(key)))
    if ending == "$value" and held is None:
        raise NotThere("$value stands behind a property, as Things('u1')/name/$value")
    if ending == "$ref" and (held is not None or not steps):
        raise NotThere("$ref stands behind entities, as Things/$ref")
    return Resource(tuple(steps), kind, many, held, ending == "$value", ending == "$ref")


def key_of(id: Id) -> str:
    """An id as it stands in a path."""
    return str(id) if isinstance(id, int) else "'" + id.replace("'", "''") + "'"


def _example(kind: str) -> str:
    return "301" if kind == "Datastreams" else "'u1'"


def _id(text: str) -> Id:
    """Raises NotThere."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    raise NotThere(f"({text[:40]}) is no id: write a number, or text in single quotes")
