"""What a district's engineers are told: named rightly, once, and the same however the log is cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cloud.log.origin import Origin
from cloud.maintenance.engine import Entries, Maintenance, State
from cloud.maintenance.model import MaintenanceNotice
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.quantities import Quantity
from tests.cloud.maintenance.player import START_MS, Values, calm, cut, entries, jinshui, numbers

DISTRICT = jinshui()
CALM = calm(DISTRICT)
DEPTH = numbers(DISTRICT, Quantity.DEPTH)
RAIN = numbers(DISTRICT, Quantity.RAIN_TOTAL)


def altered(**channels: Callable[[float], float | None]) -> Values:
    """The calm district, but for these channels: c411=..., by minute."""

    def value(channel: int, minute: float) -> float | None:
        own = channels.get(f"c{channel}")
        return CALM(channel, minute) if own is None else own(minute)

    return value


def told(*parts: Entries, of: Catalogue = DISTRICT) -> list[MaintenanceNotice]:
    engine = Maintenance(of)
    state, out = engine.initial(), []
    for part in parts:
        state, found = engine.step(state, part)
        out += [notice for _, notice in found]
    return out


def words(notices: list[MaintenanceNotice]) -> list[tuple[str, str, bool]]:
    """Kind, place, and whether it is over."""
    return [(n.kind.value, n.place, n.closed_ms is not None) for n in notices]


def minute(ms: int | None) -> float:
    assert ms is not None
    return (ms - START_MS) / 60_000


def test_a_calm_day_is_silent() -> None:
    assert told(entries(DISTRICT, CALM, 0, 24 * 60, every_min=5)) == []


def test_a_dead_gateway_is_one_message() -> None:
    gateway = DISTRICT.channels[101].gateway
    before, dead = entries(DISTRICT, CALM, 0, 60), entries(DISTRICT, CALM, 60, 180, silent={gateway})
    back = entries(DISTRICT, CALM, 180, 240)
    found = told(before, dead, back)
    assert words(found) == [
        ("gateway_silent", f"gateway/{gateway}", False),
        ("gateway_silent", f"gateway/{gateway}", True),
    ]
    behind = len(DISTRICT.channels_by_gateway[gateway])
    assert found[0].more == f"{behind} channels behind it"


def often(heartbeat_s: float) -> Catalogue:
    """The district, each channel heard so often at least."""

    def hastened(info: ChannelInfo) -> ChannelInfo:
        return replace(info, reporting=info.reporting.model_copy(update={"heartbeat_s": heartbeat_s}))

    return replace(DISTRICT, channels={c: hastened(info) for c, info in DISTRICT.channels.items()})


OFTEN = often(300.0)
AWAY_MIN = [1, 1.5, 2, 5, 7.5, 8, 12, 14.9, 15.1, 370]


@pytest.mark.parametrize("away_min", AWAY_MIN)
def test_the_time_that_the_cloud_was_away_is_nobodys_silence(away_min: float) -> None:
    """It falls when all are about to speak, and at its return they come one after the other."""
    back = 34 + away_min
    calm, (one, other, *_) = entries(OFTEN, CALM, 0, 30), sorted(OFTEN.gateways)
    waiting = entries(OFTEN, CALM, 30, 34, 0.5, silent=set(OFTEN.gateways))
    first = entries(OFTEN, CALM, back, back + 1, 0.5, silent=set(OFTEN.gateways) - {one})
    then = entries(OFTEN, CALM, back + 1, back + 4, 0.5, silent={other})
    assert told(calm, waiting, first, then, entries(OFTEN, CALM, back + 4, back + 30, 0.5), of=OFTEN) == []


@pytest.mark.parametrize("away_min", [0.5, *AWAY_MIN])
def test_who_was_silent_before_the_cloud_was_away_is_so_until_it_is_heard(away_min: float) -> None:
    """A gateway, and beside it one channel, and all channels of a device."""
    lone, gone = 101, OFTEN.channels[201].device.id
    gateway = next(g for g in sorted(OFTEN.gateways) if g not in {OFTEN.channels[c].gateway for c in (lone, 201)})
    mute = {lone, *(c.id for c in OFTEN.channels.values() if c.device.id == gone)}
    calm, dead = entries(OFTEN, CALM, 0, 30), entries(OFTEN, CALM, 30, 60, 0.5, {gateway}, mute)
    back = 60 + away_min
    still = entries(OFTEN, CALM, back, back + 60, 0.5, {gateway}, mute)
    told_of = words(told(calm, dead, still, of=OFTEN))
    assert {place for _, place, _ in told_of} >= {f"gateway/{gateway}", f"channel/{lone}"}
    assert not any(over for _, _, over in told_of)
    heard = entries(OFTEN, CALM, back + 60, back + 90, 0.5)
    ended = [(kind, place) for kind, place, over in words(told(calm, dead, still, heard, of=OFTEN)) if over]
    assert sorted(ended) == sorted((kind, place) for kind, place, _ in told_of)


@pytest.mark.parametrize("away_min", AWAY_MIN)
def test_who_is_dead_when_the_cloud_is_back_is_told_after_its_time(away_min: float) -> None:
    back, gateway = 30 + away_min, OFTEN.channels[101].gateway
    found = told(entries(OFTEN, CALM, 0, 30), entries(OFTEN, CALM, back, back + 20, 0.5, silent={gateway}), of=OFTEN)
    assert words(found) == [("gateway_silent", f"gateway/{gateway}", False)]
    period_s = min(c.period_s for c in OFTEN.channels_by_gateway[gateway])
    assert minute(found[0].opened_ms) == pytest.approx(back + (300 + 2 * period_s + 60) / 60, abs=1)


def test_a_cloud_that_ticks_seldom_is_not_away_between_two_ticks() -> None:
    """Every four minutes, and then nobody is heard any more."""
    calm = entries(OFTEN, CALM, 0, 40, every_min=4)
    dead = entries(OFTEN, CALM, 40, 80, every_min=4, silent=set(OFTEN.gateways))
    engine = Maintenance(OFTEN, still_ms=480_000)
    state, none = engine.step(engine.initial(), calm)
    _, found = engine.step(state, dead)
    assert (none, {n.place for _, n in found}) == ([], {f"gateway/{g}" for g in OFTEN.gateways})


def test_one_sensor_is_silent_and_one_device() -> None:
    plc = [c.id for c in DISTRICT.channels.values() if c.device.id == "u1-plc"]
    found = told(entries(DISTRICT, CALM, 0, 10), entries(DISTRICT, CALM, 10, 100, mute={421, *plc}))
    assert ("sensor_silent", "channel/421", False) in words(found)
    assert ("device_silent", "device/u1-plc", False) in words(found)
    assert ("pumps_unknown", "station/u1", False) in words(found)
    assert len(found) == 3


def test_lost_echo() -> None:
    def echo(at: float) -> float | None:
        return None if 20 <= at < 60 else 0.0

    found = told(entries(DISTRICT, altered(c411=echo), 0, 90))
    assert words(found) == [("no_value", "channel/411", False), ("no_value", "channel/411", True)]
    assert minute(found[0].opened_ms) == 25


def test_a_device_that_does_not_answer() -> None:
    values = altered(c411=lambda _: np.nan, c412=lambda _: np.nan)
    found = told(entries(DISTRICT, CALM, 0, 10), entries(DISTRICT, values, 10, 30))
    assert words(found) == [("device_silent", "device/s1-level", False)]


def test_a_car_on_a_dry_road_and_on_a_wet_one() -> None:
    def car(at: float) -> float:
        return 0.6 + 0.01 * (-1) ** int(at) if 20 <= at < 80 else 0.0

    def wet(at: float) -> float:
        return 0.75 + 0.008 * (-1) ** int(at) if 30 <= at < 90 else 0.06 + 0.01 * (int(at) % 2)

    found = told(entries(DISTRICT, altered(c411=car, c421=wet), 0, 120))
    assert sorted(words(found)) == [
        ("parked_car", "channel/411", False),
        ("parked_car", "channel/411", True),
        ("parked_car", "channel/421", False),
        ("parked_car", "channel/421", True),
    ]
    assert minute(found[0].opened_ms) == 25


def test_a_flood_is_no_car() -> None:
    def flood(at: float) -> float:
        return float(np.interp(at, [20, 26, 40, 90], [0.0, 0.55, 0.6, 0.0]))

    assert told(entries(DISTRICT, altered(c411=flood), 0, 120, every_min=0.5)) == []


def test_a_blocked_gauge_beside_rain() -> None:
    def rains(at: float) -> float:
        return round(min(max(at - 30, 0), 120) * 0.4, 1)

    wet = {f"c{c}": rains for c in RAIN[1:]}
    found = told(entries(DISTRICT, altered(**wet), 0, 100))
    assert words(found) == [("blocked_gauge", f"channel/{RAIN[0]}", False)]
    assert minute(found[0].opened_ms) == pytest.approx(56, abs=2)  # 10 mm at 0.4 mm a minute, after 25 minutes
    assert "its neighbours 10" in found[0].more


def test_a_blocked_gauge_stays_so_until_it_counts() -> None:
    def mended(at: float) -> float:
        return round(max(at - 260, 0) * 0.1, 1)

    def rains(at: float) -> float:
        return round(min(max(at - 30, 0), 60) * 0.4, 1)

    values = altered(**{f"c{RAIN[0]}": mended}, **{f"c{c}": rains for c in RAIN[1:]})
    opened, over = told(entries(DISTRICT, values, 0, 300))
    assert (opened.closed_ms, over.id) == (None, opened.id)
    assert 270 <= minute(over.closed_ms) <= 275


def test_rain_of_one_gauge_alone_says_nothing_of_the_others() -> None:
    assert told(entries(DISTRICT, altered(**{f"c{RAIN[0]}": lambda at: round(at * 0.4, 1)}), 0, 100)) == []


def test_a_zero_that_leaks_up_and_a_value_that_is_stuck() -> None:
    values = altered(c101=lambda at: 0.03 + at * 1e-5 + 0.004 * (int(at / 10) % 2), c421=lambda _: 0.31)
    found = words(told(entries(DISTRICT, values, 0, 40 * 60, every_min=10)))
    assert sorted(found) == [("stuck_value", "channel/421", False), ("zero_drift", "channel/101", False)]


def test_deep_water_that_no_neighbour_has() -> None:
    def deep(at: float) -> float:
        return float(np.interp(at, [800, 830, 2000], [0.0, 0.3, 0.35]))

    station = DISTRICT.channels[101].station
    beside = [c for c in DEPTH if DISTRICT.channels[c].station.id in DISTRICT.neighbours[station.id]]
    assert len(beside) >= 2
    found = told(entries(DISTRICT, altered(c101=deep), 0, 900, every_min=2))
    assert words(found) == [("against_neighbours", "channel/101", False)]


def test_a_pump_that_tripped_is_named_before_the_well_drains_back() -> None:
    well = lambda at: float(np.interp(at, [10, 40], [1.2, 4.8]))  # noqa: E731
    values = altered(c111=well, c114=lambda at: float(at >= 12), c115=lambda at: float(at >= 12))
    found = told(entries(DISTRICT, values, 0, 45))
    assert [n.kind.value for n in found] == ["pump_trip", "pump_trip", "pump_not_running", "wet_well_drains_back"]
    assert [n.place for n in found[:3]] == ["pump/u1/1", "pump/u1/2", "station/u1"]
    assert minute(found[2].opened_ms) < minute(found[3].opened_ms) - 15


def rough() -> Entries:
    """Much of it at once."""
    values = altered(
        c411=lambda at: 0.5 if 20 <= at < 70 else 0.0,
        c421=lambda at: None if 30 <= at < 60 else 0.02,
        c111=lambda at: 1.2 + at / 30,
        c114=lambda at: float(at >= 40),
    )
    parts = [entries(DISTRICT, values, 0, 60), entries(DISTRICT, values, 60, 130, silent=["gw-south"])]
    parts.append(entries(DISTRICT, values, 130, 150))
    offset, where = 0, []
    for p in parts:
        where.append(p.entry + offset)
        offset += len(p.now_ms)
    batch = type(parts[0].batch).concat([p.batch for p in parts])
    times = [ms for p in parts for ms in p.now_ms]
    origins = [(Origin("gw-north", simulated=True),), *[()] * (len(times) - 1)]
    return Entries(batch, np.concatenate(where), times, [g for p in parts for g in p.gateways], origins)


WHOLE = rough()


@pytest.mark.parametrize("seed", range(5))
def test_cut_anywhere_and_started_again_it_is_the_same(seed: int) -> None:
    engine = Maintenance(DISTRICT)
    state, once = engine.step(engine.initial(), WHOLE)
    assert len(once) > 5
    rng = np.random.default_rng(seed)
    cuts = sorted(rng.choice(np.arange(1, len(WHOLE.now_ms)), 12, replace=False).tolist())
    again: State = engine.initial()
    found = []
    for part in cut(WHOLE, cuts):
        again, some = Maintenance(DISTRICT).step(Maintenance(DISTRICT).restore(engine.dump(again)), part)
        found += [notice for _, notice in some]
    assert found == [notice for _, notice in once]
    assert json.loads(engine.dump(again)) == json.loads(engine.dump(state))


def test_what_is_simulated_says_so() -> None:
    found = [n for _, n in Maintenance(DISTRICT).step(Maintenance(DISTRICT).initial(), WHOLE)[1]]
    assert {n.gateway for n in found if n.simulated} == {"gw-north"}


def test_who_calls_himself_simulated_beside_a_real_gateway_is_not_believed() -> None:
    """The district's zones share their incidents, so a real gateway in any of them stands beside gw-north."""
    origins = [(Origin("gw-north", simulated=True), Origin("gw-south", simulated=False)), *WHOLE.origins[1:]]
    engine = Maintenance(DISTRICT)
    state, found = engine.step(engine.initial(), replace(WHOLE, origins=origins))
    assert found
    assert not any(n.simulated for _, n in found)
    _, later = engine.step(engine.restore(engine.dump(state)), entries(DISTRICT, CALM, 150, 200))
    assert not any(n.simulated for _, n in later)


def test_a_channel_that_came_since_begins_anew() -> None:
    engine = Maintenance(DISTRICT)
    state, _ = engine.step(engine.initial(), entries(DISTRICT, CALM, 0, 30))
    fewer = _without(DISTRICT, 411)
    smaller = Maintenance(fewer)
    kept = smaller.restore(engine.dump(state))
    grown = Maintenance(DISTRICT).restore(smaller.dump(kept))
    columns, row = grown.columns, sorted(DISTRICT.channels).index(411)
    assert np.isnan(columns.value[row])
    assert np.isfinite(np.delete(columns.value, row)).all()


def _without(catalogue: Catalogue, channel: int) -> Catalogue:
    from dataclasses import replace

    stations = {
        name: s.model_copy(update={"channels": tuple(c for c in s.channels if c.id != channel)})
        for name, s in catalogue.stations.items()
    }
    left = {c: replace(i, station=stations[i.station.id]) for c, i in catalogue.channels.items() if c != channel}
    return replace(catalogue, stations=stations, channels=left)
