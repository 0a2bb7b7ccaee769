"""The second promise for rain within a time and for the rate of rise, against the rain and the water themselves.

Of each reading it is said what an honest detector finds at the least and at the most (`Found`). A level is told only
where the most reaches it, in time where the least does, and goes only after readings by which it may have gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cloud.log.decision import DecisionKind
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from contract.readings import Flag
from simulators.promise.warnings.district import RAIN_ZONE, RISE_ZONE, first_name, head_of
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.rain import TIP_MM, Gauge
from simulators.promise.warnings.sensors import NOISE_M, Fault, Sensor
from simulators.promise.warnings.stood import TOLD_WITHIN_MS, due_ms, ended_as_high, was_told, zones_of
from simulators.promise.warnings.witness import Heard, Told, Witness

_GAP_PERIODS = 1.6  # a reading that comes later than that was not the next one
_NEVER, _ANY = float("-inf"), float("inf")
_HELD_MS = 20 * 60_000  # so far back a reading may reach into a slope: see `rate_of_rise`
_STEP_M = 0.001  # values come in millimetres
_LEAST_DRY = 0.5  # of the off-delay: so much of it must have been heard below a level that went


class Found(NamedTuple):
    """A reading with the bounds of what is found at it."""

    heard: Heard
    least: float
    most: float


def is_other(zone: str) -> bool:
    """Whether a zone, by any of its names, is one of these detectors' alone."""
    return first_name(zone) in (RAIN_ZONE, RISE_ZONE)


def check_found(witness: Witness, instruments: Mapping[int, Gauge | Sensor]) -> None:
    """instruments: of the zones of these detectors, by channel. Raises Broken as `properties.check` does."""
    checks = _Checks(witness, instruments)
    for zone in sorted({t.zone for t in witness.told if is_other(t.zone)}):
        checks.raised_and_ended(zone, [t for t in witness.told if t.zone == zone])
    checks.told_at_once()


def found(instrument: Gauge | Sensor, heard: Sequence[Heard], rule: Rule, period_ms: float) -> list[Found]:
    """Of each usable reading that is newer than all before it, as they came."""
    rows: list[Heard] = []
    for h in heard:
        if h.usable and (not rows or h.time_ms > rows[-1].time_ms):
            rows.append(h)
    window_ms = float(rule.settings["window_s"]) * 1000
    if isinstance(instrument, Gauge):
        dry_s = rule.settings.get("ends_when_dry_s")
        return list(_sums(instrument, rows, window_ms, period_ms, None if dry_s is None else float(dry_s) * 1000))
    return list(_slopes(instrument, rows, window_ms, period_ms, float(rule.settings.get("floor_m", 0.05))))


def _sums(
    gauge: Gauge, rows: Sequence[Heard], window_ms: float, period_ms: float, dry_ms: float | None
) -> Iterator[Found]:
    """Resets and missed tips lose rain and add none; a step that began before the window may count in it whole.

    dry_ms: after so long without rain a sum is nothing; None: it never is for that. Around the last rain it may be
    either.
    """
    first = 0
    for n, h in enumerate(rows):
        while first < n and rows[first + 1].time_ms <= h.time_ms - window_ms:
            first += 1
        fallen_mm = gauge.rain.until_mm(h.time_ms)
        most = fallen_mm - gauge.rain.until_mm(rows[first].time_ms) + TIP_MM
        inner_ms = round(h.time_ms - window_ms + _GAP_PERIODS * period_ms)
        least = fallen_mm - gauge.rain.until_mm(inner_ms) - TIP_MM
        begun = rows[first].time_ms <= h.time_ms - window_ms
        sure = begun and gauge.sound(round(rows[first].time_ms - period_ms), h.time_ms)
        sure = sure and _close(rows[first : n + 1], period_ms)
        if dry_ms is not None:
            since_ms = round(h.time_ms - dry_ms)
            before_ms, after_ms = (since_ms + round(k * _GAP_PERIODS * period_ms) for k in (-1, 1))
            sure = sure and fallen_mm - gauge.rain.until_mm(after_ms) > TIP_MM
            dry = [r for r in rows[first : n + 1] if r.time_ms >= before_ms]
            known = dry[0].time_ms <= since_ms and gauge.sound(before_ms, h.time_ms) and _close(dry, period_ms)
            if known and fallen_mm == gauge.rain.until_mm(before_ms):
                most = 0.0
        yield Found(h, least if sure else _NEVER, most)


def _slopes(
    sensor: Sensor, rows: Sequence[Heard], window_ms: float, period_ms: float, floor_m: float
) -> Iterator[Found]:
    """A median lies between the least and the greatest slope of any pair of readings, each off by its noise."""
    off = 2 * (NOISE_M + _STEP_M) / period_ms * 1.1
    for n, h in enumerate(rows):
        from_ms = round(h.time_ms - window_ms - _GAP_PERIODS * period_ms)
        since = next((k for k in range(n, 0, -1) if rows[k - 1].time_ms < h.time_ms - _HELD_MS), 0)
        before = rows[max(since - 1, 0) : n + 1]
        sure = sensor.sound(before[0].time_ms, h.time_ms, {Fault.SUSPECT, Fault.DEAD}) and _close(before, period_ms)
        if not sure:
            yield Found(h, _NEVER, _ANY)
            continue
        steps = sorted({from_ms, h.time_ms, *(ms for ms, _ in sensor.water.knots if from_ms < ms < h.time_ms)})
        depths = [(ms, sensor.water.depth_m(ms)) for ms in steps]
        slopes = [(b - a) / (t - s) for (s, a), (t, b) in itertools.pairwise(depths)]
        wet = h.value >= floor_m and before[0].time_ms <= h.time_ms - window_ms
        per_min = 100.0 * 60_000
        yield Found(h, (min(slopes) - off) * per_min if wet else _NEVER, max((max(slopes) + off) * per_min, 0.0))


def _close(rows: Sequence[Heard], period_ms: float) -> bool:
    """None is missing among them, and each came at once."""
    together = all(b.time_ms - a.time_ms <= _GAP_PERIODS * period_ms for a, b in itertools.pairwise(rows))
    return together and all(r.came_ms - r.time_ms <= 2 * period_ms for r in rows)


class _Checks:
    def __init__(self, witness: Witness, instruments: Mapping[int, Gauge | Sensor]) -> None:
        self._witness, self._instruments = witness, instruments
        self._found: dict[tuple[int, int], list[Found]] = {}

    def _of(self, catalogue: Catalogue, channel: int, rule: Rule) -> list[Found]:
        key = channel, int(rule.settings["window_s"])
        if key not in self._found:
            period_ms = catalogue.channels[channel].period_s * 1000
            heard = self._witness.heard.get(channel, ())
            self._found[key] = found(self._instruments[channel], heard, rule, period_ms)
        return self._found[key]

    def _of_zone(self, catalogue: Catalogue, zone: str) -> Iterator[tuple[int, Rule, list[Found]]]:
        for channel in self._instruments:
            info = catalogue.channels.get(channel)
            if info is not None and head_of(catalogue, info.station.zone) == zone:
                for rule in catalogue.rules_by_channel.get(channel, ()):
                    yield channel, rule, self._of(catalogue, channel, rule)

    # --- raised on evidence, held, ended when dry ---

    def raised_and_ended(self, zone: str, told: Sequence[Told]) -> None:
        """zone: by one of its names; what the incident was told to be under another is carried over."""
        level: Level | None = None
        for t in told:
            earlier = [x for x in self._witness.told if x.incident == t.incident and x.seen_ms < t.seen_ms]
            before = level or (earlier[-1].level if earlier else None)
            if t.level is not None and (before is None or t.level.rank > before.rank):
                self._raised(t, zone)
            elif before is not None and (t.level is None or t.level.rank < before.rank):
                self._fell(t, zone)
            level = t.level

    def _raised(self, t: Told, zone: str) -> None:
        old = False
        for _channel, rule, rows in self._of_zone(t.catalogue, zone):
            if t.said_level not in rule.levels:
                continue
            reached = [f.heard for f in rows if f.most >= rule.levels[t.said_level] and f.heard.came_ms <= t.seen_ms]
            stale_ms = rule.stale_after_s * 1000
            if any(h.came_ms - h.time_ms <= stale_ms for h in reached):
                return
            old |= bool(reached)
        name = "late-history-is-not-now" if old else "raised-on-evidence"
        fail(name, f"{t.said_level.value} of {zone} told at {self._witness.at(t.sent_ms)} ({t.id})")

    def _fell(self, t: Told, zone: str) -> None:
        ends = (ms for ms, d in self._witness.decided if d.kind is DecisionKind.END and d.target == t.incident)
        if t.level is None and any(ms <= t.seen_ms for ms in ends):
            return
        for channel, rule, rows in self._of_zone(t.catalogue, zone):
            station = t.catalogue.channels[channel].station.id
            mutes = self._witness.mutes(channel, station)
            ended_ms = max(self._witness.ends(zone, t.seen_ms), default=0)
            for level, limit in rule.levels.items():
                if t.level is not None and level.rank <= t.level.rank:
                    continue
                stands = self._stands(rows, rule, limit, t, mutes)
                if stands is None or stands.heard.came_ms <= ended_ms:
                    continue
                later = [f for f in rows if stands.heard.time_ms < f.heard.time_ms and f.heard.came_ms <= t.seen_ms]
                below = [f.heard.time_ms for f in later if f.least < limit - rule.hysteresis]
                if len(below) > 1 and below[-1] - below[0] >= _LEAST_DRY * rule.off_delay_s * 1000:
                    continue
                name = "silence-clears-nothing" if not later else "ended-only-when-dry"
                what = f"{zone} is {t.level.value if t.level else 'ended'} at {self._witness.at(t.sent_ms)} ({t.id})"
                fail(name, f"{what}, and {rule.id} of channel {channel} stands at {level.value}")

    def _stands(
        self, rows: Sequence[Found], rule: Rule, limit: float, t: Told, mutes: Sequence[tuple[int, int]]
    ) -> Found | None:
        """The last reading at which a level was surely set: several on end, for its on-delay, and told by then."""
        last, run = None, list[Found]()
        for f in rows:
            muted = any(a <= f.heard.came_ms <= b for a, b in mutes)
            if f.heard.came_ms + TOLD_WITHIN_MS > t.sent_ms:
                break
            run = [*run, f] if f.least >= limit and f.heard.flag != Flag.SUSPECT and not muted else []
            if len(run) > 2 and run[-1].heard.time_ms - run[0].heard.time_ms >= rule.on_delay_s * 1000 + 30_000:
                last = f
        return last

    # --- told at once ---

    def told_at_once(self) -> None:
        """What surely fell, or rose, is told in time."""
        ends = [era.from_ms for era in self._witness.eras[1:]] + [self._witness.world.true_ms]
        for era, end_ms in zip(self._witness.eras, ends, strict=True):
            catalogue = era.edition.catalogue
            for channel in self._instruments:
                if channel not in catalogue.channels:
                    continue
                for rule in catalogue.rules_by_channel.get(channel, ()):
                    rows = [f for f in self._of(catalogue, channel, rule) if era.from_ms < f.heard.came_ms <= end_ms]
                    for level, limit in rule.levels.items():
                        self._told_of(catalogue, channel, rule, level, _first_run(rows, rule, limit), end_ms)

    def _told_of(
        self, catalogue: Catalogue, channel: int, rule: Rule, level: Level, run: Sequence[Found], end_ms: int
    ) -> None:
        if not run:
            return
        since_ms, shown = run[0].heard.time_ms, (run[0].heard.time_ms, run[-1].heard.came_ms)
        by_ms = due_ms(self._witness, catalogue, channel, shown, rule.stale_after_s * 1000, end_ms)
        zone = head_of(catalogue, catalogue.channels[channel].station.zone)
        if by_ms is None or ended_as_high(self._witness, zone, level, by_ms):
            return
        if not was_told(self._witness, zones_of(self._witness, channel), level, since_ms, by_ms):
            at = self._witness.at
            what = f"{level.value} by {rule.id} of channel {channel} ({zone}) shown since {at(since_ms)}"
            fail("told-at-once", f"{what}, not told by {at(by_ms)}")


def _first_run(rows: Sequence[Found], rule: Rule, limit: float) -> list[Found]:
    """The first readings on end that surely show a level, for its on-delay and two more; none: it is not sure."""
    run: list[Found] = []
    for f in rows:
        run = [*run, f] if f.least >= limit and f.heard.flag != Flag.SUSPECT else []
        if len(run) > 3 and run[-1].heard.time_ms - run[0].heard.time_ms >= rule.on_delay_s * 1000 + 60_000:
            return run
    return []
