"""What a flood is judged by: others' alarms and messages, what was let go, memory."""

from __future__ import annotations

import pytest

from cloud.log.base import Cursor, Entry, EntryKind
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from contract.wire.envelope import Lane
from simulators.faults.flooded import ALARM_TO_LOG_S, MESSAGE_TO_CENTRE_S, Flooded, let_go

SPEED = 10.0  # a real second is 10,000 ms


def alarm(gateway: str, read_ms: int, append_ms: int, lane: Lane = Lane.ALARM) -> Entry:
    return Entry(Cursor(1), append_ms, EntryKind.BATCH, gateway, 1, 1, lane, 0, read_ms, b"")


def said(name: str, incident: str, sent_ms: int) -> Message:
    return Message(name, incident, sent_ms, MsgType.ALERT, Level.RED, (), b"")


def judged(entries: list[Entry], messages: list[Message], arrived_ms: dict[str, int]) -> Flooded:
    found = Flooded("gw-flood", (0, 1_000_000), kept=2, again=1, let_go={"live": 1})
    found.judge(entries, messages, arrived_ms, [1, 2], SPEED)
    return found


def test_others_alarms_and_messages_are_timed_while_nothing_else_goes_wrong() -> None:
    entries = [
        alarm("gw-a", 5_000, 25_000),
        alarm("gw-flood", 5_000, 900_000),
        alarm("gw-a", 5_000, 900_000, Lane.HISTORY),
        alarm("gw-a", 1_000_000, 9_000_000),
    ]
    found = judged(entries, [said("m", "i", 10_000), said("n", "i", 1_000_001)], {"m": 40_000, "n": 9_000_000})
    assert (found.alarms, found.to_log_s, found.messages, found.to_centre_s) == (1, 2.0, 1, 3.0)
    assert list(found.broken()) == []


def test_a_message_that_was_overtaken_came_with_the_newer_one_of_its_incident() -> None:
    messages = [said("old", "i", 10_000), said("other", "j", 10_000), said("new", "i", 20_000)]
    found = judged([alarm("gw-a", 0, 1)], messages, {"other": 11_000, "new": 30_000})
    assert found.to_centre_s == 2.0
    found = judged([alarm("gw-a", 0, 1)], messages, {"other": 11_000})
    assert found.to_centre_s == float("inf")
    assert "a message took inf s" in "".join(found.broken())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"to_log_s": ALARM_TO_LOG_S + 0.1}, "to the log"),
        ({"to_centre_s": MESSAGE_TO_CENTRE_S + 0.1}, "to the warning centre"),
        ({"alarms": 0}, "make the span longer"),
        ({"memory_mb": 701}, "701 MB"),
        ({"kept_in_log": 1}, "the log holds 1"),
        ({"kept_in_log": -1}, "doubles"),
        ({"let_go": {}}, "it was none"),
        ({"again": 0}, "it was none"),
    ],
)
def test_what_should_not_be_is_named(changed: dict[str, object], why: str) -> None:
    found = judged([alarm("gw-a", 0, 1)], [said("m", "i", 0)], {"m": 1})
    assert list(found.broken()) == []
    for name, value in changed.items():
        setattr(found, name, value)
    (broken,) = found.broken()
    assert why in broken


def test_a_batch_that_is_there_twice_is_noticed() -> None:
    found = judged([], [], {})
    found.judge([], [], {}, [1, 2, 2], SPEED)
    assert found.kept_in_log == -1


def test_what_was_let_go_is_read_from_what_the_cloud_says() -> None:
    lines = ("# HELP x", "live_deferred_total 12.0", "batches_total 5.0", "alarm_deferred_total 1e3")
    text = "\n".join(line if line.startswith("#") else f"headwater_{line}" for line in lines)
    assert let_go(text) == {"live": 12, "alarm": 1000}
