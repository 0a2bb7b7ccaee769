"""Conditions in, messages out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.warnings.incidents import Incidents
from cloud.warnings.model import Certainty, Ending, MsgType, Why
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState, Doubt, Reason
from tests.cloud.warnings.city import START_MS, city
from tests.cloud.warnings.standing import SETTINGS, Zones, stands

B, Y, R = Level.BLUE, Level.YELLOW, Level.RED
UNKNOWN = ConditionState.UNKNOWN
DRY = Reason.OFF_DELAY_OVER


@pytest.fixture
def zones(small_district: Catalogue) -> Zones:
    """Channels 1 to 4 in zone z0, 5 to 8 in z1, 9 to 12 in z2."""
    return Zones(city(small_district))


def test_it_opens_and_gets_worse_at_once(zones: Zones) -> None:
    (alert,) = zones.at(0, stands(1, B))
    assert (alert.msg_type, alert.why, alert.incident.level) == (MsgType.ALERT, Why.OPENED, B)
    (update,) = zones.at(1, stands(1, R))
    assert (update.msg_type, update.why, update.incident.level) == (MsgType.UPDATE, Why.WORSE, R)


def test_a_tunnel_that_joins_a_red_zone_is_told_within_the_time_to_gather(zones: Zones) -> None:
    zones.at(0, stands(1, R))
    assert zones.at(100, stands(2, R, 0.52)) == []
    assert zones.at(110, stands(3, Y)) == []  # told with it
    ((at_s, update),) = zones.until(200, begin_s=110)
    assert (at_s, update.why) == (130, Why.JOINED)
    assert [(e.channel, e.level, e.value) for e in update.incident.evidence] == [(1, R, 0.5), (2, R, 0.52), (3, Y, 0.2)]


def test_depth_is_told_at_every_doubling_above_red(zones: Zones) -> None:
    zones.at(0, stands(1, R, 0.6), stands(2, R, 0.52))
    told = []
    for n, cm in enumerate(range(52, 460, 6)):  # six centimetres a half minute
        told += zones.at(30 * (n + 1), stands(2, R, cm / 100))
    said = [next(e.value for e in a.incident.evidence if e.channel == 2) for a in told]
    assert [a.why for a in told] == [Why.DEEPER, Why.DEEPER]
    assert said == [1.12, 2.32]  # twice 0.52 and twice 1.12, and what came in the half minute to gather


def test_easing_waits_and_a_renewal_has_the_same_text(zones: Zones) -> None:
    zones.at(0, stands(1, R), stands(2, B))
    assert zones.at(60, stands(1, Y)) == []
    ((at_s, eased),) = zones.until(1000, begin_s=60)
    assert (at_s, eased.why, eased.incident.level) == (900, Why.EASED, Y)
    assert zones.at(1000, stands(1, Y, 0.23)) == []
    ((at_s, renewal),) = zones.until(900 + 3000, begin_s=1000)
    assert (at_s, renewal.why) == (900 + 3000, Why.RENEWAL)  # ten minutes before its hour is over
    assert renewal.incident.evidence == eased.incident.evidence
    assert renewal.incident.updated_ms == START_MS + 3_900_000


def test_the_end_by_dry_readings(zones: Zones) -> None:
    zones.at(0, stands(1, B), stands(2, B))
    assert zones.at(600, stands(1, None, reason=DRY)) == []
    (cancel,) = zones.at(700, stands(2, None, reason=DRY))
    assert (cancel.msg_type, cancel.why, cancel.incident.closed_ms) == (
        MsgType.CANCEL,
        Why.ENDED_DRY,
        START_MS + 700_000,
    )


@pytest.mark.parametrize(
    ("reason", "why"), [(Reason.CORRECTED, Why.CORRECTED), (Reason.THRESHOLDS_CHANGED, Why.THRESHOLDS_CHANGED)]
)
def test_an_end_without_dry_readings_is_no_all_clear(zones: Zones, reason: Reason, why: Why) -> None:
    zones.at(0, stands(1, R), stands(2, B))
    zones.at(60, stands(1, None, reason=reason))
    (cancel,) = zones.at(700, stands(2, None, reason=DRY))
    assert cancel.why is why
    zones.at(800, stands(1, B))
    (cancel,) = zones.at(1500, stands(1, None, reason=DRY))  # the next incident is another matter
    assert cancel.why is Why.ENDED_DRY


def test_what_is_watched_no_longer_ends_so(zones: Zones) -> None:
    zones.at(0, stands(1, R))
    (cancel,) = zones.gone(60, 1)
    assert (cancel.msg_type, cancel.why) == (MsgType.CANCEL, Why.NO_LONGER_WATCHED)
    assert zones.until(4000, begin_s=60) == []


def test_one_of_several_that_is_watched_no_longer_is_told(zones: Zones) -> None:
    zones.at(0, stands(1, R), stands(2, R))
    zones.gone(60, 1)
    ((_, update),) = zones.until(600, begin_s=60)
    assert (update.why, [e.channel for e in update.incident.evidence]) == (Why.NO_LONGER_WATCHED, [2])
    assert zones.at(700, stands(2, None, reason=DRY))[0].why is Why.NO_LONGER_WATCHED  # of the other nobody knows


def test_silence_holds_for_as_long_as_it_lasts(zones: Zones) -> None:
    zones.at(0, stands(1, R))
    zones.at(600, stands(1, R, state=UNKNOWN, reason=Reason.SILENT))
    told = zones.until(86_400, 60, 600)
    assert {a.msg_type for _, a in told} == {MsgType.UPDATE}
    assert (told[0][1].why, told[0][1].incident.certainty) == (Why.CERTAINTY, Certainty.POSSIBLE)
    assert {a.why for _, a in told[1:]} == {Why.RENEWAL}


def test_a_mute_is_told_at_once_and_holds(zones: Zones) -> None:
    zones.at(0, stands(1, R))
    (update,) = zones.at(60, stands(1, R, state=UNKNOWN, reason=Reason.MUTED))
    assert (update.why, update.incident.certainty, update.incident.level) == (Why.DECISION, Certainty.POSSIBLE, R)
    assert {a.msg_type for _, a in zones.until(86_400, 60, 60)} == {MsgType.UPDATE}


@pytest.mark.parametrize(
    ("doubt", "certainty"),
    [
        (Doubt.NONE, Certainty.OBSERVED),
        (Doubt.SUSPECT, Certainty.LIKELY),
        (Doubt.STEP, Certainty.LIKELY),
        (Doubt.DRIFT, Certainty.POSSIBLE),
    ],
)
def test_doubt_lowers_certainty(zones: Zones, doubt: Doubt, certainty: Certainty) -> None:
    (alert,) = zones.at(0, stands(1, R, doubt=doubt))
    assert (alert.incident.certainty, alert.incident.evidence[0].doubt) == (certainty, doubt.value)


def test_a_reading_below_the_level_does_not_make_it_certain(zones: Zones) -> None:
    """Held through hours of silence, then the first reading is dry: nothing is told until it has been dry for long."""
    zones.at(0, stands(1, R, 0.6))
    zones.at(600, stands(1, R, 0.6, UNKNOWN, Reason.SILENT))
    told = zones.until(6 * 3600, 60, 600)
    assert told[-1][1].incident.certainty is Certainty.POSSIBLE
    assert zones.at(6 * 3600, stands(1, R, 0.0, ConditionState.CLEARING, Reason.HEARD_AGAIN)) == []
    assert {a.why for _, a in zones.until(6 * 3600 + 599, 10, 6 * 3600)} <= {Why.RENEWAL}
    (cancel,) = zones.at(6 * 3600 + 600, stands(1, None, 0.0, reason=DRY))
    assert cancel.why is Why.ENDED_DRY


def test_clearing_keeps_the_certainty_that_was(zones: Zones) -> None:
    zones.at(0, stands(1, R))
    zones.at(60, stands(1, R, 0.1, ConditionState.CLEARING, Reason.FELL_BELOW))
    assert {a.why for _, a in zones.until(86_400, 60, 60)} == {Why.RENEWAL}


@pytest.mark.parametrize(("reason", "why"), [(Ending.FALSE, Why.WITHDRAWN), (Ending.OVER, Why.ENDED_BY_PERSON)])
def test_a_person_ends_it_and_it_stays_ended(zones: Zones, reason: Ending, why: Why) -> None:
    zones.at(0, stands(1, R, 0.6))
    (cancel,) = zones.end(60, reason)
    assert (cancel.msg_type, cancel.why) == (MsgType.CANCEL, why)
    assert cancel.incident.ended is not None
    assert (cancel.incident.ended.who, cancel.incident.ended.reason) == ("person:ann", reason)
    assert zones.at(90, stands(1, R, 0.9)) == []  # it stands on, a little deeper
    assert zones.at(120, stands(1, R, 0.9, UNKNOWN, Reason.SILENT)) == []
    assert zones.until(86_400, 600, 120) == []
    (alert,) = zones.at(86_500, stands(1, R, 1.2))  # twice what it was
    assert (alert.msg_type, alert.why) == (MsgType.ALERT, Why.OPENED)
    assert alert.incident.id != cancel.incident.id


def test_ended_another_place_opens_an_incident_of_its_own(zones: Zones) -> None:
    zones.at(0, stands(1, R, 0.6))
    zones.end(60, Ending.FALSE)
    (alert,) = zones.at(90, stands(2, B))
    assert [e.channel for e in alert.incident.evidence] == [2]
    (update,) = zones.at(100, stands(1, R, 1.3))
    assert [e.channel for e in update.incident.evidence] == [1, 2]


def test_ended_and_dry_it_may_come_again(zones: Zones) -> None:
    zones.at(0, stands(1, Y))
    zones.end(60, Ending.OVER)
    assert zones.at(70, stands(1, B)) == []  # it falls
    assert zones.at(600, stands(1, None, reason=DRY)) == []
    (alert,) = zones.at(700, stands(1, B))
    assert alert.why is Why.OPENED


def test_ended_and_a_level_worse_it_opens_again(zones: Zones) -> None:
    zones.at(0, stands(1, B))
    zones.end(60, Ending.OVER)
    (alert,) = zones.at(60.5, stands(1, Y))
    assert alert.why is Why.OPENED
    (again,) = zones.end(60.7, Ending.OVER)
    (third,) = zones.at(60.9, stands(1, R))
    assert len({alert.incident.id, again.incident.id, third.incident.id}) == 2  # `again` is the end of `alert`


def test_an_end_that_comes_too_late_or_twice_does_nothing(zones: Zones) -> None:
    zones.at(0, stands(1, B))
    (cancel,) = zones.end(60, Ending.OVER)
    assert cancel.incident.ended is not None
    zones.state, out = zones.incidents.end(zones.state, cancel.incident.id, cancel.incident.ended, START_MS + 61_000)
    assert out == []


@pytest.mark.parametrize(("quantity", "of_depth"), [(Quantity.DEPTH, True), (Quantity.PUMP_FAULT, False)])
def test_an_end_says_whether_depths_of_water_spoke_for_it(zones: Zones, quantity: Quantity, of_depth: bool) -> None:
    zones.incidents = Incidents(zones.catalogue, dict.fromkeys(zones.conditions, quantity), SETTINGS)
    zones.at(0, stands(1, R))
    (cancel,) = zones.at(900, stands(1, None, reason=DRY))
    assert (cancel.why, cancel.of_depth) == (Why.ENDED_DRY, of_depth)


def test_zones_of_one_group_share_an_incident(zones: Zones) -> None:
    whole = zones.catalogue
    grouped = {
        z: v.model_copy(update={"incident_group": "north"}) if z in ("z0", "z1") else v for z, v in whole.zones.items()
    }
    z = Zones(replace(whole, zones=grouped))
    (alert,) = z.at(0, stands(5, B))
    assert (alert.incident.zone, alert.incident.zones) == ("z0", ("z1",))
    z.at(10, stands(1, B))
    ((_, joined),) = z.until(100, begin_s=10)
    assert (joined.incident.id, joined.why, joined.incident.zones) == (alert.incident.id, Why.JOINED, ("z0", "z1"))
    (other,) = z.at(110, stands(9, B))
    assert other.incident.zone == "z2"
    z.at(700, stands(1, None, reason=DRY))
    (cancel,) = z.at(710, stands(5, None, reason=DRY))
    assert (cancel.incident.id, cancel.why) == (alert.incident.id, Why.ENDED_DRY)
    assert cancel.incident.zones == ("z0", "z1")  # z0 was dry before, and nobody was told


def test_a_person_ends_it_in_every_zone_that_was_told(zones: Zones) -> None:
    whole = zones.catalogue
    grouped = {z: v.model_copy(update={"incident_group": "north"}) for z, v in whole.zones.items()}
    z = Zones(replace(whole, zones=grouped))
    z.at(0, stands(1, B), stands(9, B))
    z.at(700, stands(1, None, reason=DRY))
    (cancel,) = z.end(710, Ending.OVER)
    assert cancel.incident.zones == ("z0", "z2")


# --- bounded, whatever comes ---


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.sampled_from([None, B, Y, R]), st.floats(0.1, 4), st.integers(1, 400), st.booleans()
        ),
        max_size=80,
    )
)
def test_flapping_gives_bounded_messages(
    small_district: Catalogue, steps: list[tuple[int, Level | None, float, int, bool]]
) -> None:
    """Beside renewals, openings and ends: no two within the time to gather but for a level that rose; and every one
    changes a level, the certainty, the places, a depth class or a decision."""
    z, now_s = Zones(city(small_district)), 0.0
    told: list[tuple[float, Why]] = []
    for channel, level, value, wait_s, silent in steps:
        now_s += wait_s
        said = z.at(now_s, stands(channel, level, value, UNKNOWN if silent and level else None, DRY))
        told += [(now_s, a.why) for a in said]
    quick = {Why.WORSE, Why.OPENED, Why.ENDED_DRY}
    slow = [at for at, why in told if why not in quick]
    between = [(a, b) for a, b in pairwise(told) if b[1] not in quick]
    assert all(b[0] - a[0] >= SETTINGS.gather_s for a, b in between)
    assert len(slow) <= now_s / SETTINGS.gather_s + 1
    waits = {Why.EASED: SETTINGS.quiet_s, Why.CERTAINTY: SETTINGS.quiet_s, Why.AREA: 3000.0}
    assert all(b[0] - a[0] >= waits[b[1]] for a, b in pairwise(told) if b[1] in waits)


def test_how_fast_a_tunnel_rose_nine_minutes_ago_is_not_told_as_now(zones: Zones) -> None:
    """It is full to the roof and reports no change. Its depth is told with the time of the reading."""
    full = replace(stands(1, R, 4.5), rise_per_min=0.11, shown_ms=START_MS)
    (alert,) = zones.at(0, full)
    assert [e.rise_per_min for e in alert.incident.evidence] == [0.11]
    zones.at(540, replace(stands(2, R, 0.6), rise_per_min=0.07, shown_ms=START_MS + 540_000))
    ((_, update),) = zones.until(570, begin_s=540)
    assert [(e.channel, e.value, e.rise_per_min) for e in update.incident.evidence] == [(1, 4.5, None), (2, 0.6, 0.07)]
