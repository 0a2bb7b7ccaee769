"""Which maintenance notices are open: told once when something has stood long enough, closed when it is over. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cloud.maintenance.model import Found, Judgement, MaintenanceNotice, Place

CLEAR_MS = 120_000  # so long must it be seen to be over: what comes and goes is told once


@dataclass(slots=True)
class Book:
    """open: by what they are of. gone_ms: since when an open one is no longer found."""

    open: dict[Place, MaintenanceNotice] = field(default_factory=dict)
    gone_ms: dict[Place, int] = field(default_factory=dict)


def turn(
    book: Book, judged: Judgement, now_ms: int, whose: Callable[[Found], tuple[str | None, str | None, bool]]
) -> list[MaintenanceNotice]:
    """The notices that open and close now. Changes `book`.

    whose: station, gateway and whether simulated, of something found.
    """
    out = []
    stands = {f.key: f for f in judged.found}
    for key, f in stands.items():
        if key in book.open:
            book.gone_ms.pop(key, None)
        elif now_ms - f.since_ms >= 1000 * key.kind.after_s:
            station, gateway, simulated = whose(f)
            name = f"maintenance-{key.kind.value}-{key.text.replace('/', '-')}-{now_ms}"
            notice = MaintenanceNotice(
                name, f.kind, f.place, station, gateway, f.since_ms, now_ms, None, f.value, f.more, simulated
            )
            book.open[key] = notice
            out.append(notice)
    for key in [key for key in book.open if key not in stands]:
        if judged.is_unknown(key):
            book.gone_ms.pop(key, None)
        elif now_ms - book.gone_ms.setdefault(key, now_ms) >= CLEAR_MS:
            del book.gone_ms[key]
            out.append(replace(book.open.pop(key), closed_ms=now_ms))
    return out
