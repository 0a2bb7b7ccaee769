"""Report by exception: which readings are worth the link. Pure, over arrays of channels.

Sent is the first reading of a channel, a value that left the deadband around the last one *sent*, a new flag, every
reading while water rises fast, and one a heartbeat. Held as the last value sent, the series in the cloud then stays
within the deadband of everything that was suppressed.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """send: what to report, in the batch's order. urgent: water rises in it.

    made, suppressed: readings counted by channel number.
    """

    send: ReadingBatch
    urgent: bool
    made: dict[int, int]
    suppressed: dict[int, int]


@dataclass(slots=True)
class ReportState:
    """What was last sent and last seen of each channel. `step` consumes it: use the one it returns."""

    sent_value: Float64s
    sent_ms: Int64s
    sent_flag: Uint8s
    seen_value: Float64s
    seen_ms: Int64s


class Reporter:
    """The settings of a set of channels, compiled to arrays."""

    def __init__(self, numbers: Sequence[int], settings: Sequence[Reporting]) -> None:
        order = np.argsort(np.array(numbers, np.uint32), kind="stable")
        chosen = [settings[i] for i in order]
        self.channels: Uint32s = np.array(numbers, np.uint32)[order]
        self._deadband = np.array([s.deadband for s in chosen], np.float64) + _EPSILON
        self._heartbeat_ms = np.array([s.heartbeat_s * 1000 for s in chosen], np.int64)
        self._burst = np.array([s.burst_rise_per_s or np.inf for s in chosen], np.float64)

    @classmethod
    def of(cls, channels: Sequence[ChannelInfo]) -> Reporter:
        return cls([c.id for c in channels], [c.reporting for c in channels])

    def initial(self) -> ReportState:
        n = len(self.channels)
        never = np.iinfo(np.int64).min // 2
        return ReportState(
            np.full(n, np.nan), np.full(n, never), np.zeros(n, np.uint8), np.full(n, np.nan), np.full(n, never)
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
        keep = late | changed | due | rising
        mark = row[keep & ~late]
        from_batch = keep & ~late
        state.sent_value[mark] = batch.value[from_batch]
        state.sent_ms[mark] = batch.time_ms[from_batch]
        state.sent_flag[mark] = batch.flag[from_batch]
        seen = row[~late]
        state.seen_value[seen] = batch.value[~late]
        state.seen_ms[seen] = batch.time_ms[~late]
        return keep, bool(np.count_nonzero(rising & ~late))


def _count(channels: Uint32s) -> dict[int, int]:
    number, times = np.unique(channels, return_counts=True)
    return dict(zip(number.tolist(), times.tolist(), strict=True))
