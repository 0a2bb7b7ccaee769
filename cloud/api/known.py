"""Readings of a time and what they held, of channel after channel: what every figure about spells begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cloud.api.series_tables import heard_within_ms, hold_ms
from cloud.hydrology.spells import Held, held
from cloud.series.base import SeriesStore
from cloud.series.blocks import Wanted, blocks
from cloud.series.figures import USABLE
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.quantities import QuantityKind
from contract.readings import Bools, ReadingBatch

Known = tuple[ChannelInfo, ReadingBatch, Held]


def known(
    store: SeriesStore, infos: Sequence[ChannelInfo], start_ms: int, to_ms: int, *, counting: bool = False
) -> Iterator[Known]:
    """Of each channel its readings, with some from before the time, and what they held in it. infos: rising by number.

    counting: of a counter the reading before the time is looked for further back: its first step is counted from it.
    Raises TooMany, and what the store raises.
    """
    # Amounts hold nothing: of them it counts how long a channel may be silent.
    holds = {c.id: hold_ms(c) or heard_within_ms(c) for c in infos}
    if start_ms >= to_ms:
        for c in infos:
            nothing = ReadingBatch.empty()
            yield c, nothing, held(nothing, np.zeros(0, np.bool_), 0, start_ms, start_ms)
        return
    counters = {c.id for c in infos if counting and c.quantity.kind is QuantityKind.COUNTER}
    wanted = [Wanted.of(c, holds[c.id], further=c.id in counters) for c in infos]
    of = {c.id: c for c in infos}
    for block in blocks(store, wanted, np.array([start_ms, to_ms], np.int64)):
        for w, readings in block.each():
            yield of[w.channel], readings, held(readings, believed(readings), holds[w.channel], start_ms, to_ms)


def believed(readings: ReadingBatch) -> Bools:
    """Which of them count: bool[n]."""
    return np.asarray(np.isin(readings.flag, USABLE) & ~np.isnan(readings.value))
