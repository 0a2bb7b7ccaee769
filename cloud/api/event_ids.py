"""Ids of server-sent events that are made anew at each start of the cloud (HTML standard, 9.2)."""

from __future__ import annotations


class EventIds:
    """epoch_ms: of the start, in front of every number: what a listener has from before is no place to go on from."""

    def __init__(self, epoch_ms: int) -> None:
        self._epoch_ms = epoch_ms

    def of(self, number: int) -> str:
        return f"{self._epoch_ms}-{number}"

    def number(self, event_id: str) -> int:
        """-1, from which nothing leads on: of another start, or no id at all."""
        epoch, _, number = event_id.partition("-")
        known = epoch == str(self._epoch_ms) and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if known else -1


def event(kind: str, event_id: str, data: bytes) -> bytes:
    """data: one line of JSON."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event_id.encode(), kind.encode(), data)
