"""Heartbeats: one a minute while cloud and consumer are well, numbered by time, and never "as of" what is not handled.

Every check raises Broken with the property's name.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence

from cloud.log.base import START, BatchLog, Entry
from simulators.promise.warnings.consumers import Beat, Consumer
from simulators.promise.warnings.delivered import well_by
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.water import MINUTE_MS
from simulators.promise.warnings.witness import Witness

_CLOCK_RIGHT_MS = 3 * MINUTE_MS  # into the run: a machine's clock that was wrong at the start is right by then
_SLACK_MS = 15_000  # of a slow consumer, and of a step of the cloud
_LATELY_MS = 3 * MINUTE_MS  # a tick of the log, and what the view takes to come, in a cloud that has run so long
_ALL = 1_000_000


def check_heartbeats(witness: Witness, consumer: Consumer, log: BatchLog) -> None:
    """Of a consumer that wants them. log: as the run ended."""
    if consumer.heartbeat_s is None:
        return
    every_ms = round(consumer.heartbeat_s * 1000)
    beats = [b for b in consumer.beats if b.at_ms > witness.world.start_ms + _CLOCK_RIGHT_MS]
    _numbered(witness, consumer, beats, every_ms)
    _none_missing(witness, consumer, beats, every_ms)
    _handled(witness, consumer, beats, log.read(START, _ALL))
    for b in beats:
        ran = any(a < b.at_ms and until > b.at_ms - _LATELY_MS for a, until in witness.down)
        if not ran and (b.as_of_ms is None or b.as_of_ms < b.at_ms - _LATELY_MS):
            fail("as-of-is-recent", f"{consumer.name} got {b.number} at {witness.at(b.at_ms)}, as of {_at(witness, b)}")


def _numbered(witness: Witness, consumer: Consumer, beats: Sequence[Beat], every_ms: int) -> None:
    """Numbers rise with time, one an interval; the same one again only from a cloud that had fallen meanwhile."""
    for a, b in itertools.pairwise(beats):
        between = f"{consumer.name} got {b.number} at {witness.at(b.at_ms)}, after {a.number} at {witness.at(a.at_ms)}"
        again = b.number == a.number and any(a.at_ms - _SLACK_MS <= fell <= b.at_ms for fell, _ in witness.down)
        if b.number <= a.number and not again:
            fail("a-heartbeat-is-numbered", between)
        if abs((b.number - a.number) * every_ms - (b.at_ms - a.at_ms)) > every_ms + _SLACK_MS:
            fail("a-heartbeat-is-numbered", between)


def _none_missing(witness: Witness, consumer: Consumer, beats: Sequence[Beat], every_ms: int) -> None:
    """Behind each there is another, an interval later or as soon as cloud and consumer are well again."""
    came = [witness.world.start_ms + _CLOCK_RIGHT_MS, *(b.at_ms for b in beats)]
    for at_ms, next_ms in zip(came, [*came[1:], witness.world.true_ms], strict=True):
        due_ms = well_by(witness, consumer, at_ms) + every_ms + _SLACK_MS
        if due_ms < next_ms:
            fail("a-heartbeat-a-minute", f"{consumer.name} got none from {witness.at(at_ms)} to {witness.at(due_ms)}")


def _handled(witness: Witness, consumer: Consumer, beats: Sequence[Beat], entries: Sequence[Entry]) -> None:
    """What the log held, and was measured up to then, had been handled when it was said."""
    for b in beats:
        if b.as_of_ms is None:
            continue
        handled = witness.handled[bisect_right(witness.handled, b.at_ms, key=lambda h: h[0]) - 1][1]
        behind = entries[bisect_right(entries, handled, key=lambda e: e.offset) :]
        early = next((e for e in behind if e.now_ms < b.as_of_ms), None)
        if early is not None:
            what = f"{consumer.name} got {b.number}, as of {_at(witness, b)}"
            fail("as-of-is-handled", f"{what}, and what came at {witness.at(early.now_ms)} was not handled")


def _at(witness: Witness, b: Beat) -> str:
    return "nothing known" if b.as_of_ms is None else witness.at(b.as_of_ms)
