"""Decisions over HTTP: written once, refused with the reason, carried out by the warnings, and in the audit record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.access.access import Access
from cloud.api.app import create_app
from cloud.app.cloud import Cloud
from cloud.ledger import audit
from cloud.log.base import EntryKind
from cloud.log.decision import decode_decision
from tests.cloud.api.asking import Http
from tests.fuzz.api import settled


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    found = settled(tmp_path)
    yield found
    found.ledger.dispose()
    found.log.close()


@pytest.fixture
def http(cloud: Cloud) -> Http:
    app = create_app(cloud.services, Access(cloud.ledger, cloud.config.file.access))
    return Http(app)


def carry_out(cloud: Cloud) -> None:
    for runner in cloud.runners:
        while runner._step():
            pass


def the_incident(http: Http) -> dict:
    (found,) = http.get("/v1/warnings", params={"open": True}).json()
    return found


def decided(cloud: Cloud) -> list[tuple[str, str, dict]]:
    entries = cloud.log.read(0, 10_000)
    found = [decode_decision(e.payload) for e in entries if e.kind is EntryKind.DECISION]
    return [(d.kind.value, d.target, dict(d.detail)) for d in found]


def test_acknowledged_taken_over_and_ended(cloud: Cloud, http: Http) -> None:
    name = the_incident(http)["id"]
    path = f"/v1/incidents/{name}"
    said = http.post(f"{path}/acknowledge").json()
    assert (said["kind"], said["who"], said["target"], said["repeated"]) == ("acknowledge", "open", name, False)
    carry_out(cloud)
    assert the_incident(http)["acknowledged"]["at"] == said["at"]
    assert http.post(f"{path}/take-over").status_code == 200
    carry_out(cloud)
    incident = the_incident(http)
    assert incident["acknowledged"]["who"] == incident["owner"]["who"] == "open"
    assert http.post(f"{path}/end", json={"reason": "false", "note": "a parked car"}).status_code == 200
    carry_out(cloud)
    closed = http.get(f"/v1/warnings/{name}").json()
    assert (closed["ended"]["reason"], closed["ended"]["note"]) == ("false", "a parked car")
    assert closed["closed_ms"] is not None
    assert (closed["messages"][0]["msgType"], closed["messages"][0]["why"]) == ("Cancel", "withdrawn")
    late = http.post(f"{path}/acknowledge")
    assert (late.status_code, late.json()["title"]) == (409, "Incident closed")
    assert decided(cloud) == [
        ("acknowledge", name, {}),
        ("take_over", name, {}),
        ("end", name, {"reason": "false", "note": "a parked car"}),
    ]
    written = [(r.what, r.target) for r in audit.newest(cloud.ledger, 10, None)]
    assert written == [("decision.end", name), ("decision.take_over", name), ("decision.acknowledge", name)]


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x1b[2J", "\r", "\u2028", "\u202e", "\ufffe", "\u0085"])
def test_texts_that_no_message_can_carry_are_not_decided(cloud: Cloud, http: Http, bad: str) -> None:
    end, mute = f"/v1/incidents/{the_incident(http)['id']}/end", {"target": "channel/101", "hours": 1}
    for path, asked in (
        (end, {"reason": "over", "note": f"dry{bad}"}),
        (end, {"reason": "over", "id": f"a{bad}"}),
        ("/v1/mutes", {**mute, "reason": f"silted{bad}"}),
        ("/v1/mutes", {**mute, "reason": "silted", "id": bad}),
    ):
        answer = http.post(path, json=asked)
        assert (answer.status_code, f"U+{ord(bad[0]):04X}" in answer.json()["detail"]) == (422, True), asked
    assert (decided(cloud), audit.newest(cloud.ledger, 10, None)) == ([], [])
    assert http.post(end, json={"reason": "over", "note": "first\nthen"}).status_code == 200


def test_the_same_decision_is_written_once(cloud: Cloud, http: Http) -> None:
    path = f"/v1/incidents/{the_incident(http)['id']}/end"
    asked = {"id": "from-the-phone-1", "reason": "over"}
    assert http.post(path, json=asked).json()["repeated"] is False
    assert http.post(path, json=asked).json()["repeated"] is True
    carry_out(cloud)
    assert http.post(path, json=asked).json()["repeated"] is True  # though the incident is closed by now
    assert len(decided(cloud)) == 1
    assert len(audit.newest(cloud.ledger, 10, None)) == 1


def test_a_mute_holds_is_listed_and_is_taken_back(cloud: Cloud, http: Http) -> None:
    asked = {"target": "channel/101", "reason": "silted", "hours": 8}
    assert http.post("/v1/mutes", json=asked).status_code == 200
    carry_out(cloud)
    (mute,) = http.get("/v1/mutes").json()
    assert (mute["target"], mute["reason"], mute["who"]) == ("channel/101", "silted", "open")
    incident = the_incident(http)
    assert {e["state"] for e in incident["evidence"]} == {"unknown"}
    assert incident["messages"][0]["why"] == "decision"
    assert http.delete("/v1/mutes/channel/101").status_code == 200
    carry_out(cloud)
    assert http.get("/v1/mutes").json() == []
    assert http.delete("/v1/mutes/channel/101").status_code == 404
    assert the_incident(http)["level"] == incident["level"]


def test_the_rain_signal(cloud: Cloud, http: Http) -> None:
    assert http.get("/v1/rain-signal").json() == {"level": "none", "who": None, "at": None, "valid_until": None}
    asked = {"level": "orange", "valid_until": "2099-07-20T16:00:00+08:00"}
    assert http.put("/v1/rain-signal", json=asked).status_code == 200
    carry_out(cloud)
    found = http.get("/v1/rain-signal").json()
    assert (found["level"], found["who"], found["valid_until"]) == ("orange", "open", "2099-07-20T08:00:00Z")
    assert http.put("/v1/rain-signal", json={"level": "none"}).status_code == 200
    carry_out(cloud)
    assert http.get("/v1/rain-signal").json()["level"] == "none"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "why"),
    [
        ("POST", "/v1/incidents/x/acknowledge", {}, 404, "there is no incident 'x'"),
        ("POST", "/v1/incidents/x/end", {"reason": "over"}, 404, "there is no incident 'x'"),
        ("POST", "/v1/incidents/x/end", {"reason": "tired"}, 422, "reason"),
        ("POST", "/v1/incidents/x/end", {}, 422, "reason"),
        ("POST", "/v1/mutes", {"target": "channel/101", "reason": "x"}, 422, "`until` or `hours`"),
        ("POST", "/v1/mutes", {"target": "channel/101", "reason": "x", "hours": 25}, 422, "24"),
        ("POST", "/v1/mutes", {"target": "channel/101", "reason": "x", "until": "2099-01-01T00:00Z"}, 422, "24 hours"),
        ("POST", "/v1/mutes", {"target": "channel/101", "reason": "x", "until": "2001-01-01T00:00Z"}, 422, "later"),
        ("POST", "/v1/mutes", {"target": "channel/999", "reason": "x", "hours": 1}, 422, "no channel 999"),
        ("POST", "/v1/mutes", {"target": "zone/north", "reason": "x", "hours": 1}, 422, "one by one"),
        ("PUT", "/v1/rain-signal", {"level": "purple"}, 422, "level"),
        ("PUT", "/v1/rain-signal", {"level": "red", "valid_until": "2001-01-01T00:00Z"}, 422, "still to come"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_written(
    cloud: Cloud, http: Http, method: str, path: str, body: dict, status: int, why: str
) -> None:
    answer = http.request(method, path, json=body)
    assert answer.status_code == status
    assert why in answer.json()["detail"]
    assert decided(cloud) == []
    assert audit.newest(cloud.ledger, 10, None) == []
