"""The demonstration's district as its gateways would report it: every channel's value by minute, and who is silent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from cloud.maintenance.engine import Entries
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.readings import Flag, ReadingBatch
from host.district_folder import load

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
START_MS = 1_626_768_000_000
MINUTE_MS = 60_000
# A channel's value at a minute; None: its device answers and it measures nothing; NaN: it does not answer.
Values = Callable[[int, float], float | None]


def jinshui() -> Catalogue:
    return load(JINSHUI)


def numbers(catalogue: Catalogue, quantity: Quantity) -> list[int]:
    return [c.id for c in catalogue.channels.values() if c.quantity is quantity]


def calm(catalogue: Catalogue) -> Values:
    """A dry night: no water, no rain, pumps at rest, mains on."""
    rest = {Quantity.MAINS: 1.0, Quantity.WET_WELL: 1.2, Quantity.STAGE: 84.8}

    def value(channel: int, minute: float) -> float:
        quantity = catalogue.channels[channel].quantity
        base = rest.get(quantity, 0.0)
        # A river is never still: 2 mm up and down.
        return base + 0.002 * (int(minute) % 7) if quantity in (Quantity.STAGE, Quantity.WET_WELL) else base

    return value


def entries(
    catalogue: Catalogue,
    values: Values,
    first: float,
    last: float,
    every_min: float = 1.0,
    silent: Collection[str] = (),
    mute: Collection[int] = (),
) -> Entries:
    """From minute `first` to `last`, an entry a gateway a minute with all its channels, and a tick in between."""
    times, gateways, where, parts = [], [], [], []
    for minute in np.arange(first, last, every_min).tolist():
        now_ms = START_MS + round(minute * MINUTE_MS)
        for gateway, infos in catalogue.channels_by_gateway.items():
            if gateway in silent:
                continue
            rows = [(c.id, values(c.id, minute)) for c in infos if c.id not in mute]
            flags = [Flag.FAIL if v is None else Flag.MISSING if np.isnan(v) else Flag.PASS for _, v in rows]
            found = [np.nan if v is None else v for _, v in rows]
            parts.append(ReadingBatch.of([now_ms] * len(rows), [c for c, _ in rows], found, flags))
            where += [len(times)] * len(rows)
            times.append(now_ms + 500)
            gateways.append(gateway)
        times.append(now_ms + 1000)
        gateways.append("")
    batch = ReadingBatch.concat(parts) if parts else ReadingBatch.empty()
    return Entries(batch, np.array(where, np.int64), times, gateways, [()] * len(times))


def cut(whole: Entries, at: Sequence[int]) -> list[Entries]:
    """The same entries in several calls."""
    out = []
    for a, b in zip([0, *at], [*at, len(whole.now_ms)], strict=True):
        x, y = np.searchsorted(whole.entry, [a, b]).tolist()
        rows = slice(x, y)
        part = (whole.now_ms[a:b], whole.gateways[a:b], whole.origins[a:b])
        out.append(Entries(whole.batch.take(rows), whole.entry[rows] - a, *part))
    return out
