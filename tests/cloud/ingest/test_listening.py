"""To whom the receiver listens while somebody sends more messages than it can look at."""

from __future__ import annotations

import pytest

from cloud.ingest.listening import MESSAGES_AT_ONCE, MESSAGES_PER_S, SILENCE_MOST_S, Listening, packets
from contract.wire.topics import filters_of

GATEWAYS = ("gw-1", "gw-2", "gw-3")
ALL = frozenset(filters_of("d"))
BUT_2 = frozenset(f for g in ("gw-1", "gw-3") for f in filters_of("d", g))


def flood(some: Listening, gateway: str, now_s: float, count: int = MESSAGES_AT_ONCE + 1) -> list[bool]:
    return [some.hears(gateway, now_s) for _ in range(count)]


def test_who_sends_too_much_is_listened_to_no_more_and_all_others_are_by_name() -> None:
    some = Listening("d", GATEWAYS)
    assert some.wanted() == ALL
    assert flood(some, "gw-2", 100.0) == [True] * MESSAGES_AT_ONCE + [False]
    assert some.wanted() == BUT_2
    assert some.hears("gw-1", 100.0)
    assert not some.hears("gw-2", 130.0)
    assert some.silent(130.0) == {"gw-2": 30.0}
    some.again(159.0)
    assert some.wanted() == BUT_2
    some.again(160.0)
    assert some.wanted() == ALL
    assert some.hears("gw-2", 160.0)


def test_names_of_nobody_are_left_out_as_well() -> None:
    some = Listening("d", GATEWAYS)
    flood(some, "gw-of-nobody", 100.0)
    assert some.wanted() == frozenset(f for g in GATEWAYS for f in filters_of("d", g))


@pytest.mark.parametrize(
    ("begins_s", "lasts_s"),
    [
        ((0, 61), (60, 120)),
        ((0, 61, 200, 500), (60, 120, 240, 480)),
        ((0, 3659), (60, 120)),
        ((0, 3661), (60, 60)),
        (tuple(10_000 * n for n in range(3)), (60, 60, 60)),
    ],
)
def test_who_goes_on_within_an_hour_is_silent_twice_as_long(
    begins_s: tuple[int, ...], lasts_s: tuple[int, ...]
) -> None:
    some, found = Listening("d", GATEWAYS), []
    for at_s in begins_s:
        some.again(at_s)
        flood(some, "gw-2", at_s)
        found.append(some.silent(at_s)["gw-2"])
    assert tuple(found) == lasts_s


def test_no_silence_is_longer_than_an_hour() -> None:
    some, at_s = Listening("d", GATEWAYS), 0.0
    for _ in range(12):
        flood(some, "gw-2", at_s)
        left_s = some.silent(at_s)["gw-2"]
        at_s += left_s + 10
        some.again(at_s)
    assert left_s == SILENCE_MOST_S


def test_an_honest_pace_is_never_too_much() -> None:
    some = Listening("d", GATEWAYS)
    heard = [some.hears("gw-1", n / MESSAGES_PER_S) for n in range(30_000)]
    assert all(heard)
    assert some.wanted() == ALL


def test_without_a_list_of_gateways_all_are_listened_to() -> None:
    some = Listening("d", None)
    assert all(flood(some, "gw-2", 0.0))
    assert some.wanted() == ALL == some.possible()


def test_what_the_broker_may_remember_and_packets_that_hold_all_of_it() -> None:
    some = Listening("d", [f"gw-{n}" for n in range(500)])
    assert len(some.possible()) == 501 * 4
    named = packets(some.possible())
    assert {name for packet in named for name in packet} == some.possible()
    assert max(map(len, named)) <= 200
