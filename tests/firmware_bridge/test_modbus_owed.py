"""What a unit owes: how many replies to other questions may come before one to this."""

from __future__ import annotations

from firmware_bridge.modbus_frames import Question
from firmware_bridge.modbus_owed import HORIZON, UNSEEN, Owed

A, B, WIDE, OTHER = Question(1, 3, 0, 1), Question(1, 3, 40, 1), Question(1, 3, 0, 2), Question(2, 3, 40, 1)
T = 0.5


def test_an_answered_question_leaves_nothing() -> None:
    owed = Owed()
    owed.ask(A, T, True, 0.0)
    assert owed.answer(A, True, 0.2) == 0.2
    assert owed.surplus(B, False, True, 0.2) == 0
    assert owed.answer(A, True, 0.3) is None  # one more than was asked for: another master


def test_a_lost_reply_is_owed_to_others_of_its_form_until_the_horizon() -> None:
    owed = Owed()
    owed.ask(A, T, True, 0.0)
    assert [owed.surplus(q, False, True, 1.0) for q in (A, B, WIDE, OTHER)] == [0, 1, 0, 0]
    assert owed.surplus(WIDE, True, True, 1.0) == 1  # a refusal has one form for all questions of a function
    assert owed.surplus(B, False, True, HORIZON * T - 0.1) == 1
    assert owed.surplus(B, False, True, HORIZON * T) == 0
    owed.ask(A, T, False, 10.0)
    assert owed.surplus(B, False, False, 10.0 + UNSEEN * T) == 0


def test_asked_twice_and_answered_once_one_reply_is_owed() -> None:
    owed = Owed()
    owed.ask(A, T, True, 0.0)
    owed.ask(A, T, True, 0.5)
    assert owed.answer(A, True, 0.7) == 0.7
    assert owed.surplus(B, False, True, 0.7) == 1
    assert owed.late(1, b"\3\2\0\1", True, 1.2) == 0.7  # and when it comes its time is known
    assert owed.surplus(B, False, True, 1.2) == 0


def test_a_lost_reply_is_not_owed_for_ever_where_the_same_is_asked_within_the_horizon() -> None:
    """Whichever of the two a reply answers, the other is owed; one that was never late twice more at most."""
    for late_before, most in ((False, 3), (True, 99)):
        owed = Owed()
        owed.ask(A, T, late_before, 0.0)
        doubted = 0
        for n in range(1, 20):
            now_s = n * UNSEEN * T * 0.8
            doubted += owed.surplus(B, False, late_before, now_s) > 0
            owed.ask(A, T, late_before, now_s)
            assert owed.answer(A, late_before, now_s + 0.01) is not None
        assert doubted <= most
        assert (owed.surplus(B, False, late_before, now_s + 0.01) == 0) is not late_before


def test_replies_that_may_be_anyones_count_against_all() -> None:
    owed = Owed()
    owed.ask(A, T, True, 0.0)
    owed.ask(B, T, True, 0.5)
    owed.answer(B, True, 0.6)
    assert owed.surplus(B, False, True, 0.6) == 1
    owed.ask(B, T, True, 0.7)
    owed.answer(B, True, 0.8)
    assert owed.surplus(B, False, True, 0.8) == 1  # two came, three were asked for
    owed.answer(B, True, 0.9)
    assert owed.surplus(B, False, True, 0.9) == 0


def test_a_late_reply_that_nobody_asked_for_is_anothers() -> None:
    owed = Owed()
    owed.ask(A, T, True, 0.0)
    assert owed.late(2, b"\3\2\0\1", True, 0.1) is None
    assert owed.late(1, b"\4\2\0\1", True, 0.1) is None
    assert owed.late(1, b"\3\2\0\1", True, 0.1) == 0.1


def test_lost_is_likelier_than_late_and_equal_replies_to_several_are_chance() -> None:
    owed, third = Owed(), Question(1, 3, 80, 1)
    for n in range(3):
        owed.ask(A, T, True, n * T)
    owed.ask(B, T, True, 3 * T)
    assert [owed.surplus(third, False, late, 3 * T) for late in (True, False)] == [4, 3]
    owed.ask(third, T, True, 4 * T)
    owed.answer(third, True, 4 * T)
    owed.believed(third, 1, True, 4 * T)
    assert owed.surplus(B, False, True, 4 * T) == 3
