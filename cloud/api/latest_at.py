"""The newest reading of each channel as it was at a time past."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cloud.api.series_tables import HOLDS_HEARTBEATS
from cloud.series.base import SeriesStore
from cloud.series.blocks import Wanted, blocks
from contract.catalogue.catalogue import ChannelInfo
from contract.readings import ReadingBatch


def newest_at(store: SeriesStore, infos: Sequence[ChannelInfo], at_ms: int) -> ReadingBatch:
    """One row a channel that was read within two heartbeats up to that time, by channel.

    infos: rising by number. A channel silent for longer was unknown then: what it said before is not looked for, as
    that might be anywhere in years. Raises TooMany, and what the store raises.
    """
    wanted = [Wanted.of(c, round(1000 * HOLDS_HEARTBEATS * c.reporting.heartbeat_s)) for c in infos]
    found = []
    for block in blocks(store, wanted, np.array([at_ms, at_ms + 1], np.int64)):
        readings = block.readings.take(block.readings.time_ms <= at_ms)
        last = np.ones(len(readings), np.bool_)
        last[:-1] = readings.channel[1:] != readings.channel[:-1]
        found.append(readings.take(last))
    return ReadingBatch.concat(found) if found else ReadingBatch.empty()
