"""What becomes of readings between a driver and the spool: quality, then report by exception. Pure.

Time stands in the readings themselves, so the pipeline is told of no *now*; it is told how far the gateway's time has
jumped, for what it remembers from before a jump stands in another time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.catalogue.catalogue import ChannelInfo
from contract.quality.snapshot import dump, restore
from contract.quality.tests import Check, QualityState, QualityTests
from contract.readings import ReadingBatch, Uint8s, Uint32s
from contract.wire.envelope import Lane
from edge_agent.processing.reporting import Reporter, ReportState


@dataclass(frozen=True, slots=True)
class PipelineState:
    """What quality and reporting remember of each channel. `step` consumes it: use the one it returns.

    jumped_ms: by how much the gateway's time had been put right when it was remembered.
    """

    quality: QualityState
    report: ReportState
    jumped_ms: int


@dataclass(frozen=True, slots=True)
class Processed:
    """readings: what to store and send: the reported ones in the batch's order, then corrections of earlier ones.

    lane: ALARM while water rises fast in a channel or when it reaches a level, else LIVE.
    counts: `made` (all that came), `suppressed` (not worth the link), `reported` (made less suppressed), `corrected`
    (earlier readings that got a worse flag) -> channel number -> readings; a channel without any is left out.
    noticed: readings that a technician should hear of, each (channel, UTC ms, value, what): a counter that began anew,
    fell or leapt.
    """

    judged: ReadingBatch
    readings: ReadingBatch
    lane: Lane
    counts: Mapping[str, Mapping[int, int]]
    noticed: Sequence[tuple[int, int, float, str]] = ()


class Pipeline:
    """Quality and reporting of one gateway's channels, each with the settings of its catalogue."""

    def __init__(self, channels: Sequence[ChannelInfo], levels: Mapping[int, Collection[float]] | None = None) -> None:
        """levels: by channel, what rules compare its values with. Raises ValueError when a channel is listed twice."""
        self._quality = QualityTests.of(channels)
        self._reporter = Reporter.of(channels, levels)

    def initial(self, jumped_ms: int = 0) -> PipelineState:
        """Nothing seen, nothing sent: the first reading of each channel is reported."""
        return PipelineState(self._quality.initial(), self._reporter.initial(), jumped_ms)

    def snapshot(self, state: PipelineState, now_ms: int) -> dict[str, Any]:
        """What the quality tests remember, for `restored` after a restart; report by exception begins anew then."""
        return dump(self._quality, state.quality, now_ms)

    def restored(self, snapshot: Mapping[str, Any], now_ms: int, jumped_ms: int = 0) -> PipelineState:
        """As `initial`, but with what `snapshot` gave. Raises LookupError, ValueError or TypeError on anything else."""
        return PipelineState(restore(self._quality, snapshot, now_ms), self._reporter.initial(), jumped_ms)

    def step(self, state: PipelineState, batch: ReadingBatch, jumped_ms: int = 0) -> tuple[PipelineState, Processed]:
        """Readings as drivers gave them, those of one channel in time order, stamped in the time after the jump.

        jumped_ms: by how much the gateway's time has been put right since it started. When it differs from the
        state's, nothing that is remembered is compared in time any more, and every channel is reported anew.
        """
        if jumped_ms != state.jumped_ms:
            undated = self._quality.undated(state.quality)
            state = PipelineState(undated, self._reporter.initial(), jumped_ms)
        quality, judged = self._quality.step(state.quality, batch)
        flagged = batch.with_flags(judged.flag)
        memory, report = self._reporter.step(state.report, flagged)
        corrections = judged.corrections
        counts = {
            "made": report.made,
            "suppressed": report.suppressed,
            "reported": _count(report.send.channel),
            "corrected": _count(corrections.channel),
        }
        readings = ReadingBatch.concat([report.send, corrections]) if len(corrections) else report.send
        lane = Lane.ALARM if report.urgent else Lane.LIVE
        return PipelineState(quality, memory, jumped_ms), Processed(
            flagged, readings, lane, counts, _noticed(batch, judged.tests)
        )


_WORTH_A_WORD = {
    Check.COUNTER_RESET: "its counter began anew or fell: what it counted meanwhile is lost, sums say 'at least'",
    Check.COUNTER_IMPLAUSIBLE: "its counter leapt by more than the instrument can count: not counted",
    Check.COUNTER_NEGATIVE: "its counter went back by a tip or two: not counted",
}


def _noticed(batch: ReadingBatch, tests: Uint8s) -> Sequence[tuple[int, int, float, str]]:
    bits = np.uint8(sum(_WORTH_A_WORD))
    rows = np.flatnonzero(tests & bits)
    return [
        (int(batch.channel[i]), int(batch.time_ms[i]), float(batch.value[i]), words)
        for i in rows.tolist()
        for check, words in _WORTH_A_WORD.items()
        if tests[i] & check
    ]


def _count(channels: Uint32s) -> Mapping[int, int]:
    return Counter(channels.tolist())
