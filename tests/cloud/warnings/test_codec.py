"""One JSON form of incidents and messages: what it says, and that it comes back."""

from __future__ import annotations

import json

import pytest

from cloud.delivery.base import body_of
from cloud.views.decode import readings
from cloud.warnings.codec import (
    incident_from_json,
    incident_json,
    message_json,
    open_incident_from_json,
    open_incident_json,
)
from cloud.warnings.engine import Engine
from cloud.warnings.model import Message, MessageHead, MsgType, Why
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from tests.cloud.warnings.city import city, history

MESSAGE = Message(
    "m2",
    "i1",
    1_626_768_000_500,
    MsgType.UPDATE,
    Level.RED,
    ("m1",),
    b"<alert/>",
    why=Why.RENEWAL,
    expires_ms=1_626_771_600_500,
    status="Exercise",
)


def test_a_message_says_what_consumers_have_always_read() -> None:
    said = {
        "id": "m2",
        "incident": "i1",
        "sent": "2021-07-20T08:00:00.500Z",
        "msgType": "Update",
        "level": "red",
        "references": ["m1"],
        "why": "renewal",
        "renewal": True,
        "expires": "2021-07-20T09:00:00.500Z",
        "status": "Exercise",
    }
    assert message_json(MESSAGE) == said
    assert body_of(MESSAGE) == {"type": "warning", **said, "cap": "<alert/>"}
    of_old = message_json(MessageHead("m1", "i1", 1_626_768_000_500, MsgType.ALERT, Level.RED, ()))
    assert (of_old["why"], of_old["renewal"], of_old["expires"], of_old["status"]) == (None, False, None, "Actual")


@pytest.mark.parametrize("seed", range(3))
def test_incidents_come_back_as_they_were(seed: int, small_district: Catalogue) -> None:
    engine = Engine(city(small_district), WarningSettings())
    state, seen = engine.initial(), 0
    for e in history(seed):
        state, outcome = engine.step(state, readings([e]), e.append_ms)
        for incident in outcome.incidents:
            assert incident_from_json(json.loads(json.dumps(incident_json(incident)))) == incident
            seen += 1
        for o in state.incidents.open.values():
            again = open_incident_from_json(json.loads(json.dumps(open_incident_json(o))))
            assert open_incident_json(again) == open_incident_json(o)
    assert seen > 10
