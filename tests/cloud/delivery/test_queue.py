"""What goes out next, as tables: what waits, what the consumer knows, the time; and what is sent and noted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.delivery.queue import Queue
from cloud.delivery.values import Noted, Past, Pending, Policy
from cloud.warnings.model import MsgType
from contract.catalogue.rules import Level

A, U, C = MsgType.ALERT, MsgType.UPDATE, MsgType.CANCEL
BLUE, YELLOW, ORANGE, RED = (Level(x) for x in ("blue", "yellow", "orange", "red"))
MIN = 60_000


def message(number: int, incident: str, kind: MsgType = A, level: Level = RED, ends: int | None = None) -> Pending:
    return Pending(number, f"m{number}", incident, kind, level, number, ends)


def queue(*found: Pending, told: tuple[str, ...] = (), **policy: float) -> Queue:
    q = Queue(Policy(**{"parallel": 4, **policy}))  # type: ignore[arg-type]
    q.see(found, {incident: Past(told=True) for incident in told})
    return q


def sent(q: Queue, now_ms: int = 0) -> list[str]:
    return [m.id for m in q.plan(now_ms, now_ms).start]


@pytest.mark.parametrize(
    ("waits", "told", "sends", "notes"),
    [
        pytest.param([message(1, "i")], "", ["m1"], {}, id="one"),
        pytest.param(
            [message(1, "i"), message(2, "i", U), message(3, "i", U)],
            "",
            ["m3"],
            {"m1": "superseded", "m2": "superseded"},
            id="of an incident the newest alone",
        ),
        pytest.param(
            [message(1, "a", A, BLUE), message(2, "b", A, RED), message(3, "c", A, ORANGE), message(4, "d", A, RED)],
            "",
            ["m2", "m4", "m3", "m1"],
            {},
            id="worst first, then who waits longest",
        ),
        pytest.param(
            [message(1, "a", C, RED), message(2, "b", A, BLUE)], "a", ["m2", "m1"], {}, id="warnings before all-clears"
        ),
        pytest.param(
            [replace(message(1, "a", U, RED), renewal=True), message(2, "b", A, BLUE)],
            "a",
            ["m1", "m2"],
            {},
            id="a renewal is news to who lacks what it renews",
        ),
        pytest.param([message(1, "i", A, RED, 100)], "", [], {"m1": "expired"}, id="nothing that has expired"),
        pytest.param([message(1, "i", A, RED, 101)], "", ["m1"], {}, id="in force to the end"),
        pytest.param(
            [message(1, "i", A, RED, 50), message(2, "i", U, RED, 200)], "", ["m2"], {"m1": "expired"}, id="the latest"
        ),
        pytest.param([message(2, "i", C)], "", [], {"m2": "untold"}, id="no end of what was never told"),
        pytest.param(
            [message(1, "i"), message(2, "i", C)], "", [], {"m1": "superseded", "m2": "untold"}, id="begun and over"
        ),
        pytest.param(
            [message(1, "i", A, RED, 50), message(2, "i", C, RED, 60)],
            "",
            [],
            {"m1": "expired", "m2": "untold"},
            id="begun, over and expired",
        ),
        pytest.param([message(2, "i", C, RED, 50)], "i", ["m2"], {}, id="who was told gets the end, however late"),
        pytest.param(
            [message(2, "i", U, RED, 50), message(3, "i", C, RED, 60)],
            "i",
            ["m3"],
            {"m2": "expired"},
            id="and only that",
        ),
    ],
)
def test_what_goes_out(waits: list[Pending], told: str, sends: list[str], notes: dict[str, str]) -> None:
    plan = queue(*waits, told=tuple(told)).plan(100, 0)
    assert [m.id for m in plan.start] == sends
    assert {m: why.value for m, why in plan.notes} == notes


def test_news_goes_before_renewals_of_what_the_consumer_has() -> None:
    q = queue(message(1, "a"), parallel=1)
    sent(q)
    q.delivered(message(1, "a"), 0)
    renewal, other = replace(message(2, "a", U), renewal=True), replace(message(3, "z", U), renewal=True)
    q.see([renewal, other, message(4, "b", A, BLUE)], {"z": Past(2, told=True, newest=True)})
    for number, incident in ((4, "b"), (2, "a"), (3, "z")):
        assert sent(q) == [f"m{number}"]
        q.delivered(message(number, incident), 0)
    q.see([message(5, "a", U), replace(message(6, "a", U), renewal=True), message(7, "c", A, ORANGE)], {})
    assert sent(q) == ["m6"]  # it lacks what was new before it


def test_a_new_sink_gets_what_is_in_force_and_not_what_was() -> None:
    old = [message(n, f"i{n % 50}", U if n >= 50 else A, BLUE, 1000 + n) for n in range(450)]
    over = [message(450 + n, f"i{n}", C, BLUE, 9999) for n in range(47)]
    plan = queue(*old, *over).plan(1300, 0)
    assert {m.incident for m in plan.start} == {"i47", "i48", "i49"}
    assert len(plan.notes) == 450 + 47 - 3


def test_what_was_told_after_it_is_never_followed_by_an_older_one() -> None:
    q = Queue(Policy())
    assert q.see([message(3, "i", U)], {"i": Past(settled=4, told=True)}) == [("m3", Noted.SUPERSEDED)]
    assert sent(q) == []


def test_different_incidents_go_at_once_up_to_a_bound_and_one_incident_in_order() -> None:
    q = queue(*(message(n, f"i{n}", A, BLUE) for n in range(6)), parallel=3)
    assert sent(q) == ["m0", "m1", "m2"]
    q.see([message(7, "i0", U, RED), message(8, "red", A, RED)], {})
    assert sent(q) == []  # all under way
    q.delivered(message(1, "i1"), 5)
    assert sent(q, 5) == ["m8"]
    q.delivered(message(0, "i0"), 6)
    assert sent(q, 6) == ["m7"]  # the newer one, once the older one is through


def test_a_red_one_hears_behind_twenty_others_within_one_answer() -> None:
    """Of a consumer that takes 4 s an answer: it was 80 s."""
    q = queue(*(message(n, f"i{n}", A, BLUE) for n in range(20)), parallel=1)
    assert sent(q) == ["m0"]
    q.see([message(99, "red", A, RED)], {})
    q.delivered(message(0, "i0"), 4000)
    assert sent(q, 4000) == ["m99"]


def test_begun_before_the_consumer_knows_of_it_is_said_so() -> None:
    q = queue(message(1, "a"), message(2, "b"), told=("b",))
    assert q.plan(0, 0).first == {"m1"}


# --- a consumer in trouble --------------------------------------------------------------------------------------------


def test_a_consumer_in_trouble_is_asked_by_one_at_a_time_and_each_time_by_another() -> None:
    q = queue(*(message(n, f"i{n}") for n in range(3)), parallel=1)
    assert sent(q) == ["m0"]
    q.failed(message(0, "i0"), "m0: HTTP 500", 0)
    assert (q.trouble, q.plan(0, 0).next_ms) == ("m0: HTTP 500", 2000)
    assert sent(q, 1999) == []
    assert sent(q, 2000) == ["m1"]
    q.delivered(message(1, "i1"), 2000)  # it was the message
    assert q.trouble == ""
    assert sent(q, 2000) == ["m0"]
    q.failed(message(0, "i0"), "m0: HTTP 500", 2100)
    assert q.trouble == ""
    assert sent(q, 2100) == ["m2"]  # nobody waits for it any more
    q.delivered(message(2, "i2"), 2200)
    assert sent(q, 4099) == []
    assert sent(q, 4100) == ["m0"]


def test_pauses_are_short_for_five_minutes_and_grow_to_five() -> None:
    q, now_ms, pauses = queue(message(1, "i")), 0, []
    while now_ms < 3_600_000:
        assert sent(q, now_ms) == ["m1"]
        q.failed(message(1, "i"), "x", now_ms)
        until_ms = q.plan(now_ms, now_ms).next_ms
        assert until_ms is not None
        pauses.append(until_ms - now_ms)
        now_ms = until_ms
    assert set(pauses[:150]) == {2000}
    assert pauses[151:159] == [4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000]
    assert max(pauses) == 300_000
    q.see([message(2, "new", A, BLUE)], {})  # news: is it back?
    assert sent(q, now_ms) == ["m2"]


def test_retry_after_is_heeded_up_to_a_bound_and_by_news_too() -> None:
    q = queue(message(1, "i"))
    sent(q)
    q.failed(message(1, "i"), "HTTP 429", 0, wait_ms=30_000)
    q.see([message(2, "j")], {})
    assert q.plan(0, 29_999).start == ()
    assert len(sent(q, 30_000)) == 1
    q.failed(message(2, "j"), "HTTP 429", 30_000, wait_ms=86_400_000)
    assert q.plan(0, 30_000).next_ms == 330_000


def test_who_may_have_it_though_no_answer_came_gets_the_end() -> None:
    q = queue(message(1, "i"))
    sent(q)
    q.failed(message(1, "i"), "no answer", 0, perhaps=True)
    q.see([message(2, "i", C)], {})
    plan = q.plan(0, 3000)
    assert plan.notes == (("m1", Noted.SUPERSEDED),)
    assert [m.id for m in plan.start] == ["m2"]


def test_a_consumer_that_was_down_gets_what_is_in_force_then_and_the_ends_of_what_it_knew() -> None:
    q = queue(message(1, "known", A, RED, 1000), message(2, "a", A, BLUE, MIN), message(3, "b", A, BLUE, 10 * MIN))
    assert sent(q) == ["m1", "m2", "m3"]
    q.delivered(message(1, "known"), 0)
    for n, incident in ((2, "a"), (3, "b")):
        q.failed(message(n, incident), "connection refused", 0)
    late = [message(4, "b", U, RED, 20 * MIN), message(5, "known", C, RED, 2 * MIN), message(6, "c", A, RED, 2 * MIN)]
    q.see([*late, message(7, "c", C, RED, 3 * MIN), message(8, "d", A, BLUE, 20 * MIN)], {})
    plan = q.plan(5 * MIN, 5 * MIN)
    assert [m.id for m in plan.start] == ["m4"]  # one asks whether it is back
    q.delivered(message(4, "b"), 5 * MIN)
    rest = q.plan(5 * MIN, 5 * MIN)
    assert [m.id for m in rest.start] == ["m8", "m5"]
    notes = {m: why.value for m, why in (*plan.notes, *rest.notes)}
    assert notes == {"m2": "expired", "m3": "superseded", "m6": "expired", "m7": "untold"}


# --- messages that a consumer refuses ---------------------------------------------------------------------------------


def test_a_refused_message_holds_up_nothing_and_is_set_aside_after_five_tries_in_half_a_minute() -> None:
    q, now_ms, tries = queue(message(1, "bad"), parallel=1), 0, []
    for other in range(2, 40):
        plan = q.plan(now_ms, now_ms)
        if plan.start:
            assert plan.start[0].id == "m1"
            tries.append(now_ms)
            aside = q.refused(message(1, "bad"), "HTTP 422", now_ms)
        q.see([message(other, f"i{other}")], {})
        assert sent(q, now_ms) == [f"m{other}"]
        q.delivered(message(other, f"i{other}"), now_ms)
        now_ms += 1000
    assert tries == [0, 2000, 6000, 14_000, 30_000]
    assert aside
    assert [a.message.id for a in q.aside()] == ["m1"]
    q.see([message(99, "bad", U)], {})
    assert q.aside() == []
    assert sent(q, now_ms) == ["m99"]


def test_who_refused_everything_and_takes_one_gets_what_it_refused_once_more() -> None:
    q, now_ms = queue(message(1, "a"), refusals=2, parallel=1), 0
    for again in (False, True):
        for _ in range(2):
            now_ms += 10_000
            assert sent(q, now_ms) == ["m1"]
            aside = q.refused(message(1, "a"), "HTTP 400", now_ms)
        assert aside
        number = 3 + again
        q.see([message(number, f"x{number}")], {})
        assert sent(q, now_ms) == [f"m{number}"]
        q.delivered(message(number, f"x{number}"), now_ms)
        assert [a.message.id for a in q.aside()] == (["m1"] if again else [])


def test_what_is_set_aside_is_shown_until_it_expires() -> None:
    q = queue(message(1, "a", A, RED, 500), refusals=1)
    sent(q)
    assert q.refused(message(1, "a", A, RED, 500), "HTTP 422", 0)
    q.plan(499, 0)
    assert q.aside()
    q.plan(500, 0)
    assert not q.aside()


# --- one that wants no more -------------------------------------------------------------------------------------------


def test_410_stops_everything_and_a_test_every_ten_minutes_brings_it_back() -> None:
    q = queue(message(1, "a"), message(2, "b"), parallel=1)
    sent(q)
    assert q.said_gone("410", 0, message(1, "a"))
    plan = q.plan(0, 0)
    assert (plan.start, plan.test, plan.next_ms) == ((), False, 10 * MIN)
    assert q.plan(0, 10 * MIN).test
    assert not q.plan(0, 10 * MIN).test  # under way
    q.tested(False, 10 * MIN)
    assert q.plan(0, 20 * MIN - 1).start == ()
    assert q.plan(0, 20 * MIN).test
    q.tested(True, 20 * MIN)
    assert (q.gone, sent(q, 20 * MIN)) == ("", ["m1"])


def test_one_that_was_gone_before_the_start_is_tested_at_once() -> None:
    q = queue(message(1, "a"))
    assert q.said_gone("410", 77, at_start=True)
    assert q.plan(0, 77).test


def test_one_that_cannot_be_tested_is_asked_by_a_warning() -> None:
    q = Queue(Policy(), can_test=False)
    q.see([message(1, "a")], {})
    sent(q)
    assert q.said_gone("410", 0, message(1, "a"))
    assert sent(q, 10 * MIN - 1) == []
    assert sent(q, 10 * MIN) == ["m1"]
    assert not q.said_gone("410", 10 * MIN, message(1, "a"))
    assert sent(q, 20 * MIN) == ["m1"]
    q.delivered(message(1, "a"), 20 * MIN)
    assert q.gone == ""


def test_off_sends_nothing_and_on_sends_what_is_in_force_then() -> None:
    q = queue(message(1, "a", A, RED, 100))
    q.switch(True)
    q.see([message(2, "a", U, RED, 1000)], {})
    assert sent(q) == []
    q.switch(False)
    assert sent(q, 150) == ["m2"]


def test_what_was_not_begun_is_chosen_again() -> None:
    q = queue(message(1, "a"))
    plan = q.plan(0, 0)
    q.not_begun(plan.start)
    assert sent(q) == ["m1"]


def test_forgotten_and_seen_again_is_not_sent_twice() -> None:
    q = queue(message(1, "a"), message(2, "b"), parallel=1)
    assert sent(q) == ["m1"]
    q.forget()
    q.see([message(1, "a"), message(2, "b")], {})
    q.delivered(message(1, "a"), 0)
    assert sent(q) == ["m2"]
    assert [m.id for m in q.waiting()] == ["m2"]


# --- whatever a consumer does -----------------------------------------------------------------------------------------

answers = st.sampled_from(["taken", "taken", "down", "perhaps", "refused", "gone"])
messages = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([A, U, U, C]), st.integers(1, 40)), max_size=25)


@given(messages, st.lists(answers, min_size=60, max_size=60), st.integers(1, 4))
def test_no_consumer_gets_an_old_one_after_a_newer_one_nor_an_expired_one_nor_two_at_once(
    stream: list[tuple[int, MsgType, int]], script: list[str], parallel: int
) -> None:
    """And whoever was told gets the end; nothing is left that is neither sent nor noted."""
    q = Queue(Policy(parallel=parallel))
    has: dict[str, list[int]] = {}
    may_have: set[str] = set()
    settled: set[str] = set()
    now_ms, number, waits = 0, 0, list(stream)
    ended: set[int] = set()
    for step in range(2000):
        if waits:
            incident, kind, minutes = waits.pop(0)
            if incident not in ended:
                number += 1
                ended |= {incident} if kind is C else set()
                q.see([message(number, f"i{incident}", kind, RED, now_ms + minutes * MIN)], {})
        plan = q.plan(now_ms, now_ms)
        settled |= {m for m, _ in plan.notes}
        if plan.test:
            q.tested(True, now_ms)
        assert len({m.incident for m in plan.start}) == len(plan.start) <= parallel
        for m in plan.start:
            assert m.number > max(has.get(m.incident, [0]))
            assert m.msg_type is C or (m.expires_ms or 0) > now_ms
            assert m.msg_type is not C or m.incident in may_have
            answer = script.pop() if script else "taken"
            if answer == "taken":
                has.setdefault(m.incident, []).append(m.number)
                may_have.add(m.incident)
                settled.add(m.id)
                q.delivered(m, now_ms)
            elif answer in ("down", "perhaps"):
                may_have |= {m.incident} if answer == "perhaps" else set()
                q.failed(m, "x", now_ms, perhaps=answer == "perhaps")
            elif answer == "refused":
                settled |= {m.id} if q.refused(m, "x", now_ms) else set()
            else:
                q.said_gone("410", now_ms, m)
        now_ms += 30_000
        if step > 100 and not q.waiting():
            break
    assert settled == {f"m{n}" for n in range(1, number + 1)}
