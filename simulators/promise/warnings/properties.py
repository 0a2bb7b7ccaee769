"""The second promise, checked against the water itself and what sensors showed of it, never the engine's own word.

Every check raises Broken, its text beginning with the name of the property.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from simulators.promise.warnings import evidence as ev
from simulators.promise.warnings.cloud import Parts
from simulators.promise.warnings.evidence import Delays
from simulators.promise.warnings.features import on
from simulators.promise.warnings.replayed import check_replay
from simulators.promise.warnings.sensors import SHOWING, Fault, Sensor
from simulators.promise.warnings.witness import Heard, Told, Witness
from simulators.promise.world import Broken

# From the moment at which the evidence is complete in a cloud that runs: the next tick, and the view's step.
TOLD_WITHIN_MS = 120_000
_YOUNG_SHARE = 0.6  # of `stale_after_s`: what is older when it comes is history


def check(witness: Witness, sensors: Mapping[int, Sensor], parts: Parts) -> None:
    """All of them. parts: the cloud's as the run ended."""
    checks = _Checks(witness, sensors)
    for zone, told in checks.by_zone():
        checks.raised_on_evidence(zone, told)
        checks.ended_when_dry(zone, told)
    checks.told_at_once()
    if on("replay-says-the-same"):
        check_replay(witness, parts.log)
    for incident in parts.warnings.reader.incidents(open_only=True):
        fail("ends-when-dry", f"incident {incident.id} is open though every sensor has long shown dry")


def fail(name: str, what: str) -> None:
    """Raises Broken, unless the property is off."""
    if on(name):
        raise Broken(f"{name}: {what}")


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
        zones = sorted({t.zone for t in self._witness.told})
        for zone in zones:
            yield zone, [t for t in self._witness.told if t.zone == zone]

    def _known_by(self, channel: int, until_ms: int, oldest_ms: float) -> list[Heard]:
        return ev.known(self._witness.heard.get(channel, ()), until_ms, oldest_ms)

    def _of_zone(self, catalogue: Catalogue, zone: str) -> Iterator[tuple[int, Rule]]:
        """The watched channels of a zone, each with each of its rules."""
        for channel, info in catalogue.channels.items():
            if info.station.zone == zone:
                for rule in catalogue.rules_by_channel.get(channel, ()):
                    yield channel, rule

    # --- raised on evidence ---

    def raised_on_evidence(self, zone: str, told: Sequence[Told]) -> None:
        """No level is told that the sensors of the zone have not shown by more than one sample, and in time."""
        level: Level | None = None
        for t in told:
            if t.level is not None and (level is None or t.level.rank > level.rank):
                self._evidence_of(t, zone)
            level = t.level

    def _evidence_of(self, t: Told, zone: str) -> None:
        young, old, single = False, False, False
        for channel, rule in self._of_zone(t.catalogue, zone):
            if t.level not in rule.levels:
                continue
            delays = delays_of(t.catalogue, channel, rule)
            level_m = rule.levels[t.level]
            rows = self._since_dry(channel, t, _YOUNG_SHARE * delays.stale_ms, level_m - rule.hysteresis, delays)
            every = self._since_dry(channel, t, float("inf"), level_m - rule.hysteresis, delays)
            young |= ev.perhaps_reached(rows, level_m, delays, t.sent_ms)
            old |= ev.perhaps_reached(every, level_m, delays, t.sent_ms)
            single |= any(h.value >= level_m for h in self._witness.heard.get(channel, ()) if h.came_ms <= t.seen_ms)
        if young:
            return
        name = "late-history-is-not-now" if old else "one-sample-is-not-enough" if single else "raised-on-evidence"
        fail(name, f"{t.said_level.value} of {zone} told at {self._at(t.sent_ms)} ({t.id})")

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
        for channel, rule in self._of_zone(t.catalogue, zone):
            stands = self._surely_stands(channel, rule, t.catalogue, t)
            if stands is not None and (t.level is None or stands.rank > t.level.rank):
                name = self._why_not(channel, t, rule)
                what = f"{zone} is {t.level.value if t.level else 'ended'} at {self._at(t.sent_ms)} ({t.id})"
                fail(name, f"{what}, and channel {channel} stands at {stands.value}")
        if t.all_clear:
            self._no_clear_by_edit(t, zone)

    def _no_clear_by_edit(self, t: Told, zone: str) -> None:
        """Under the rules before a change something stood, and nothing has shown dry since."""
        for era in self._witness.eras:
            if era.from_ms > t.seen_ms or era.edition.catalogue is t.catalogue:
                continue
            catalogue = era.edition.catalogue
            for channel, rule in self._of_zone(catalogue, zone):
                stands = self._surely_stands(channel, rule, catalogue, t)
                if stands is not None:
                    what = f"all clear of {zone} at {self._at(t.sent_ms)} ({t.id})"
                    fail("a-rule-change-clears-nothing", f"{what}, and channel {channel} showed {stands.value}")

    def _surely_stands(self, channel: int, rule: Rule, catalogue: Catalogue, t: Told) -> Level | None:
        """The highest level of a rule that a channel surely reached and has not even perhaps left, as of a message."""
        delays = delays_of(catalogue, channel, rule)
        every = self._known(channel, t.sent_ms, float("inf"))
        rows = ev.in_order(self._known(channel, t.sent_ms - 30_000, delays.stale_ms / 4))
        for level in sorted(rule.levels, key=lambda x: -x.rank):
            level_m = rule.levels[level]
            dry_ms = ev.last_perhaps_dry(every, level_m - rule.hysteresis, delays)
            for i, h in enumerate(rows):
                if h.time_ms > dry_ms:
                    reached_ms = ev.surely_reached(rows, i, level_m, delays, t.sent_ms - 30_000)
                    if reached_ms is not None and reached_ms + TOLD_WITHIN_MS <= t.sent_ms:
                        return level
        return None

    def _why_not(self, channel: int, t: Told, rule: Rule) -> str:
        """The name of what went wrong: by what it was that ended it."""
        rows = self._known(channel, t.sent_ms, float("inf"))
        if any(0 <= t.seen_ms - era.from_ms <= TOLD_WITHIN_MS for era in self._witness.eras[1:]):
            return "a-rule-change-clears-nothing"
        if not rows or t.sent_ms - rows[-1].came_ms > rule.stale_after_s * 500:
            return "silence-clears-nothing"
        return "ended-only-when-dry"

    # --- told at once ---

    def told_at_once(self) -> None:
        """What the water does and a sensor shows, lost echoes or not, is told in time."""
        for n, era in enumerate(self._witness.eras):
            end_ms = (
                self._witness.eras[n + 1].from_ms if n + 1 < len(self._witness.eras) else self._witness.world.true_ms
            )
            catalogue = era.edition.catalogue
            for channel, info in catalogue.channels.items():
                for rule in catalogue.rules_by_channel.get(channel, ()):
                    delays = delays_of(catalogue, channel, rule)
                    self._rises(channel, info.station.zone, rule, delays, (era.from_ms, end_ms))

    def _rises(self, channel: int, zone: str, rule: Rule, delays: Delays, span: tuple[int, int]) -> None:
        rows = [h for h in ev.in_order(self._known(channel, span[1], delays.stale_ms / 4)) if h.came_ms > span[0]]
        sensor = self._sensors[channel]
        for level, level_m in rule.levels.items():
            for wet_from, wet_to in sensor.water.times_above(level_m + ev.MARGIN_M):
                i = next(
                    (i for i, h in enumerate(rows) if wet_from <= h.time_ms <= wet_to and h.value >= level_m), None
                )
                if i is None:
                    continue
                reached_ms = ev.surely_reached(rows, i, level_m, delays, wet_to)
                if reached_ms is None or not sensor.sound(wet_from - 120_000, reached_ms, SHOWING):
                    continue
                deadline_ms = self._witness.undisturbed_from(reached_ms, TOLD_WITHIN_MS)
                if reached_ms > wet_to or deadline_ms > span[1]:
                    continue
                if not self._was_told(zone, level, rows[i].time_ms, deadline_ms):
                    blinks = not sensor.sound(wet_from, reached_ms, {Fault.SUSPECT})
                    name = "a-dip-resets-nothing" if blinks else "told-at-once"
                    what = f"{level.value} of channel {channel} ({zone}) shown since {self._at(rows[i].time_ms)}"
                    fail(name, f"{what}, not told by {self._at(deadline_ms)}")

    def _was_told(self, zone: str, level: Level, from_ms: int, until_ms: int) -> bool:
        stands: Level | None = None
        for t in self._witness.told:
            if t.zone != zone or t.seen_ms > until_ms:
                continue
            if t.seen_ms > from_ms and stands is not None and stands.rank >= level.rank:
                return True
            stands = t.level
        return stands is not None and stands.rank >= level.rank

    def _at(self, ms: int) -> str:
        """As the trace counts."""
        return f"{(ms - self._witness.world.start_ms) / 1000:.1f}"
