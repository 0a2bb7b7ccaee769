"""A warning centre that failed for a while: what it must have been told, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from simulators.faults.told import differences

END_MS = 1_000_000


def message(name: str, kind: MsgType = MsgType.ALERT, expires_ms: int = END_MS + 1, incident: str = "i") -> Message:
    return Message(name, incident, 0, kind, Level.RED, (), expires_ms=expires_ms, cap_xml=name.encode())


def body(name: str, cap: str | None = None) -> dict[str, Any]:
    return {"type": "warning", "id": name, "cap": cap or name}


ALERT, UPDATE = message("alert"), message("update", MsgType.UPDATE)
CANCEL = message("cancel", MsgType.CANCEL)


@pytest.mark.parametrize(
    ("said", "told", "poison", "found"),
    [
        ([ALERT], ["alert"], "", []),
        ([ALERT], [], "", ["alert is in force, and the centre was never told of it"]),
        ([ALERT], [], "alert", []),
        ([ALERT, UPDATE], ["update"], "", []),  # the newer one says it all
        ([ALERT, UPDATE], ["alert"], "", ["update is in force, and the centre was never told of it"]),
        ([message("alert", expires_ms=END_MS)], [], "", []),
        ([ALERT, CANCEL], [], "", []),  # it never heard of what has ended
        ([ALERT, CANCEL], ["alert"], "", ["cancel is in force, and the centre was never told of it"]),
        ([ALERT, message("other", incident="j")], ["alert", "other"], "", []),
        ([ALERT], ["alert", "alert"], "", ["alert was told twice"]),
        ([ALERT], ["alert", "ghost"], "", ["ghost was told, and is not among the cloud's messages"]),
    ],
)
def test_what_is_held_against_it(said: list[Message], told: list[str], poison: str, found: list[str]) -> None:
    assert differences(said, [body(name) for name in told], poison, END_MS) == found


def test_the_text_is_the_one_that_the_cloud_has_and_notices_are_no_warnings() -> None:
    told = [body("alert", "other"), {"type": "sink.test", "id": "t"}]
    assert differences([ALERT], told, "", END_MS) == ["alert was told with another text than the cloud has"]
