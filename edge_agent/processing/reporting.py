"""Report by exception: which readings are worth the link. Pure, over arrays of channels.

Sent is the first reading of a channel, a value that left the deadband around the last one *sent*, a new flag, every
reading while water rises fast, one a heartbeat, and one that reaches a level of a rule which the last one sent was
below, with the one after it: of a slow rise nobody is to be told a deadband late, nor on one reading. Held as the last
value sent, the series in the cloud then stays within the deadband of everything that was suppressed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.channel_settings import Reporting
from contract.kth_readings import kth_readings
from contract.readings import Bools, Float64s, Int64s, ReadingBatch, Uint8s, Uint32s

# Half of the smallest step a channel can make (9 decimals): rounding must not look like a change.
_EPSILON = 5e-10


@dataclass(frozen=True, slots=True)
class Report:
    """send: what to report, in the batch's order. urgent: water rises in it, or reaches a level.

    made, suppressed: readings counted by channel number.
    """

    send: ReadingBatch
    urgent: bool
    made: dict[int, int]
    suppressed: dict[int, int]


@dataclass(slots=True)
class ReportState:
    """What was last sent and last seen of each channel. `step` consumes it: use the one it returns.

    reached: whether the last one seen reached a level that the one sent before it was below.
    """

    sent_value: Float64s
    sent_ms: Int64s
    sent_flag: Uint8s
    seen_value: Float64s
    seen_ms: Int64s
    reached: Bools


class Reporter:
    """The settings of a set of channels, compiled to arrays. levels: by channel, what rules compare its values with."""

    def __init__(
        self,
        numbers: Sequence[int],
        settings: Sequence[Reporting],
        levels: Mapping[int, Collection[float]] | None = None,
    ) -> None:
        order = np.argsort(np.array(numbers, np.uint32), kind="stable")
        chosen = [settings[i] for i in order]
        self.channels: Uint32s = np.array(numbers, np.uint32)[order]
        self._deadband = np.array([s.deadband for s in chosen], np.float64) + _EPSILON
        self._heartbeat_ms = np.array([s.heartbeat_s * 1000 for s in chosen], np.int64)
        self._burst = np.array([s.burst_rise_per_s or np.inf for s in chosen], np.float64)
        own = [sorted((levels or {}).get(n, ())) for n in self.channels.tolist()]
        self._levels = np.full((len(own), max(map(len, own), default=0)), np.inf)
        for row, values in enumerate(own):
            self._levels[row, : len(values)] = values

    @classmethod
    def of(cls, channels: Sequence[ChannelInfo], levels: Mapping[int, Collection[float]] | None = None) -> Reporter:
        return cls([c.id for c in channels], [c.reporting for c in channels], levels)

    def initial(self) -> ReportState:
        n = len(self.channels)
        never = np.iinfo(np.int64).min // 2
        return ReportState(
            np.full(n, np.nan),
            np.full(n, never),
            np.zeros(n, np.uint8),
            np.full(n, np.nan),
            np.full(n, never),
            np.zeros(n, np.bool_),
        )

    def step(self, state: ReportState, batch: ReadingBatch) -> tuple[ReportState, Report]:
        """Readings of a channel that is not listed, and those older than one already seen, are always sent."""
        send = np.ones(len(batch), np.bool_)
        urgent = False
        for where, row in kth_readings(self.channels, batch):
            keep, rising = self._round(state, row, batch.take(where))
            send[where] = keep
            urgent |= rising
        return state, Report(batch.take(send), urgent, _count(batch.channel), _count(batch.channel[~send]))

    def _round(self, state: ReportState, row: Int64s, batch: ReadingBatch) -> tuple[Bools, bool]:
        late = batch.time_ms <= state.seen_ms[row]
        missing = np.isnan(batch.value)
        away = np.abs(batch.value - state.sent_value[row]) > self._deadband[row]
        # From or to a missing value is a change, too; the flag shows it, except before the first sending.
        changed = away | (missing != np.isnan(state.sent_value[row])) | (batch.flag != state.sent_flag[row])
        due = batch.time_ms - state.sent_ms[row] >= self._heartbeat_ms[row]
        elapsed_s = np.maximum(batch.time_ms - state.seen_ms[row], 1) / 1000
        rising = (batch.value - state.seen_value[row]) / elapsed_s >= self._burst[row]
        before, level = state.sent_value[row][:, None], self._levels[row]
        reached: Bools = np.any((batch.value[:, None] >= level) & ~(before >= level), axis=1)
        keep = late | changed | due | rising | reached | state.reached[row]
        mark = row[keep & ~late]
        from_batch = keep & ~late
        state.sent_value[mark] = batch.value[from_batch]
        state.sent_ms[mark] = batch.time_ms[from_batch]
        state.sent_flag[mark] = batch.flag[from_batch]
        seen = row[~late]
        state.seen_value[seen] = batch.value[~late]
        state.seen_ms[seen] = batch.time_ms[~late]
        state.reached[seen] = reached[~late]
        return keep, bool(np.count_nonzero((rising | reached) & ~late))


def _count(channels: Uint32s) -> dict[int, int]:
    return Counter(channels.tolist())
