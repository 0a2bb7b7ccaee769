"""Escalation: told when nobody acted in time, and only then; red goes by no hours.

Every check raises Broken with the property's name. What people did, and what was told when, is the witness's.
"""

from __future__ import annotations

from collections.abc import Sequence

from cloud.delivery.wants import Step
from cloud.log.decision import DecisionKind
from cloud.warnings.model import MsgType
from contract.catalogue.rules import Level
from simulators.promise.warnings.consumers import Consumer
from simulators.promise.warnings.delivered import well_by
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.stood import level_of, stands_since_ms
from simulators.promise.warnings.water import MINUTE_MS
from simulators.promise.warnings.witness import Notice, Told, Witness

_SLACK_MS = 5_000  # of the clocks
_TAKEN_IN_MS = MINUTE_MS  # by then the view knows of a decision
_ACTS = frozenset({DecisionKind.ACKNOWLEDGE, DecisionKind.TAKE_OVER, DecisionKind.END})


def check_escalation(witness: Witness, consumer: Consumer) -> None:
    """Of a consumer that is told by escalation alone, by one step."""
    for step in consumer.wants.steps:
        for incident in dict.fromkeys(t.incident for t in witness.said):
            told = [t for t in witness.said if t.incident == incident]
            _was_due(witness, consumer, step, told)
            _is_told(witness, consumer, step, told)


def _hours(step: Step) -> bool:
    return step.begins != step.ends


def _was_due(witness: Witness, consumer: Consumer, step: Step, told: Sequence[Told | Notice]) -> None:
    """The first that it was told of an incident was due: long enough at a level of the step, within its hours (of the
    night; a run is by day), and nobody had acted within that time."""
    tried = consumer.first_tried.get(told[0].incident)
    if tried is None or any(ms <= tried.at_ms for ms in consumer.doubts):
        return
    place = next((n for n, t in enumerate(told) if t.id == tried.message), None)
    if place is None or told[place].msg_type is MsgType.CANCEL:
        return  # other properties'
    t, since_ms = told[place], stands_since_ms(told[: place + 1])
    what = f"{consumer.name} was told {t.id} at {witness.at(tried.at_ms)}"
    if step.levels and level_of(t) not in step.levels:
        fail("only-what-it-wants", f"{what}, of level {level_of(t).value}")
    due_ms = since_ms + round(step.after_s * 1000)
    if tried.at_ms < due_ms - _SLACK_MS:
        fail("escalated-too-soon", f"{what}, due at {witness.at(due_ms)}")
    if _hours(step) and level_of(t) is not Level.RED:
        fail("escalated-within-its-hours", f"{what}, out of its hours")
    for came_ms, at_ms in _acts(witness, t.incident):
        if at_ms > since_ms + _SLACK_MS and witness.undisturbed_from(came_ms, _TAKEN_IN_MS) < due_ms:
            fail("acted-on-is-not-escalated", f"{what}, and somebody acted at {witness.at(came_ms)}")


def _is_told(witness: Witness, consumer: Consumer, step: Step, told: Sequence[Told | Notice]) -> None:
    """What stands at a level of the step for so long, and nobody acts on it, is told."""
    got = [r.at_ms for r in consumer.has if r.message.incident == told[0].incident]
    for n, t in enumerate(told):
        kept = _hours(step) and level_of(t) is not Level.RED
        if t.msg_type is MsgType.CANCEL or kept or (step.levels and level_of(t) not in step.levels):
            continue
        since_ms = stands_since_ms(told[: n + 1])
        due_ms = well_by(witness, consumer, max(since_ms + round(step.after_s * 1000), t.seen_ms))
        next_ms = told[n + 1].seen_ms if n + 1 < len(told) else witness.world.true_ms
        over_ms = min(next_ms, t.expires_ms or next_ms)
        acted = any(
            at_ms >= since_ms - _TAKEN_IN_MS and came_ms <= due_ms for came_ms, at_ms in _acts(witness, t.incident)
        )
        if due_ms < over_ms and not acted and not any(ms <= due_ms for ms in got):
            name = "red-goes-by-no-hours" if _hours(step) else "escalated-when-nobody-acts"
            fail(name, f"{consumer.name} has not got {t.id} by {witness.at(due_ms)}, and nobody acted")


def _acts(witness: Witness, incident: str) -> list[tuple[int, int]]:
    """When what people did about it came into the log, and when they did it."""
    return [(ms, d.at_ms) for ms, d in witness.decided if d.kind in _ACTS and d.target == incident]
