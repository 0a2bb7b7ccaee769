"""What a zone's conditions amount to: one incident, few updates. Pure.

An incident opens with the first level in its zone and closes when none is left, or when a person ends it. What an
Update is sent for, and how long that may wait, is in `cloud.warnings.news`. Two hundred wet sensors are not two hundred
warnings: EEMUA 191 calls more than 10 alarms in 10 minutes a flood and fewer than 6 an hour the target.

Silence holds an incident for as long as it lasts: only dry readings or a person end it. Conditions that a person has
ended are set aside: they open no incident again until they were dry, or are worse than they were when it was ended.

A step costs what has moved in it: zones in which nothing did are looked at when their next message may be due.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloud.log.origin import Origin
from cloud.warnings.blind import BlindState
from cloud.warnings.due import Calendar
from cloud.warnings.evidence import EvidenceOf, as_it_stood, certainty, highest, without_old_rises
from cloud.warnings.gateways import Played, Said, gateways_of, heads_of, zones_of_targets
from cloud.warnings.model import Announcement, Ended, Evidence, Incident, MsgType, Why, incident_id
from cloud.warnings.news import JUDGED, LOST, Haste, Scale, Told, is_deeper, news, weightiest
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import Change, Condition, Reason
from contract.conditions.targets import ConditionKey, Target


@dataclass(slots=True)
class OpenIncident:
    """An open incident, and what its last message said.

    told, told_ms: as it stood then, and when. worse_ms: when something was first seen that may not wait long. lost:
    conditions that lost their level without dry readings, and why. next_ms: when time alone may bring a message.
    """

    incident: Incident
    told: Incident
    told_ms: int
    worse_ms: int | None = None
    lost: dict[ConditionKey, Why] = field(default_factory=dict)
    next_ms: int = 0
    _as_told: Told | None = field(default=None, compare=False, repr=False)

    def as_told(self) -> Told:
        """`told`, ready to be compared with."""
        if self._as_told is None or self._as_told.incident is not self.told:
            self._as_told = Told(self.told)
        return self._as_told


@dataclass(frozen=True, slots=True)
class Aside:
    """How a condition stood when a person ended its incident. value: in its quantity's unit."""

    level: Level
    value: float | None


@dataclass(slots=True)
class IncidentState:
    """wet: by zone, the conditions with a level; it follows from the conditions, and the first step makes it.

    open: by zone, the first of those that share incidents. aside: conditions that are wet still and whose incident a
    person ended. ended: by zone, the id of the last one that a person ended. looked_at: the zones that the last step
    may have altered. due_ms: time alone brings no message of any incident before. said: what gateways say
    of themselves. blind: zones of which nothing is known, see `cloud.warnings.blind`.

    calendar: of the open incidents. losing: zones whose incidents may have lost a condition without dry readings. Both
    follow from `open`; None: they are to be made.
    """

    open: dict[str, OpenIncident] = field(default_factory=dict)
    aside: dict[ConditionKey, Aside] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    wet: dict[str, set[ConditionKey]] | None = None
    looked_at: list[str] = field(default_factory=list)
    due_ms: int = 0
    calendar: Calendar | None = field(default=None, compare=False)
    losing: set[str] | None = field(default=None, compare=False)
    said: Said = field(default_factory=Said)
    blind: BlindState = field(default_factory=BlindState)

    def hear_origin(self, origin: Origin) -> None:
        """Where a gateway's readings come from, from now on."""
        self.said = self.said.hearing(origin)

    def go_back(self, now_ms: int) -> None:
        """The log was ahead of time: no moment that is kept here is later than now, and all are looked at."""
        self.blind.go_back(now_ms)
        for o in self.open.values():
            o.incident, o.told = o.incident.not_after(now_ms), o.told.not_after(now_ms)
            o.told_ms, o.next_ms = min(o.told_ms, now_ms), now_ms
            o.worse_ms = None if o.worse_ms is None else min(o.worse_ms, now_ms)
        self.due_ms, self.calendar = now_ms, None

    def note(self, incident: Incident) -> None:
        """An open incident as it stands now: acknowledged, or taken over."""
        if incident.blind:
            self.blind.note(incident)
        else:
            self.open[incident.zone].incident = incident

    def due(self, now_ms: int) -> bool:
        """May time alone bring a message now?"""
        return self.wet is None or min(self.due_ms, self.blind.next_ms) <= now_ms


class Incidents:
    """quantities: of each condition, what the values that it judges are. gateways: as `gateways_of` gives them."""

    def __init__(
        self,
        catalogue: Catalogue,
        quantities: Mapping[ConditionKey, Quantity],
        settings: WarningSettings,
        gateways: Mapping[Target, frozenset[str]] | None = None,
    ) -> None:
        self._catalogue, self._quantities, self._settings = catalogue, quantities, settings
        self._evidence = EvidenceOf(catalogue, quantities, gateways_of(catalogue) if gateways is None else gateways)
        self._zone = zones_of_targets(catalogue)
        self._watched = {key.target for key in quantities}
        self._place = {zone: n for n, zone in enumerate(catalogue.zones)}
        self._head = heads_of(catalogue)
        self.played = Played(catalogue)
        many = Counter(self._head.values())
        self._alone = {zone for zone, head in self._head.items() if many[head] == 1}  # those that share no incidents
        rules = {rule.id: rule for rule in catalogue.rules}
        once = {(key.rule, q) for key, q in quantities.items() if key.rule in rules}
        scales = {(rule, q): Scale.of(rules[rule], q) for rule, q in once}
        found = ((key, scales.get((key.rule, q))) for key, q in quantities.items())
        self._scales = {key: scale for key, scale in found if scale is not None}

    def zones_of(self, targets: Iterable[Target]) -> list[str]:
        """By what zones the incidents of these targets go, in the catalogue's order."""
        return self._sorted({self._head[self._zone[target]] for target in targets})

    def refresh(
        self,
        state: IncidentState,
        conditions: Mapping[ConditionKey, Condition],
        stood: Mapping[ConditionKey, Condition],
    ) -> IncidentState:
        """After a restart: open incidents rest on what they rested on when they were looked at last, which is not
        stored as often as it changes. conditions: those with a level; none under other rules: there, and where a zone
        is another now, only values are altered, and the next step finds what was lost. stood: by the keys of evidence.
        `state` is consumed."""
        wet: dict[str, list[Condition]] = {}
        for key in sorted(conditions):
            if key not in state.aside and key.target in self._zone:
                wet.setdefault(self._head[self._zone[key.target]], []).append(conditions[key])
        for zone, o in state.open.items():
            if zone in wet and self._head.get(zone) == zone:
                evidence = tuple(self._evidence.of(c, self.played(state.said)) for c in wet[zone])
                level, zones = highest(wet[zone]), self._zones(evidence)
                o.incident = replace(o.incident, level=level, evidence=evidence, zones=zones)
            else:
                o.incident = as_it_stood(o.incident, stood)
        return state

    def step(
        self,
        state: IncidentState,
        conditions: Mapping[ConditionKey, Condition],
        moved: Iterable[ConditionKey],
        now_ms: int,
        changes: Sequence[Change] = (),
    ) -> tuple[IncidentState, list[Announcement]]:
        """moved: the conditions that may have altered since the last step. changes: what befell them, and those that
        are watched no longer. `state` is consumed."""
        out: list[Announcement] = []
        left: set[str] = set()
        if state.wet is None:  # a restart, perhaps with another catalogue: look at everything once
            state.wet = {zone: set() for zone in self._place}
            state.losing = state.calendar = None
            moved = list(conditions)
            state.aside = self._set_aside_still(state.aside, conditions)
            left = self._move_house(state, conditions, now_ms, out)
        zones = {self._head[zone] for zone in left if zone in self._head}
        for key in moved:
            zone = self._head[self._zone[key.target]]
            zones.add(zone)
            (state.wet[zone].discard if conditions[key].level is None else state.wet[zone].add)(key)
            self._heed_again(state, conditions[key])
        if changes:
            self._note_all_lost(state, changes, zones)
        if state.calendar is None:
            state.calendar = Calendar(state.open)
        due = state.due_ms <= now_ms
        if due:
            zones.update(state.calendar.due(state.open, now_ms))
        state.looked_at = self._sorted(zones)
        for zone in state.looked_at:
            wet = [conditions[key] for key in sorted(state.wet[zone]) if key not in state.aside]
            current = state.open.get(zone)
            if current is None:
                if wet:
                    state.open[zone] = self._open(zone, wet, state, now_ms, out)
            elif not wet:
                self._close(current, now_ms, out)
                del state.open[zone]
            else:
                self._go_on(state, current, wet, now_ms, out)
        state.calendar.note(state.open, zones)
        if due:
            state.due_ms = state.calendar.next_ms(state.open)
        else:  # of a zone that was looked at it may be later than before; that is found out when it is due
            state.due_ms = min([state.due_ms, *(state.open[zone].next_ms for zone in zones if zone in state.open)])
        state.looked_at += sorted(left - zones)
        return state, out

    def end(
        self, state: IncidentState, incident: str, ended: Ended, now_ms: int
    ) -> tuple[IncidentState, list[Announcement]]:
        """A person ends an incident; nothing when it is not open. `state` is consumed."""
        zone = next((zone for zone, o in state.open.items() if o.incident.id == incident), None)
        if zone is None:
            return state, []
        o = state.open.pop(zone)
        for e in o.incident.evidence:
            state.aside[e.key] = Aside(e.level, e.value)
        state.ended[zone] = incident
        closed = replace(self._closed(o, now_ms), evidence=o.incident.evidence, ended=ended)
        if zone not in state.looked_at:
            state.looked_at.append(zone)
        return state, [Announcement(closed, MsgType.CANCEL, ended.why)]

    # --- what befalls conditions ---

    def _heed_again(self, state: IncidentState, c: Condition) -> None:
        """One that was set aside counts again when it is dry, or worse than it was."""
        aside = state.aside.get(c.key)
        if aside is None:
            return
        worse = c.level is not None and (
            c.level.rank > aside.level.rank
            or (c.key in self._scales and is_deeper(aside.value, c.shown_value, self._scales[c.key]))
        )
        if c.level is None or worse:
            del state.aside[c.key]

    def _note_all_lost(self, state: IncidentState, changes: Sequence[Change], zones: set[str]) -> None:
        """zones: that are to be looked at; it gains those of incidents that lost something without dry readings."""
        if state.losing is None:
            state.losing = set(state.open)
        losing = {zone: state.open[zone] for zone in state.losing if zone in state.open and state.open[zone].lost}
        for change in changes:
            self._note_lost(state, change, losing, zones)
        state.losing = set(losing)

    def _note_lost(
        self, state: IncidentState, change: Change, losing: dict[str, OpenIncident], zones: set[str]
    ) -> None:
        """losing, zones: the open incidents that lost a condition without dry readings, and the zones that are to be
        looked at; both gain what this change adds."""
        before, level = change.level_before, change.level
        fell = before is not None and (level is None or level.rank < before.rank)
        why = LOST.get(change.reason)
        if why is Why.NO_LONGER_WATCHED and change.key not in self._quantities and change.key.target in self._watched:
            why = Why.THRESHOLDS_CHANGED  # one rule was taken out, and another watches there
        if fell and why is not None:
            for zone, o in state.open.items():
                if any(e.key == change.key for e in o.incident.evidence):
                    o.lost[change.key] = why
                    losing[zone] = o
                    zones.add(zone)
        elif change.reason in JUDGED:
            for zone, o in losing.items():
                if change.key in o.lost and (level is None or self._is_in(change, zone)):
                    del o.lost[change.key]

    def _set_aside_still(
        self, aside: Mapping[ConditionKey, Aside], conditions: Mapping[ConditionKey, Condition]
    ) -> dict[ConditionKey, Aside]:
        """After a restart: not what is dry; where a rule has another name now, what it finds at the same place."""
        renamed = {key.target: a for key, a in aside.items() if key not in self._quantities}
        heirs = {key: renamed[key.target] for key in conditions if key not in aside and key.target in renamed}
        return {key: a for key, a in aside.items() if key in conditions} | heirs

    def _is_in(self, change: Change, zone: str) -> bool:
        """Not so of a place that has another zone now: what rises there says nothing of this one."""
        return self._head[self._zone[change.key.target]] == zone

    def _move_house(
        self, state: IncidentState, conditions: Mapping[ConditionKey, Condition], now_ms: int, out: list[Announcement]
    ) -> set[str]:
        """Incidents go where their places are now: zones may be gone, be other ones or share incidents, and places may
        have other zones. Those whose places are gone, or in several zones that are not theirs, end. What was told of a
        place that is wet still and in another zone now is lost, not dry. The zones that were altered."""
        moved = set()
        wet = {key.target for key, c in conditions.items() if c.level is not None}
        for zone, o in list(state.open.items()):
            now_in = {self._head[self._zone[e.key.target]] for e in o.incident.evidence if e.key.target in self._zone}
            stays = zone in now_in or (not now_in and self._head.get(zone) == zone)
            to = zone if stays else now_in.pop() if len(now_in) == 1 else None
            if to != zone:
                moved.add(zone)
                del state.open[zone]
                if to is None or to in state.open:
                    out.append(Announcement(self._closed(o, now_ms), MsgType.CANCEL, Why.NO_LONGER_WATCHED))
                    continue
                moved.add(to)
                o.incident, o.told = (replace(i, zone=to) for i in (o.incident, o.told))
                state.open[to] = o
            for e in (*o.told.evidence, *o.incident.evidence):
                if e.key.target in wet and self._head[self._zone[e.key.target]] != to:
                    o.lost[e.key] = Why.NO_LONGER_WATCHED
                    moved.add(to)
        return moved

    # --- one zone ---

    def _open(
        self, zone: str, wet: list[Condition], state: IncidentState, now_ms: int, out: list[Announcement]
    ) -> OpenIncident:
        level, evidence = highest(wet), tuple(self._evidence.of(c, self.played(state.said)) for c in wet)
        name = incident_id(self._catalogue.district.id, zone, now_ms)
        if (last := state.ended.get(zone, "")).startswith(name):  # ended and worse within one second
            name = f"{last}b"
        zones = self._zones(evidence)
        incident = Incident(name, zone, level, level, certainty(wet, level), now_ms, now_ms, None, evidence, zones)
        incident = replace(incident, simulated=any(e.simulated for e in evidence))
        out.append(Announcement(incident, MsgType.ALERT, Why.OPENED))
        opened = OpenIncident(incident, incident, now_ms)
        opened.next_ms = self._due_ms(opened, Haste.RENEWAL)
        return opened

    def _close(self, current: OpenIncident, now_ms: int, out: list[Announcement]) -> None:
        closed = self._closed(current, now_ms)
        why = weightiest(current.lost.values()) if current.lost else Why.ENDED_DRY
        of_depth = current.told.of_depth or current.incident.of_depth
        out.append(Announcement(closed, MsgType.CANCEL, why, of_depth, current.told.of_rain and not of_depth))

    def _closed(self, o: OpenIncident, now_ms: int) -> Incident:
        """It ends in all zones that it was told of, not only in those that were wet last: nobody is told of the others
        again."""
        ended_in = tuple(self._sorted({*o.told.zones, *o.incident.zones}))
        return replace(o.incident, updated_ms=now_ms, closed_ms=now_ms, evidence=(), zones=ended_in)

    def _go_on(
        self, state: IncidentState, current: OpenIncident, wet: list[Condition], now_ms: int, out: list[Announcement]
    ) -> None:
        level, evidence = highest(wet), tuple(self._evidence.of(c, self.played(state.said)) for c in wet)
        now = current.incident = replace(
            current.incident,
            level=level,
            peak_level=max(current.incident.peak_level, level, key=lambda x: x.rank),
            certainty=certainty(wet, level, current.incident.certainty),
            evidence=evidence,
            zones=self._zones(evidence),
            simulated=current.incident.simulated or any(e.simulated for e in evidence),
        )
        muted = any(c.reason is Reason.MUTED for c in wet)
        why, haste = news(current.as_told(), now, current.lost, self._scales, muted)
        if haste > Haste.GATHER:
            current.worse_ms = None
        elif current.worse_ms is None:
            current.worse_ms = now_ms
        current.next_ms = self._due_ms(current, haste)
        if now_ms < current.next_ms:
            return
        says = current.told if why is Why.RENEWAL else without_old_rises(now, now_ms)  # a renewal has the same text
        current.told = replace(says, updated_ms=now_ms, acknowledged=now.acknowledged, owner=now.owner)
        current.incident = replace(now, updated_ms=now_ms)
        current.told_ms, current.worse_ms = now_ms, None
        out.append(Announcement(current.told, MsgType.UPDATE, why))
        current.next_ms = self._due_ms(current, Haste.RENEWAL)

    def _due_ms(self, o: OpenIncident, haste: Haste) -> int:
        """When the next message of an incident as it stands is due."""
        s = self._settings
        if haste is Haste.AT_ONCE:
            return o.told_ms
        assert o.told.level is not None, "a blind notice is none of these"
        expires_s = self._catalogue.response_plan.responses[o.told.level].expires_s
        renewal_ms = o.told_ms + math.ceil(s.renew_after_s(expires_s) * 1000)
        if haste is Haste.RENEWAL:
            return renewal_ms
        if haste is Haste.GATHER:
            assert o.worse_ms is not None
            return min(renewal_ms, o.worse_ms + math.ceil(s.gather_s * 1000))
        return min(renewal_ms, o.told_ms + math.ceil((s.quiet_s if haste is Haste.QUIET else s.evidence_s) * 1000))

    # --- shapes ---

    def _zones(self, evidence: Sequence[Evidence]) -> tuple[str, ...]:
        first = self._zone[evidence[0].key.target]
        if first in self._alone:
            return (first,)
        return tuple(self._sorted({self._zone[e.key.target] for e in evidence}))

    def _sorted(self, zones: Iterable[str]) -> list[str]:
        """As the catalogue has them; behind them those that it has no longer."""
        return sorted(zones, key=lambda zone: (self._place.get(zone, len(self._place)), zone))
