"""What incidents become when the catalogue is another after a restart: nothing is lost without a word, and nothing is
an all-clear without dry readings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud.warnings.incidents import Incidents
from cloud.warnings.model import Ending, MsgType, Why
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import Reason
from tests.cloud.warnings.city import RULE, city
from tests.cloud.warnings.standing import SETTINGS, Zones, key_of, stands

B, Y, R = Level.BLUE, Level.YELLOW, Level.RED
DRY = Reason.OFF_DELAY_OVER


@pytest.fixture
def zones(small_district: Catalogue) -> Zones:
    """Channels 1 to 4 in zone z0, 5 to 8 in z1, 9 to 12 in z2."""
    return Zones(city(small_district))


def test_what_a_person_ended_stays_ended_when_its_rule_has_another_name(zones: Zones) -> None:
    zones.at(0, stands(1, R, 0.6))
    zones.end(60, Ending.FALSE)
    rule = RULE.model_copy(update={"id": "by-another-name"})
    after = Zones(replace(zones.catalogue, rules=(rule,)))
    key = key_of(1)._replace(rule=rule.id)
    after.incidents = Incidents(after.catalogue, {key: Quantity.DEPTH}, SETTINGS)
    after.conditions, after.state = {key: replace(stands(1, R, 0.6), key=key)}, zones.state
    after.state.wet = None
    assert after.at(90) == []
    (alert,) = after.at(120, replace(stands(1, R, 1.2), key=key))  # twice what it was
    assert alert.why is Why.OPENED


def renamed(catalogue: Catalogue, old: str, new: str) -> Catalogue:
    zones = {
        new if z == old else z: v.model_copy(update={"id": new}) if z == old else v for z, v in catalogue.zones.items()
    }
    stations = {s: v.model_copy(update={"zone": new}) if v.zone == old else v for s, v in catalogue.stations.items()}
    channels = {n: replace(c, station=stations[c.station.id]) for n, c in catalogue.channels.items()}
    return replace(catalogue, zones=zones, stations=stations, channels=channels)


def test_a_zone_that_is_renamed_keeps_its_incident(zones: Zones) -> None:
    (alert,) = zones.at(0, stands(1, R))
    after = Zones(renamed(zones.catalogue, "z0", "old-town"))
    after.conditions, after.state = zones.conditions, zones.state
    after.state.wet = None
    assert after.at(60) == []
    assert {z: o.incident.id for z, o in after.state.open.items()} == {"old-town": alert.incident.id}
    assert {"old-town", "z0"} <= set(after.state.looked_at)  # what is stored of both is written anew
    ((at_s, update),) = after.until(600, begin_s=60)
    assert (at_s, update.why, update.incident.zones) == (90, Why.AREA, ("old-town",))  # areas have its id as geocode
    (cancel,) = after.at(900, stands(1, None, reason=DRY))
    assert (cancel.incident.id, cancel.why) == (alert.incident.id, Why.ENDED_DRY)


def test_a_zone_that_is_gone_ends_its_incident(zones: Zones) -> None:
    (alert,) = zones.at(0, stands(1, R))
    whole = zones.catalogue
    stations = {s: v for s, v in whole.stations.items() if v.zone != "z0"}
    channels = {n: c for n, c in whole.channels.items() if c.station.id in stations}
    zones_left = {z: v for z, v in whole.zones.items() if z != "z0"}
    after = Zones(replace(whole, zones=zones_left, stations=stations, channels=channels))
    after.conditions = {k: c for k, c in zones.conditions.items() if k.target.id in channels}
    after.state, after.state.wet = zones.state, None
    (cancel,) = after.at(60)
    assert (cancel.incident.id, cancel.msg_type, cancel.why) == (
        alert.incident.id,
        MsgType.CANCEL,
        Why.NO_LONGER_WATCHED,
    )
    assert after.state.open == {}


@pytest.mark.parametrize(
    ("watches_still", "why"), [(1, Why.THRESHOLDS_CHANGED), (2, Why.NO_LONGER_WATCHED)], ids=["there", "elsewhere"]
)
def test_a_place_that_another_rule_watches_is_not_called_unwatched(zones: Zones, watches_still: int, why: Why) -> None:
    """A channel under two rules, of which the one that warned is taken out: by the other there is no warning."""
    zones.at(0, stands(1, R))
    other = replace(stands(watches_still, None), key=key_of(watches_still)._replace(rule="other"))
    zones.conditions[other.key] = other
    zones.incidents = Incidents(zones.catalogue, {other.key: Quantity.DEPTH}, SETTINGS)
    (cancel,) = zones.gone(60, 1)
    assert (cancel.msg_type, cancel.why) == (MsgType.CANCEL, why)


def with_zones(catalogue: Catalogue, where: dict[int, str]) -> Catalogue:
    """Some channels' stations stand in other zones."""
    stations = dict(catalogue.stations)
    for channel, zone in where.items():
        one = catalogue.channels[channel].station
        stations[one.id] = one.model_copy(update={"zone": zone})
    channels = {n: replace(c, station=stations[c.station.id]) for n, c in catalogue.channels.items()}
    return replace(catalogue, stations=stations, channels=channels)


def restarted(before: Zones, catalogue: Catalogue) -> Zones:
    after = Zones(catalogue)
    after.conditions, after.state = before.conditions, before.state
    after.state.wet = None
    return after


@pytest.mark.parametrize("where", [{1: "z2"}, {1: "z2", 2: "z2", 3: "z2", 4: "z2"}])
def test_a_place_that_moves_takes_its_incident_along(zones: Zones, where: dict[int, str]) -> None:
    """Whether other, dry places stay in the zone that it leaves or not."""
    (alert,) = zones.at(0, stands(1, R))
    after = restarted(zones, with_zones(zones.catalogue, where))
    assert after.at(60) == []
    ((at_s, update),) = after.until(600, begin_s=60)
    assert (at_s, update.why, update.incident.id) == (90, Why.AREA, alert.incident.id)
    assert (update.incident.zone, update.incident.zones) == ("z2", ("z2",))
    (cancel,) = after.at(900, stands(1, None, reason=DRY))
    assert (cancel.incident.id, cancel.why) == (alert.incident.id, Why.ENDED_DRY)


def test_a_place_that_moves_to_a_zone_with_an_incident_is_no_all_clear(zones: Zones) -> None:
    (first, second) = zones.at(0, stands(1, R), stands(9, B))
    after = restarted(zones, with_zones(zones.catalogue, {1: "z2"}))
    cancel, update = after.at(60)
    assert (cancel.incident.id, cancel.msg_type, cancel.why) == (
        first.incident.id,
        MsgType.CANCEL,
        Why.NO_LONGER_WATCHED,
    )
    assert (update.incident.id, update.why, update.incident.level) == (second.incident.id, Why.WORSE, R)


def test_one_of_several_that_moves_is_lost_to_the_others_until_it_is_dry(zones: Zones) -> None:
    zones.at(0, stands(1, Y), stands(2, B))
    after = restarted(zones, with_zones(zones.catalogue, {1: "z2"}))
    (alert,) = after.at(60)
    assert (alert.why, alert.incident.zone, alert.incident.level) == (Why.OPENED, "z2", Y)
    ((_, update),) = after.until(600, begin_s=60)
    assert (update.why, update.incident.level) == (Why.NO_LONGER_WATCHED, B)
    (worse,) = after.at(700, stands(1, R))  # in its new zone; of the old one that says nothing
    assert worse.incident.zone == "z2"
    (cancel,) = after.at(800, stands(2, None, reason=DRY))
    assert cancel.why is Why.NO_LONGER_WATCHED


def test_a_place_that_moved_and_is_dry_leaves_an_all_clear(zones: Zones) -> None:
    zones.at(0, stands(1, R), stands(2, Y))
    after = restarted(zones, with_zones(zones.catalogue, {1: "z2"}))
    after.at(60)
    (moved,) = after.at(700, stands(1, None, reason=DRY))
    (stayed,) = after.at(800, stands(2, None, reason=DRY))
    assert (moved.incident.zone, stayed.incident.zone) == ("z2", "z0")
    assert moved.why is stayed.why is Why.ENDED_DRY


def test_a_group_that_is_dissolved_leaves_the_incident_where_the_water_is(zones: Zones) -> None:
    whole = zones.catalogue
    grouped = {z: v.model_copy(update={"incident_group": "north"}) for z, v in whole.zones.items()}
    together = Zones(replace(whole, zones=grouped))
    (alert,) = together.at(0, stands(5, R))
    after = restarted(together, whole)
    assert after.at(60) == []
    assert {z: o.incident.id for z, o in after.state.open.items()} == {"z1": alert.incident.id}
