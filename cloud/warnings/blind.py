"""Zones of which nothing is known any more: who is to be told, and when. Pure.

A zone is dark while all its watched channels are unknown: silent, or without a usable reading. Those that a person
muted are left aside; a zone that was never heard, or whose channels are all muted, is not dark. After `blind_after_s`
of that a notice tells of it, one of all dark zones together; real and simulated ones apart. Missing readings are
unknown: a notice has no level, and its end is no all-clear.

| What | Message | When |
| --- | --- | --- |
| a zone is dark for `blind_after_s` | Alert, blind | at once; with it those dark for half as long |
| another one is, and is still | Update, blind | `quiet_s` after the last message |
| half of a zone is heard for `SEEN_AFTER_MS`, or a warning speaks for it | Update, area | `evidence_s` after the last |
| nothing | Update, renewal | until `renew_s` before it expires |
| no zone is left | Cancel, seen_again (no_longer_watched) | at once |
| a person ends it | Cancel | at once; its zones count again when they were heard |

Where the log stood still for longer than `AWAY_MS`, it was us who heard nothing: the time begins again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from cloud.warnings.gateways import zones_of_targets
from cloud.warnings.model import Announcement, Certainty, Ended, Incident, MsgType, Sight, Why, incident_id
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.columns import NOT_DUE, UNKNOWN, State
from contract.conditions.state import Condition, ConditionState, Reason
from contract.conditions.targets import ConditionKey, Target

AWAY_MS = 900_000
SEEN_AFTER_MS = 1_200_000  # one reading is good for ten minutes with most rules: that alone is no return


class Sense(Enum):
    """How a channel stands."""

    HEARD = 0
    SILENT = 1
    MUTED = 2
    NEVER_HEARD = 3


_HEARD = (Sense.HEARD, 0, 0)


@dataclass(frozen=True, slots=True)
class Notice:
    """incident: as it stands. told, told_ms: as its last message said, and when."""

    incident: Incident
    told: Incident
    told_ms: int


@dataclass(slots=True)
class BlindState:
    """notices: of real zones (False) and of simulated ones (True). ended: zones whose notice a person ended and that
    were not heard since. seen_ms: by zone of a notice, since when enough of it is heard. awake_ms: when the log last
    went on after it had stood still.

    channels, dark: follow from the conditions: how each stands and the time of its last reading, and by zone since when
    it is dark and when anything was last read of it. spoken_for: the dark zones of which a warning spoke when they were
    last looked at. next_ms: when time alone may bring something.
    """

    notices: dict[bool, Notice] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    seen_ms: dict[str, int] = field(default_factory=dict)
    awake_ms: int = 0
    channels: dict[ConditionKey, tuple[Sense, int, int]] = field(default_factory=dict)
    dark: dict[str, tuple[int, int]] = field(default_factory=dict)
    spoken_for: set[str] = field(default_factory=set)
    next_ms: int = 0

    def awake(self, now_ms: int) -> None:
        """The log goes on after it stood still for long."""
        self.awake_ms = self.next_ms = now_ms

    def go_back(self, now_ms: int) -> None:
        """The log was ahead of time: no moment that is kept here is later than now."""
        self.awake_ms, self.next_ms = min(self.awake_ms, now_ms), now_ms
        self.seen_ms = {zone: min(ms, now_ms) for zone, ms in self.seen_ms.items()}
        for simulated, n in self.notices.items():
            back = n.incident.not_after(now_ms), n.told.not_after(now_ms)
            self.notices[simulated] = Notice(*back, min(n.told_ms, now_ms))

    def note(self, incident: Incident) -> None:
        """An open notice as it stands now: acknowledged, or taken over."""
        for simulated, n in self.notices.items():
            if n.incident.id == incident.id:
                self.notices[simulated] = replace(n, incident=incident)

    def opened(self) -> list[Incident]:
        """The open notices."""
        return [n.incident for n in self.notices.values()]


class Blindness:
    """The blind notices of a district. gateways: as `gateways_of` gives them."""

    def __init__(
        self,
        catalogue: Catalogue,
        keys: Iterable[ConditionKey],
        settings: WarningSettings,
        gateways: Mapping[Target, frozenset[str]],
    ) -> None:
        self._catalogue, self._settings = catalogue, settings
        self._after_ms = math.ceil(settings.blind_after_s * 1000)
        self._zone_of: dict[ConditionKey, str] = {}
        self._keys: dict[str, list[ConditionKey]] = {zone: [] for zone in catalogue.zones}
        seen = set()
        self._gateways: dict[str, set[str]] = {zone: set() for zone in catalogue.zones}
        zones = zones_of_targets(catalogue)
        for key in sorted(keys):
            if key.target not in seen:  # several rules of one channel hear the same
                seen.add(key.target)
                zone = self._zone_of[key] = zones[key.target]
                self._keys[zone].append(key)
                self._gateways[zone].update(gateways.get(key.target, ()))

    def begin(self, state: BlindState, conditions: State) -> None:
        """At a start, perhaps with another catalogue: how every channel stands."""
        state.channels = dict.fromkeys(self._zone_of, _HEARD)
        for row in np.flatnonzero(conditions.state == UNKNOWN).tolist():
            if (key := conditions.listed[row]) in state.channels:
                state.channels[key] = _sense(conditions.at(row))
        state.dark.clear()
        state.seen_ms = {zone: ms for zone, ms in state.seen_ms.items() if zone in self._keys}
        state.ended &= self._keys.keys()
        for zone in self._keys:
            self._look_at(state, zone, state.seen_ms.get(zone, 0))
        state.next_ms = 0

    def step(
        self,
        state: BlindState,
        moved: Iterable[Condition],
        warned: Iterable[Incident],
        simulated: frozenset[str],
        now_ms: int,
    ) -> list[Announcement]:
        """moved: conditions that may have altered. warned: the open incidents of water. simulated: gateways.

        Changes `state`.
        """
        touched = set()
        for c in moved:
            zone = self._zone_of.get(c.key)
            if zone is not None and state.channels.get(c.key) != (now := _sense(c)):
                state.channels[c.key] = now
                touched.add(zone)
        for zone in self._in_order(touched):
            self._look_at(state, zone, now_ms)
        warned_zones = {z for i in warned for z in i.zones or (i.zone,)} if state.dark or state.notices else set()
        silenced = not state.spoken_for <= warned_zones  # a warning that spoke of them has ended
        if not (touched or silenced or state.notices) and now_ms < state.next_ms:
            return []
        state.spoken_for, state.next_ms = state.dark.keys() & warned_zones, NOT_DUE
        out: list[Announcement] = []
        for kind in (False, True):
            self._notice(state, kind, warned_zones, simulated, now_ms, out)
        return out

    def end(self, state: BlindState, incident: str, ended: Ended, now_ms: int) -> list[Announcement]:
        """A person ends a notice; nothing when none of that id is open."""
        for kind, n in list(state.notices.items()):
            if n.incident.id == incident:
                del state.notices[kind]
                state.ended |= set(n.incident.zones) & state.dark.keys()
                closed = replace(n.incident, updated_ms=now_ms, closed_ms=now_ms, ended=ended)
                return [Announcement(closed, MsgType.CANCEL, ended.why)]
        return []

    # --- one zone ---

    def _look_at(self, state: BlindState, zone: str, now_ms: int) -> None:
        """Is it dark, and is enough of it heard?"""
        found = [state.channels[key] for key in self._keys[zone]]
        heard = sum(sense is Sense.HEARD for sense, _, _ in found)
        silent = [(since_ms, read_ms) for sense, since_ms, read_ms in found if sense is Sense.SILENT]
        if silent and not heard:
            state.dark[zone] = max(since for since, _ in silent), max(read for _, read in silent)
        elif state.dark.pop(zone, None):
            state.ended.discard(zone)
        if heard and 2 * heard >= sum(sense is not Sense.MUTED for sense, _, _ in found):
            state.seen_ms.setdefault(zone, now_ms)
        else:
            state.seen_ms.pop(zone, None)

    def _dark_ms(self, state: BlindState, zone: str) -> int:
        return max(state.dark[zone][0], state.awake_ms)

    def _sight(self, state: BlindState, zone: str) -> Sight:
        found = [state.channels[key][0] for key in self._keys[zone]]
        silent = sum(sense in (Sense.SILENT, Sense.NEVER_HEARD) for sense in found)
        return Sight(zone, silent, sum(sense is not Sense.MUTED for sense in found), state.dark[zone][1])

    # --- one notice ---

    def _notice(
        self,
        state: BlindState,
        kind: bool,
        warned: set[str],
        simulated: frozenset[str],
        now_ms: int,
        out: list[Announcement],
    ) -> None:
        current, other = state.notices.get(kind), state.notices.get(not kind)
        elsewhere = set() if other is None else set(other.incident.zones)
        mine = set() if current is None else set(current.incident.zones)
        free = [
            zone
            for zone in self._in_order(state.dark.keys() - mine - elsewhere - state.ended)
            if self._gateways[zone].isdisjoint(simulated) is not kind
        ]
        ripe = []
        for zone in free:
            ripe_ms = self._dark_ms(state, zone) + self._after_ms
            if zone in warned:
                continue
            if now_ms >= ripe_ms:
                ripe.append(zone)
            else:
                state.next_ms = min(state.next_ms, ripe_ms)
        if current is None:
            if ripe:
                half = [z for z in free if z not in warned and now_ms >= self._dark_ms(state, z) + self._after_ms // 2]
                state.notices[kind] = self._open(state, kind, half, now_ms, out)
        else:
            self._go_on(state, kind, current, ripe, warned, now_ms, out)
        if kind in state.notices:
            state.next_ms = min(state.next_ms, self._due_ms(state.notices[kind]))

    def _open(self, state: BlindState, kind: bool, zones: list[str], now_ms: int, out: list[Announcement]) -> Notice:
        name = incident_id(self._catalogue.district.id, "blind", now_ms) + ("-simulated" if kind else "")
        sight = tuple(self._sight(state, zone) for zone in zones)
        incident = Incident(
            name,
            zones[0],
            None,
            None,
            Certainty.UNKNOWN,
            now_ms,
            now_ms,
            None,
            (),
            tuple(zones),
            simulated=kind,
            sight=sight,
        )
        out.append(Announcement(incident, MsgType.ALERT, Why.BLIND))
        return Notice(incident, incident, now_ms)

    def _go_on(
        self,
        state: BlindState,
        kind: bool,
        current: Notice,
        ripe: list[str],
        warned: set[str],
        now_ms: int,
        out: list[Announcement],
    ) -> None:
        before = current.incident
        watched = [zone for zone in before.zones if self._keys.get(zone)]
        news = set(before.zones) - set(current.told.zones)  # nobody was told of these yet: heard again, they are none
        unknown = [zone for zone in watched if zone in state.dark or zone not in news]
        stays = [zone for zone in unknown if zone not in warned and not self._is_seen(state, zone, now_ms)]
        zones = tuple(self._in_order({*stays, *ripe}))
        if not zones:
            del state.notices[kind]
            why = Why.SEEN_AGAIN if watched else Why.NO_LONGER_WATCHED
            out.append(Announcement(replace(before, updated_ms=now_ms, closed_ms=now_ms), MsgType.CANCEL, why))
            return
        known = {s.zone: s for s in before.sight}
        sight = tuple(self._sight(state, z) if z in state.dark else known[z] for z in zones)
        incident = replace(before, zone=zones[0], zones=zones, sight=sight)
        state.notices[kind] = notice = replace(current, incident=incident)
        if now_ms < self._due_ms(notice):
            return
        joined, left = set(zones) - set(current.told.zones), set(current.told.zones) - set(zones)
        says = incident if joined or left else current.told  # a renewal has the same text
        why = Why.BLIND if joined else Why.AREA if left else Why.RENEWAL
        told = replace(says, updated_ms=now_ms, acknowledged=before.acknowledged, owner=before.owner)
        state.notices[kind] = Notice(replace(incident, updated_ms=now_ms), told, now_ms)
        out.append(Announcement(told, MsgType.UPDATE, why))

    def _is_seen(self, state: BlindState, zone: str, now_ms: int) -> bool:
        seen_ms = state.seen_ms.get(zone)
        if seen_ms is None:
            return False
        if now_ms >= seen_ms + SEEN_AFTER_MS:
            return True
        state.next_ms = min(state.next_ms, seen_ms + SEEN_AFTER_MS)
        return False

    def _due_ms(self, n: Notice) -> int:
        """When the next message of a notice as it stands is due."""
        s = self._settings
        expires_s = self._catalogue.response_plan.responses[Level.BLUE].expires_s
        wait_s = s.renew_after_s(expires_s)
        if set(n.incident.zones) - set(n.told.zones):
            wait_s = min(wait_s, s.quiet_s)
        elif set(n.told.zones) - set(n.incident.zones):
            wait_s = min(wait_s, s.evidence_s)
        return n.told_ms + math.ceil(wait_s * 1000)

    def _in_order(self, zones: Iterable[str]) -> list[str]:
        """As the catalogue has them."""
        wanted = set(zones)
        return [zone for zone in self._keys if zone in wanted] if wanted else []


def _sense(c: Condition) -> tuple[Sense, int, int]:
    """How a channel stands; of a silent one since when, and the time of its last usable reading."""
    if c.state is not ConditionState.UNKNOWN:
        return _HEARD
    if c.reason is Reason.MUTED:
        return Sense.MUTED, 0, 0
    if c.reading_ms is None:
        return Sense.NEVER_HEARD, 0, 0
    return Sense.SILENT, c.since_ms, min(c.reading_ms, c.since_ms)
