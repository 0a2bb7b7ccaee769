"""What a person ended stays ended: the same evidence opens no incident again."""

from __future__ import annotations

from cloud.warnings.model import Evidence, MsgType, Why
from contract.conditions.targets import ConditionKey
from simulators.promise.warnings import evidence as ev
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.found import is_other
from simulators.promise.warnings.witness import Told, Witness

_ENDS = frozenset({Why.WITHDRAWN, Why.ENDED_BY_PERSON})
_SOON_MS = 60_000  # before the end: what came so late may not have been in it yet


def check_ended(witness: Witness) -> None:
    """Raises Broken when a place that a person's end had set aside is told of, and it was never dry nor got worse."""
    for n, end in enumerate(witness.told):
        if end.why in _ENDS:
            again: set[ConditionKey] = set()
            for t in witness.told[n + 1 :]:
                if t.zone == end.zone and t.msg_type is not MsgType.CANCEL:
                    _told_again(witness, end, t, again)


def _told_again(witness: Witness, end: Told, t: Told, again: set[ConditionKey]) -> None:
    """again: what has been told of since, rightly; it grows."""
    set_aside = [x for x in witness.told if x.incident == end.incident and x.evidence]
    for e in t.evidence:
        mine = [old for x in set_aside for old in x.evidence if old.key == e.key]
        if is_other(t.zone):
            continue  # what was found there is no reading: `found` looks at it
        if not mine or any(era.from_ms > set_aside[-1].sent_ms for era in witness.eras if era.from_ms <= t.seen_ms):
            continue  # it was in none of its messages, or thresholds or names are others now
        worse = e.level.rank > mine[-1].level.rank or _deeper(mine[-1], e, t)
        if e.key in again or worse or _was_lower(witness, end, mine[-1], t):
            again.add(e.key)
            continue
        what = f"{t.id} tells of channel {e.channel} at {e.level.value}"
        fail("what-a-person-ended-stays-ended", f"{what}, as {end.incident} did, ended at {witness.at(end.seen_ms)}")


def _deeper(old: Evidence, new: Evidence, t: Told) -> bool:
    """By a class: above the highest level's threshold doubled, by 0.25 m at least."""
    if old.value is None or new.value is None or new.channel is None:
        return True
    top_m = max(max(rule.levels.values()) for rule in t.catalogue.rules_by_channel.get(new.channel, ()))
    return new.value >= max(top_m, old.value) + 0.25 - ev.MARGIN_M


def _was_lower(witness: Witness, end: Told, old: Evidence, t: Told) -> bool:
    """Whether some reading since it was last told, or told of it a while before, was below its level: it may have been
    at a lower one when it was ended, or have been dry since."""
    if old.channel is None:
        return True
    rules = t.catalogue.rules_by_channel.get(old.channel, ())
    clear_m = min((r.levels[old.level] - r.hysteresis for r in rules if old.level in r.levels), default=float("inf"))
    from_ms = min(old.time_ms or 0, end.sent_ms) - _SOON_MS
    heard = witness.heard.get(old.channel, ())
    return any(h.usable and h.value < clear_m and from_ms <= h.time_ms and h.came_ms <= t.seen_ms for h in heard)
