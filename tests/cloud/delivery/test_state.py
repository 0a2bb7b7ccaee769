"""How a sink is, in plain data."""

from __future__ import annotations

from cloud.delivery.state import SinkMode, SinkState, sink_json


def test_as_the_page_shows_it() -> None:
    noted = {"superseded": 2, "expired": 1, "untold": 0, "set_aside": 1}
    state = SinkState("c", 7, 2, "m9: HTTP 503", SinkMode.FAILING, noted, 61_000, 60_000, ["m3"])
    assert sink_json(state, 91_500) == {
        "name": "c",
        "state": "failing",
        "trouble": "m9: HTTP 503",
        "delivered": 7,
        "waiting": 2,
        **noted,
        "oldest_waiting_s": 30.5,
        "last_success": "1970-01-01T00:01:00Z",
        "aside": ["m3"],
    }


def test_while_the_ledger_is_away() -> None:
    said = sink_json(SinkState("c", None, None, "the ledger is out of reach"), 0)
    assert (said["delivered"], said["waiting"], said["oldest_waiting_s"], said["last_success"]) == (None,) * 4
    assert "expired" not in said
