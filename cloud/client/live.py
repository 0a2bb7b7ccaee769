"""Server-sent events (HTML standard, 9.2), as much of them as a cloud sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    id: str
    data: str


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Comments, and what is cut off at the end, are no events.

    >>> list(events([b"id: 7\\nevent: readings\\nda", b"ta: [1]\\n\\n:\\n\\ndata: x"]))
    [Event(kind='readings', id='7', data='[1]')]
    """
    kind, id, data, rest = "message", "", list[str](), b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.decode().rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            if not line.strip():
                if data:
                    yield Event(kind, id, "\n".join(data))
                kind, data = "message", []
            elif name == "event":
                kind = value
            elif name == "id":
                id = value
            elif name == "data":
                data.append(value)
