"""What people decide about incidents and sensors: state and decision in, state and effect out. Pure.

| Kind | Target | Detail | Effect |
| --- | --- | --- | --- |
| acknowledge | an incident's id | | the first who did so since it was last told of is kept |
| take_over | an incident's id | | the last who did so owns it; who takes over has acknowledged |
| end | an incident's id | reason `false` or `over`, note | it ends; what was wet is set aside, see `incidents` |
| mute | `channel/N`, `station/ID` | until_ms, reason | not believed until then; not after at_ms: heard again |
| rain_signal | `district` | level, valid_until_ms | the weather office's signal; level `none` takes it back |

A mute lasts for `LONGEST_MUTE_MS` at most and may be renewed. A decision that comes twice, or of an incident that is
not open, does nothing. What cannot be meant is refused before it is written (`refusal`); where it stands in the log
all the same, it does nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.model import Act, Ended, Ending, Incident
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.targets import Target, TargetKind

LONGEST_MUTE_MS = 24 * 3_600_000
RAIN_TARGET = "district"
NO_SIGNAL = "none"
KINDS = frozenset(
    {
        DecisionKind.ACKNOWLEDGE,
        DecisionKind.TAKE_OVER,
        DecisionKind.END,
        DecisionKind.MUTE,
        DecisionKind.RAIN_SIGNAL,
    }
)
_OF_INCIDENTS = frozenset({DecisionKind.ACKNOWLEDGE, DecisionKind.TAKE_OVER, DecisionKind.END})
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Mute:
    """A channel or a station that is not believed until a time. Times are UTC milliseconds."""

    target: Target
    until_ms: int
    reason: str
    who: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class RainSignal:
    """The weather office's rain signal, as a person entered it. level: None: there is none.

    valid_until_ms: UTC; None: until it is taken back.
    """

    level: Level | None
    who: str
    at_ms: int
    valid_until_ms: int | None


@dataclass(slots=True)
class People:
    """What holds of what people decided. mutes: by target, those that may last still."""

    mutes: dict[Target, Mute] = field(default_factory=dict)
    rain_signal: RainSignal | None = None


@dataclass(frozen=True, slots=True)
class Muted:
    """For how long the sensors of this channel or station are not to be believed has changed: see `muted_until`."""

    target: Target


@dataclass(frozen=True, slots=True)
class Noted:
    """An open incident as it stands now: acknowledged, or taken over."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class End:
    """An open incident is to be ended."""

    incident: str
    ended: Ended


Effect = Muted | Noted | End


def decide(
    state: People, decision: Decision, catalogue: Catalogue, opened: Sequence[Incident], now_ms: int
) -> tuple[People, Effect | None]:
    """What follows of a decision. opened: the open incidents. None: nothing for conditions and incidents.

    `state` is consumed.
    """
    state.mutes = {target: m for target, m in state.mutes.items() if m.until_ms > now_ms}
    if refusal(decision, catalogue) is not None:
        return state, None
    match decision.kind:
        case DecisionKind.MUTE:
            return _mute(state, decision, now_ms)
        case DecisionKind.RAIN_SIGNAL:
            state.rain_signal = _signal(decision)
            return state, None
        case DecisionKind.ACKNOWLEDGE | DecisionKind.TAKE_OVER | DecisionKind.END:
            found = next((i for i in opened if i.id == decision.target), None)
            return state, None if found is None else _of_incident(found, decision)
    return state, None


def refusal(decision: Decision, catalogue: Catalogue) -> str | None:
    """Why a decision cannot be meant, and what to do instead; None when it can.

    Whether there is an incident of that id is not looked at.
    """
    match decision.kind:
        case DecisionKind.END:
            if decision.detail.get("reason") not in {e.value for e in Ending}:
                return "an incident is ended for a reason: `false` (there was no water) or `over` (it is dealt with)"
            return _note_refusal(decision, "note")
        case DecisionKind.MUTE:
            return _mute_refusal(decision, catalogue)
        case DecisionKind.RAIN_SIGNAL:
            return _signal_refusal(decision)
    return None if decision.kind in KINDS else f"{decision.kind.value} is no decision about warnings"


def of_incident(kind: DecisionKind) -> bool:
    """Is the target of this kind an incident?"""
    return kind in _OF_INCIDENTS


def muted_target(text: str, catalogue: Catalogue) -> Target | str:
    """The channel or station that a mute means; else why it means none."""
    try:
        target = Target.parse(text)
    except ValueError:
        return f"{text!r} is no sensor: write channel/NUMBER or station/ID"
    if target.kind is TargetKind.CHANNEL and target.id in catalogue.channels:
        return target
    if target.kind is TargetKind.STATION and target.id in catalogue.stations:
        return target
    if target.kind is TargetKind.ZONE:
        return "a zone cannot be muted: mute its stations one by one"
    return f"there is no {target.kind.value} {target.id}; see /v1/{target.kind.value}s"


def lasting(state: People, now_ms: int) -> list[Mute]:
    """The mutes that last at a time, those that end first in front."""
    return sorted((m for m in state.mutes.values() if m.until_ms > now_ms), key=lambda m: (m.until_ms, m.target))


def muted_until(state: People, places: Iterable[Target]) -> int:
    """Until when a sensor at these places (its channel, its station) is muted by any of them; 0 when it is not."""
    return max((state.mutes[p].until_ms for p in places if p in state.mutes), default=0)


def signal_at(state: People, now_ms: int) -> RainSignal | None:
    """The rain signal that stands at a time; None when there is none, or it is over."""
    s = state.rain_signal
    if s is None or s.level is None or (s.valid_until_ms is not None and s.valid_until_ms <= now_ms):
        return None
    return s


# --- each kind ---


def _of_incident(incident: Incident, decision: Decision) -> Effect | None:
    act, owner = Act(decision.who, decision.at_ms), incident.owner
    seen = act if _is_news(incident, incident.acknowledged, act) else incident.acknowledged
    match decision.kind:
        case DecisionKind.ACKNOWLEDGE:
            return None if seen is incident.acknowledged else Noted(replace(incident, acknowledged=seen))
        case DecisionKind.TAKE_OVER:
            if owner is not None and owner.who == act.who and not _is_news(incident, owner, act):
                return None
            return Noted(replace(incident, acknowledged=seen, owner=act))
    reason, note = Ending(str(decision.detail["reason"])), str(decision.detail.get("note") or "")
    return End(incident.id, Ended(act.who, act.at_ms, reason, note))


def _is_news(incident: Incident, before: Act | None, act: Act) -> bool:
    """Did nobody do so before, or was the incident told of since? Who saw orange has not seen red, and may say so now:
    the escalation of red asks for that."""
    return before is None or before.at_ms < incident.updated_ms <= act.at_ms


def _mute(state: People, decision: Decision, now_ms: int) -> tuple[People, Effect | None]:
    target, until_ms = Target.parse(decision.target), int(decision.detail["until_ms"] or 0)
    if until_ms <= decision.at_ms:
        return state, None if state.mutes.pop(target, None) is None else Muted(target)
    if until_ms <= now_ms:
        return state, None  # it came too late
    until_ms = min(until_ms, now_ms + LONGEST_MUTE_MS)  # of whose clock was ahead when it was decided
    reason = str(decision.detail.get("reason") or "")
    state.mutes[target] = Mute(target, until_ms, reason, decision.who, decision.at_ms)
    return state, Muted(target)


def _mute_refusal(decision: Decision, catalogue: Catalogue) -> str | None:
    if isinstance(found := muted_target(decision.target, catalogue), str):
        return found
    until_ms = decision.detail.get("until_ms")
    if not isinstance(until_ms, int) or isinstance(until_ms, bool):
        return "a mute needs its end, `until`: at most 24 hours from now"
    if until_ms - decision.at_ms > LONGEST_MUTE_MS:
        return "a mute lasts 24 hours at most: give an earlier end, and renew it when the sensor is not mended by then"
    if until_ms > decision.at_ms and not str(decision.detail.get("reason") or "").strip():
        return "say why the sensor is not to be believed: give a reason"
    return _note_refusal(decision, "reason")


def _signal(decision: Decision) -> RainSignal:
    word, until_ms = str(decision.detail["level"]), decision.detail.get("valid_until_ms")
    level = None if word == NO_SIGNAL else Level(word)
    return RainSignal(level, decision.who, decision.at_ms, until_ms if isinstance(until_ms, int) else None)


def _signal_refusal(decision: Decision) -> str | None:
    if decision.target != RAIN_TARGET:
        return f"a rain signal is of the whole {RAIN_TARGET}, not of {decision.target!r}"
    words = [NO_SIGNAL, *(level.value for level in Level)]
    if decision.detail.get("level") not in words:
        return f"a rain signal is one of {', '.join(words)}"
    until_ms = decision.detail.get("valid_until_ms")
    if until_ms is None:
        return None
    if not isinstance(until_ms, int) or isinstance(until_ms, bool) or until_ms <= decision.at_ms:
        return "a rain signal is valid until a time that is still to come: give a later one, or none"
    return None


def _note_refusal(decision: Decision, name: str) -> str | None:
    text = decision.detail.get(name)
    if text is not None and (not isinstance(text, str) or len(text) > _LONGEST_NOTE):
        return f"the {name} of a decision is a text of at most {_LONGEST_NOTE} characters"
    return None


# --- as the ledger keeps it ---


def people_json(state: People) -> dict[str, Any]:
    """Plain values for JSON."""
    s = state.rain_signal
    return {
        "mutes": [
            {"target": m.target.text, "until_ms": m.until_ms, "reason": m.reason, "who": m.who, "at_ms": m.at_ms}
            for m in state.mutes.values()
        ],
        "rain_signal": s
        and {
            "level": s.level.value if s.level else None,
            "who": s.who,
            "at_ms": s.at_ms,
            "valid_until_ms": s.valid_until_ms,
        },
    }


def people_from_json(data: Mapping[str, Any]) -> People:
    """What `people_json` gave. Raises LookupError, ValueError or TypeError on anything else."""
    mutes = (
        Mute(Target.parse(m["target"]), m["until_ms"], m["reason"], m["who"], m["at_ms"]) for m in data.get("mutes", ())
    )
    s = data.get("rain_signal")
    level = Level(s["level"]) if s and s["level"] else None
    signal = RainSignal(level, s["who"], s["at_ms"], s["valid_until_ms"]) if s else None
    return People({m.target: m for m in mutes}, signal)
