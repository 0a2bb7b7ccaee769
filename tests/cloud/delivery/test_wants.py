"""Who is told of what, and when: filters and escalation."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from cloud.delivery.wants import EVERYTHING, Facts, Head, Kind, Step, Unwanted, Wants, next_within
from cloud.warnings.model import MsgType
from contract.catalogue.rules import Level
from contract.clock import iso, to_ms

BEIJING = ZoneInfo("Asia/Shanghai")
MINUTE_MS = 60_000


def at(text: str) -> int:
    return to_ms(datetime.fromisoformat(f"2021-07-20T{text}:00+08:00"))


def head(level: Level | None = Level.ORANGE, status: str = "Actual") -> Head:
    return Head("i", MsgType.ALERT, level, status)


@pytest.mark.parametrize(
    ("wants", "message", "zones", "taken"),
    [
        (EVERYTHING, head(), {"a"}, True),
        (Wants(levels=frozenset({Level.RED})), head(), {"a"}, False),
        (Wants(levels=frozenset({Level.RED})), head(None), {"a"}, True),  # nobody knows how bad it is
        (Wants(kinds=frozenset({Kind.WARNING})), head(None), {"a"}, False),
        (Wants(kinds=frozenset({Kind.MAINTENANCE})), head(), {"a"}, False),
        (Wants(zones=frozenset({"a"})), head(), {"b", "a"}, True),
        (Wants(zones=frozenset({"a"})), head(), {"b"}, False),
        (Wants(zones=frozenset({"a"})), head(), set(), True),  # not known: nobody goes without a warning for that
        (Wants(statuses=frozenset({"Actual"})), head(status="Exercise"), {"a"}, False),
    ],
)
def test_a_filter(wants: Wants, message: Head, zones: set[str], taken: bool) -> None:
    assert wants.from_ms(message, Facts(frozenset(zones))) == (0 if taken else Unwanted.FILTERED)


@pytest.mark.parametrize(
    ("from_", "begins", "ends", "expected"),
    [
        ("12:00", "08:00", "20:00", "12:00"),
        ("20:00", "08:00", "20:00", "08:00+1"),  # the end is not included
        ("07:59", "08:00", "20:00", "08:00"),
        ("23:00", "22:00", "06:00", "23:00"),
        ("03:00", "22:00", "06:00", "03:00"),
        ("06:00", "22:00", "06:00", "22:00"),
        ("06:00", "09:00", "09:00", "06:00"),  # the same: always
    ],
)
def test_hours_of_the_day(from_: str, begins: str, ends: str, expected: str) -> None:
    clock, _, later = expected.partition("+")
    expected_ms = at(clock) + int(later or 0) * 86_400_000
    found = next_within(at(from_), time.fromisoformat(begins), time.fromisoformat(ends), BEIJING)
    assert iso(found) == iso(expected_ms)


@pytest.mark.parametrize(
    ("zone", "from_", "begins", "ends", "expected"),
    [
        # There is no 02:30 in the night in which the clock is put forward: 03:30 stands for it.
        ("Europe/Berlin", "2021-03-28T00:30:00Z", time(2, 30), time(8), "2021-03-28T01:30:00Z"),
        # 02:30 comes twice when it is put back: the first counts, and hours that have begun go on.
        ("Europe/Berlin", "2021-10-30T23:30:00Z", time(2, 30), time(8), "2021-10-31T00:30:00Z"),
        ("Europe/Berlin", "2021-10-31T01:45:00Z", time(2, 30), time(8), "2021-10-31T01:45:00Z"),
        # The day is the district's, not that of UTC, in which it is still yesterday.
        ("Asia/Shanghai", "2021-07-19T17:00:00Z", time(8), time(20), "2021-07-20T00:00:00Z"),
        ("America/New_York", "2021-07-20T01:00:00Z", time(8), time(20), "2021-07-20T12:00:00Z"),
    ],
)
def test_hours_in_other_zones_and_on_days_of_23_and_25_hours(
    zone: str, from_: str, begins, ends, expected: str
) -> None:
    at_ms = to_ms(datetime.fromisoformat(from_))
    assert iso(next_within(at_ms, begins, ends, ZoneInfo(zone))) == expected


NIGHT = Step("first", 300.0, time(22), time(6))
AT_ONCE = Step("first", 0.0)


@pytest.mark.parametrize(
    ("step", "since", "acted", "expected"),
    [
        (NIGHT, "23:58", None, "00:03+1"),  # over midnight, within the hours
        (NIGHT, "21:50", None, "22:00"),
        (NIGHT, "05:57", None, "22:00"),  # the hours end before it is due
        (AT_ONCE, "12:00", None, "12:00"),
        (AT_ONCE, "12:00", "12:00", Unwanted.ACKNOWLEDGED),  # in the same millisecond
        (AT_ONCE, "12:00", "11:59", "12:00"),  # of what came after it nobody said anything
        # Acknowledged is acknowledged, also after it fell due while the cloud was away.
        (NIGHT, "23:00", "23:04", Unwanted.ACKNOWLEDGED),
        (NIGHT, "23:00", "23:06", Unwanted.ACKNOWLEDGED),
    ],
)
def test_when_an_escalation_is_due(step: Step, since: str, acted: str | None, expected: str | Unwanted) -> None:
    facts = Facts(frozenset({"z"}), at(acted) if acted else None, told((since, Level.ORANGE)))
    found = Wants(steps=(step,), zone=BEIJING).from_ms(head(), facts)
    if isinstance(expected, Unwanted):
        assert found is expected
    else:
        clock, _, later = expected.partition("+")
        assert found == at(clock) + int(later or 0) * 86_400_000


def told(*levels: tuple[str, Level]) -> list[tuple[int, Level]]:
    return [(at(moment), level) for moment, level in levels]


STEP = Step("first", 300.0, time(8), time(20), frozenset({Level.ORANGE, Level.RED}))


@pytest.mark.parametrize(
    ("level", "levels", "acted", "expected"),
    [
        (Level.YELLOW, [("12:00", Level.YELLOW)], None, Unwanted.FILTERED),
        (Level.ORANGE, [("12:00", Level.ORANGE)], None, "12:05"),
        # An update at the same level begins nothing anew.
        (Level.ORANGE, [("12:00", Level.ORANGE), ("12:04", Level.ORANGE)], None, "12:05"),
        (Level.ORANGE, [("12:00", Level.ORANGE)], "12:03", Unwanted.ACKNOWLEDGED),
        # What a person saw was yellow: of orange nobody said anything.
        (Level.ORANGE, [("12:00", Level.YELLOW), ("12:10", Level.ORANGE)], "12:03", "12:15"),
        # It eased to what was acknowledged before.
        (Level.ORANGE, [("12:00", Level.ORANGE), ("12:02", Level.RED), ("12:09", Level.ORANGE)], "12:01", "acked"),
        # It had eased in between: the time counts from when it rose again.
        (Level.ORANGE, [("12:00", Level.ORANGE), ("12:04", Level.BLUE), ("13:00", Level.ORANGE)], None, "13:05"),
        # At night orange waits for the morning, red never.
        (Level.ORANGE, [("03:00", Level.ORANGE)], None, "08:00"),
        (Level.RED, [("03:00", Level.RED)], None, "03:05"),
    ],
)
def test_escalation(level: Level, levels, acted: str | None, expected: str | Unwanted) -> None:
    facts = Facts(frozenset({"z"}), at(acted) if acted else None, told(*levels))
    wanted = Unwanted.ACKNOWLEDGED if expected == "acked" else expected
    assert Wants(steps=(STEP,), zone=BEIJING).from_ms(head(level), facts) == (
        wanted if isinstance(wanted, Unwanted) else at(wanted)
    )


def test_of_several_ways_the_first_counts() -> None:
    slow, quick = Step("a", 900.0), Step("b", 60.0)
    facts = Facts(levels=told(("12:00", Level.BLUE)))
    assert Wants(steps=(slow, quick)).from_ms(head(Level.BLUE), facts) == at("12:01")


def test_what_a_consumer_does_not_want_it_does_not_hand_on() -> None:
    kin = {"first": Wants(zones=frozenset({"a"}))}
    wants = Wants(steps=(Step("first", 60.0),), kin=kin)
    levels = told(("12:00", Level.BLUE))
    assert wants.from_ms(head(Level.BLUE), Facts(frozenset({"a"}), None, levels)) == at("12:01")
    assert wants.from_ms(head(Level.BLUE), Facts(frozenset({"b"}), None, levels)) is Unwanted.FILTERED
