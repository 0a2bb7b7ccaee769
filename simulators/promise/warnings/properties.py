"""The second promise, checked against the water itself and what sensors showed of it, never the engine's own word.

Every check raises Broken, its text beginning with the name of the property.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from cloud.log.decision import DecisionKind
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from simulators.promise.warnings import evidence as ev
from simulators.promise.warnings.blindness import check_notices
from simulators.promise.warnings.cloud import Parts
from simulators.promise.warnings.district import head_of
from simulators.promise.warnings.evidence import Delays
from simulators.promise.warnings.features import fail, on
from simulators.promise.warnings.found import check_found, is_other
from simulators.promise.warnings.rain import Gauge
from simulators.promise.warnings.replayed import check_replay
from simulators.promise.warnings.sensors import SHOWING, Fault, Sensor
from simulators.promise.warnings.stays_ended import check_ended
from simulators.promise.warnings.stood import TOLD_WITHIN_MS, due_ms, ended_as_high, was_told, zones_of
from simulators.promise.warnings.witness import Heard, Told, Witness

SOON_MS, AGO_MS = 10_000, 300_000  # when a message says that it was sent, against when it was first seen
CLOCK_WITHIN_MS = 70_000  # the log's last entry is at most a tick old
COLLECTED_MS = 60_000  # places that join within a minute may come in one message
_YOUNG_SHARE = 1.0  # of `stale_after_s`: what is older when it comes is history


def check(witness: Witness, sensors: Mapping[int, Sensor], others: Mapping[int, Gauge | Sensor], parts: Parts) -> None:
    """All of them. sensors: of depth; others: of what other detectors watch (`found`); both by channel. parts: the
    cloud's as the run ended."""
    witness.look_back(parts.warnings.reader)
    for t in witness.said:
        if t.sent_ms > t.seen_ms + SOON_MS or witness.ran_ms(t.sent_ms, t.seen_ms) > AGO_MS:
            what = f"{t.id}, told at {witness.at(t.seen_ms)}, says that it was sent at {witness.at(t.sent_ms)}"
            fail("a-clock-step-is-not-believed", what)
    checks = _Checks(witness, sensors)
    for zone, told in checks.by_zone():
        checks.raised_on_evidence(zone, told)
        checks.ended_when_dry(zone, told)
    checks.told_at_once()
    check_found(witness, others)
    check_ended(witness)
    check_notices(witness, parts.settings)
    off_ms = parts.log.now_ms() - witness.world.true_ms
    if abs(off_ms) > CLOCK_WITHIN_MS:
        fail("a-confirmed-step-frees-the-log", f"the log's time is {off_ms // 1000} s ahead of the truth at the end")
    if on("replay-says-the-same"):
        check_replay(witness, parts.log, parts.folder, parts.settings)
    for incident in parts.warnings.reader.incidents(open_only=True):
        if incident.blind:
            continue
        fail("ends-when-dry", f"incident {incident.id} is open though every sensor has long shown dry")


def delays_of(catalogue: Catalogue, channel: int, rule: Rule) -> Delays:
    period_ms = catalogue.channels[channel].period_s * 1000
    return Delays(
        rule.on_delay_s * 1000, rule.off_delay_s * 1000, rule.min_hold_s * 1000, rule.stale_after_s * 1000, period_ms
    )


class _Checks:
    def __init__(self, witness: Witness, sensors: Mapping[int, Sensor]) -> None:
        self._witness, self._sensors = witness, sensors
        self._known = lru_cache(maxsize=None)(self._known_by)

    def by_zone(self) -> Iterator[tuple[str, list[Told]]]:
        zones = sorted({t.zone for t in self._witness.told if not is_other(t.zone)})
        for zone in zones:
            yield zone, [t for t in self._witness.told if t.zone == zone]

    def _known_by(self, channel: int, until_ms: int, oldest_ms: float) -> list[Heard]:
        return ev.known(self._witness.heard.get(channel, ()), until_ms, oldest_ms)

    def _of_zone(self, catalogue: Catalogue, zone: str) -> Iterator[tuple[int, Rule]]:
        """The watched channels of a zone, each with each of its rules."""
        for channel, info in catalogue.channels.items():
            if head_of(catalogue, info.station.zone) == zone:
                for rule in catalogue.rules_by_channel.get(channel, ()):
                    yield channel, rule

    # --- raised on evidence ---

    def raised_on_evidence(self, zone: str, told: Sequence[Told]) -> None:
        """No level is told that the sensors of the zone have not shown by more than one sample, and in time."""
        level: Level | None = None
        for t in told:
            before = level or self._carried_over(t)
            if t.level is not None and (before is None or t.level.rank > before.rank):
                self._evidence_of(t, zone)
            level = t.level

    def _carried_over(self, t: Told) -> Level | None:
        """What the same incident was told to be before, when its zone had another name."""
        earlier = [x for x in self._witness.told if x.incident == t.incident and x.seen_ms < t.seen_ms]
        return earlier[-1].level if earlier else None

    def _evidence_of(self, t: Told, zone: str) -> None:
        young, old, single = False, False, False
        for channel, rule in self._of_zone(t.catalogue, zone):
            if t.level not in rule.levels:
                continue
            delays = delays_of(t.catalogue, channel, rule)
            level_m = rule.levels[t.level]
            rows = self._since_dry(channel, t, _YOUNG_SHARE * delays.stale_ms, level_m - rule.hysteresis, delays)
            every = self._since_dry(channel, t, float("inf"), level_m - rule.hysteresis, delays)
            young |= ev.perhaps_reached(rows, level_m, delays, t.sent_ms) or self._moved_up(t, channel, rule)
            young = young or self._reached_between(channel, t, rule, delays)
            old |= ev.perhaps_reached(every, level_m, delays, t.sent_ms)
            single |= any(h.value >= level_m for h in self._witness.heard.get(channel, ()) if h.came_ms <= t.seen_ms)
        if young:
            return
        name = "late-history-is-not-now" if old else "one-sample-is-not-enough" if single else "raised-on-evidence"
        fail(name, f"{t.said_level.value} of {zone} told at {self._at(t.sent_ms)} ({t.id})")

    def _reached_between(self, channel: int, t: Told, rule: Rule, delays: Delays) -> bool:
        """Of what came at one moment, in several entries, the first few alone may show it: corrections come behind."""
        level_m = rule.levels[t.said_level]
        heard = [h for h in self._witness.heard.get(channel, ()) if h.came_ms <= t.sent_ms]
        before = sum(h.came_ms < heard[-1].came_ms for h in heard) if heard else 0
        for n in range(before + 1, len(heard)):
            rows = ev.known(heard[:n], t.sent_ms, _YOUNG_SHARE * delays.stale_ms)
            dry_ms = ev.last_surely_dry(rows, level_m - rule.hysteresis, delays)
            if ev.perhaps_reached([h for h in rows if h.time_ms > dry_ms], level_m, delays, t.sent_ms):
                return True
        return False

    def _moved_up(self, t: Told, channel: int, rule: Rule) -> bool:
        """Whether a level just below was taken out of the rule a moment ago, which had been reached, and the newest
        reading shows the next one: who stood at a level that there is no more, stands at that one."""
        for era, after in itertools.pairwise(self._witness.eras):
            if after.edition.catalogue is not t.catalogue or t.seen_ms - after.from_ms > TOLD_WITHIN_MS:
                continue
            for old in era.edition.catalogue.rules_by_channel.get(channel, ()):
                below = [x for x in old.levels if x.rank < t.said_level.rank]
                if old.id != rule.id or not below or max(below, key=lambda x: x.rank) in rule.levels:
                    continue
                delays = delays_of(era.edition.catalogue, channel, old)
                was_m = max(old.levels[x] for x in below)
                young_ms = _YOUNG_SHARE * delays.stale_ms
                rows = self._since_dry(channel, t, young_ms, was_m - old.hysteresis, delays)
                if not rows:
                    continue
                if rows[-1].value >= rule.levels[t.said_level] and ev.perhaps_reached(rows, was_m, delays, t.sent_ms):
                    return True
        return False

    def _since_dry(self, channel: int, t: Told, oldest_ms: float, clear_m: float, delays: Delays) -> list[Heard]:
        rows = self._known(channel, t.sent_ms, oldest_ms)
        dry_ms = ev.last_surely_dry(rows, clear_m, delays)
        return [h for h in rows if h.time_ms > dry_ms]

    # --- held through silence, ended by dry readings only ---

    def ended_when_dry(self, zone: str, told: Sequence[Told]) -> None:
        """No level is taken back that some sensor surely showed, and none has shown dry for the off-delay since."""
        level: Level | None = None
        for t in told:
            if level is not None and (t.level is None or t.level.rank < level.rank):
                self._fell(t, zone)
            level = t.level

    def _fell(self, t: Told, zone: str) -> None:
        if self._ended_by_person(t):
            return
        for channel, rule in self._of_zone(t.catalogue, zone):
            stands = self._surely_stands(channel, rule, t.catalogue, t)
            if stands is not None and (t.level is None or stands.rank > t.level.rank):
                name = self._why_not(channel, t, rule)
                what = f"{zone} is {t.level.value if t.level else 'ended'} at {self._at(t.sent_ms)} ({t.id})"
                fail(name, f"{what}, and channel {channel} stands at {stands.value}")
        if t.all_clear:
            self._no_clear_by_edit(t, zone)

    def _ended_by_person(self, t: Told) -> bool:
        """Somebody had ended the incident by then."""
        ends = (ms for ms, d in self._witness.decided if d.kind is DecisionKind.END and d.target == t.incident)
        return t.level is None and any(ms <= t.seen_ms for ms in ends)

    def _no_clear_by_edit(self, t: Told, zone: str) -> None:
        """While it lasted, but under the rules before a change, something stood, and nothing has shown dry since, by
        the rules of now. What ended before it began, for one with a station that is gone, had an end of its own."""
        now = next(era for era in reversed(self._witness.eras) if era.edition.catalogue is t.catalogue)
        began_ms = next(x.sent_ms for x in self._witness.told if x.incident == t.incident)
        for era, after in itertools.pairwise(self._witness.eras):
            if era.from_ms >= now.from_ms:
                return
            if after.from_ms < began_ms:
                continue
            catalogue = era.edition.catalogue
            for channel, rule in self._of_zone(catalogue, zone):
                stands = self._surely_stands(channel, rule, catalogue, t, after.from_ms)
                if stands is not None and not self._dry_since(channel, t, now.from_ms):
                    what = f"all clear of {zone} at {self._at(t.sent_ms)} ({t.id})"
                    fail("a-rule-change-is-no-all-clear", f"{what}, and channel {channel} showed {stands.value}")

    def _dry_since(self, channel: int, t: Told, since_ms: int) -> bool:
        """Whether a channel has shown dry, to the end of a minute after then, by every rule that watches it now."""
        rules = t.catalogue.rules_by_channel.get(channel, ())
        rows = self._known(channel, t.sent_ms, float("inf"))
        for rule in rules:
            clear_m = min(rule.levels.values()) - rule.hysteresis
            if ev.last_perhaps_dry(rows, clear_m, delays_of(t.catalogue, channel, rule)) < since_ms + 60_000:
                return False
        return bool(rules)

    def _surely_stands(
        self, channel: int, rule: Rule, catalogue: Catalogue, t: Told, until_ms: int = 1 << 62
    ) -> Level | None:
        """The highest level of a rule that a channel surely reached and has not even perhaps left, as of a message.

        until_ms: as long as the rule held.

        What came while it was muted speaks neither for nor against, and what its own sensor or gateway has taken back
        by then, at whatever age, for nothing. What stood when a person ended an incident of the zone counts again once
        it was dry.
        """
        station = catalogue.channels[channel].station
        delays = delays_of(catalogue, channel, rule)
        mutes = self._witness.mutes(channel, station.id)
        every = [h for h in self._known(channel, t.sent_ms, float("inf")) if not _within(h.came_ms, mutes)]
        until_ms = min(t.sent_ms - 30_000, until_ms)
        young = ev.in_order(self._known(channel, until_ms, delays.stale_ms / 4))
        young = [h for h in young if not _within(h.came_ms, mutes)]
        left = {h.time_ms for h in every}
        ended_ms = max(self._witness.ends(head_of(catalogue, station.zone), t.seen_ms), default=None)
        for level in sorted(rule.levels, key=lambda x: -x.rank):
            level_m = rule.levels[level]
            clear_m = level_m - rule.hysteresis
            # What came behind newer ones may be left out of account, and need not be.
            dry_ms = max(ev.last_perhaps_dry(r, clear_m, delays) for r in (every, ev.in_order(every)))
            if ended_ms is not None and dry_ms < ended_ms:
                continue
            rows = [h for h in young if h.time_ms in left or h.value < level_m]
            for i, h in enumerate(rows):
                if h.time_ms > dry_ms:
                    seen_ms = min([until_ms, *(begin_ms for begin_ms, _ in mutes if begin_ms >= h.came_ms)])
                    own = [x for x in rows[i:] if x.came_ms <= seen_ms]
                    sure_m = self._sure_m(channel, rule, level, own[-1].came_ms + delays.stale_ms / 2, until_ms)
                    reached_ms = ev.surely_reached(own, 0, max(level_m, sure_m), delays, seen_ms)
                    if reached_ms is not None and reached_ms + TOLD_WITHIN_MS <= t.sent_ms:
                        return level
        return None

    def _sure_m(self, channel: int, rule: Rule, level: Level, old_ms: float, until_ms: int) -> float:
        """The highest threshold that the level had until any change of rules after `old_ms`, when the last reading was
        old already: a lower threshold raises nothing on readings of which nobody knows whether they hold still."""
        found = [-math.inf]
        for era, after in itertools.pairwise(self._witness.eras):
            if old_ms < after.from_ms <= until_ms:
                before = era.edition.catalogue.rules_by_channel.get(channel, ())
                found += [next((r.levels.get(level, math.inf) for r in before if r.id == rule.id), math.inf)]
        return max(found)

    def _why_not(self, channel: int, t: Told, rule: Rule) -> str:
        """The name of what went wrong: by what it was that ended it."""
        rows = self._known(channel, t.sent_ms, float("inf"))
        if _within(t.sent_ms, self._witness.mutes(channel, t.catalogue.channels[channel].station.id)):
            return "mute-is-not-dry"
        if any(0 <= t.seen_ms - era.from_ms <= TOLD_WITHIN_MS for era in self._witness.eras[1:]):
            return "a-rule-change-clears-nothing"
        if not rows or t.sent_ms - rows[-1].came_ms > rule.stale_after_s * 500:
            return "silence-clears-nothing"
        return "ended-only-when-dry"

    # --- told at once ---

    def told_at_once(self) -> None:
        """What the water does and a sensor shows, lost echoes or not, is told in time."""
        ends = [era.from_ms for era in self._witness.eras[1:]] + [self._witness.world.true_ms]
        for era, end_ms in zip(self._witness.eras, ends, strict=True):
            catalogue = era.edition.catalogue
            for channel in self._sensors.keys() & catalogue.channels.keys():
                for rule in catalogue.rules_by_channel.get(channel, ()):
                    place = _Place(channel, rule, catalogue, (era.from_ms, end_ms))
                    self._rises(place)
                    self._deepens(place)

    def _rows(self, place: _Place) -> list[Heard]:
        rows = ev.in_order(self._known(place.channel, place.span[1], place.delays.stale_ms / 4))
        return [h for h in rows if h.came_ms > place.span[0]]

    def _due(self, place: _Place, rows: Sequence[Heard], i: int, level_m: float, wet: tuple[int, int]) -> int | None:
        """By when what a sound sensor shows from row i on must be told; None: nothing must."""
        reached_ms = ev.surely_reached(rows, i, level_m, place.delays, wet[1])
        sensor = self._sensors[place.channel]
        if reached_ms is None or reached_ms > wet[1] or not sensor.sound(wet[0] - 120_000, reached_ms, SHOWING):
            return None
        shown = rows[i].time_ms, reached_ms
        return due_ms(self._witness, place.catalogue, place.channel, shown, place.delays.stale_ms, place.span[1])

    def _rises(self, place: _Place) -> None:
        rows, sensor = self._rows(place), self._sensors[place.channel]
        for level, level_m in place.rule.levels.items():
            for wet in sensor.water.times_above(level_m + ev.MARGIN_M):
                i = _first(rows, wet, level_m)
                by_ms = None if i is None else self._due(place, rows, i, level_m, wet)
                if i is None or by_ms is None or ended_as_high(self._witness, place.zone, level, by_ms):
                    continue
                since_ms = rows[i].time_ms
                what = f"{level.value} of channel {place.channel} ({place.zone}) shown since {self._at(since_ms)}"
                late = f"{what}, not told by {self._at(by_ms)}"
                if not was_told(self._witness, zones_of(self._witness, place.channel), level, since_ms, by_ms):
                    blinks = not sensor.sound(wet[0], by_ms, {Fault.SUSPECT})
                    fail("a-dip-resets-nothing" if blinks else "told-at-once", late)
                if not self._told_of(place, level, since_ms, by_ms + COLLECTED_MS):
                    fail("worse-within-a-level-is-told", late)

    def _deepens(self, place: _Place) -> None:
        """Above red, depth that has doubled since it was last told, and grown by 0.25 m, is told."""
        red_m = place.rule.levels.get(Level.RED)
        if red_m is None:
            return
        rows, sensor = self._rows(place), self._sensors[place.channel]
        told = [(t, _value_of(t, place.channel)) for t in self._witness.told if t.zone == place.zone]
        for n, (t, value) in enumerate(told):
            if value is None or value < red_m:
                continue
            next_ms = told[n + 1][0].seen_ms if n + 1 < len(told) else self._witness.world.true_ms
            level_m = value + max(value, 0.25) + ev.MARGIN_M
            for wet in sensor.water.times_above(level_m + ev.MARGIN_M):
                i = _first(rows, (max(wet[0], t.seen_ms), wet[1]), level_m)
                by_ms = None if i is None else self._due(place, rows, i, level_m, wet)
                if by_ms is not None and by_ms < next_ms and not self._witness.ends(place.zone, by_ms):
                    what = f"channel {place.channel} was told at {value:.2f} m and shows {level_m:.2f} m"
                    fail("worse-within-a-level-is-told", f"{what}, not told by {self._at(by_ms)}")

    def _told_of(self, place: _Place, level: Level, from_ms: int, until_ms: int) -> bool:
        """Whether a message of that time, or the last one before, told of the place at that level or above."""
        zones = zones_of(self._witness, place.channel)
        told = [t for t in self._witness.told if t.zone in zones and t.seen_ms <= until_ms]
        before = [t for t in told if t.seen_ms <= from_ms][-1:]
        now = [t for t in told if t.seen_ms > from_ms]
        return any(
            e.channel == place.channel and e.level.rank >= level.rank for t in (*before, *now) for e in t.evidence
        )

    def _at(self, ms: int) -> str:
        return self._witness.at(ms)


class _Place:
    """A channel under a rule, from one start to another with other rules."""

    def __init__(self, channel: int, rule: Rule, catalogue: Catalogue, span: tuple[int, int]) -> None:
        self.channel, self.rule, self.catalogue, self.span = channel, rule, catalogue, span
        self.zone = head_of(catalogue, catalogue.channels[channel].station.zone)
        self.delays = delays_of(catalogue, channel, rule)


def _first(rows: Sequence[Heard], wet: tuple[int, int], level_m: float) -> int | None:
    """The first row of that time at or above a level."""
    return next((i for i, h in enumerate(rows) if wet[0] <= h.time_ms <= wet[1] and h.value >= level_m), None)


def _value_of(t: Told, channel: int) -> float | None:
    """What a message says of a channel."""
    return next((e.value for e in t.evidence if e.channel == channel), None)


def _within(ms: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(a <= ms <= b for a, b in spans)
