"""What the terminal of a demo shows, from figures that are known."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, RenderableType

from cloud.warnings.model import Message, MsgType, Why
from contract.catalogue.rules import Level
from simulators.audit.compare import Audit
from simulators.demo.levels import Rise
from simulators.demo.summary import live, local, report

ZONE = "Asia/Shanghai"
AT_MS = 1_626_768_000_000  # 2021-07-20T08:00Z


def shown(what: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=100, color_system=None).print(what)
    return out.getvalue()


def line(text: str, name: str) -> str:
    """What stands behind a name."""
    (found,) = (x for x in text.splitlines() if x.startswith(f"{name} "))
    return found.removeprefix(name).strip()


def station(name: str, value: float | None, state: str = "normal", quantity: str = "depth") -> dict[str, Any]:
    return {"name": name, "value": value, "quantity": quantity, "state": state}


STATE = {
    "now": "2021-07-20T08:00:00+00:00",
    "time_zone": ZONE,
    "stations": [
        station("First Street", 0.4),
        station("Underpass", 0.62, "red"),
        station("River", 84.0, quantity="stage"),  # a stage is no depth on a road
        station("Silent Street", None, "unknown"),
    ],
    "pumps": [{"pumps": [{"running": True}, {"running": False}]}, {"pumps": [{"running": True}]}],
    "warnings": [
        {"zone_name": "North", "level": "red", "closed_ms": None},
        {"zone_name": "South", "level": "blue", "closed_ms": AT_MS},
    ],
}


def test_local_time() -> None:
    assert local(AT_MS, ZONE) == "16:00"
    assert local(AT_MS, ZONE, with_date=True) == "20 Jul 16:00"
    assert local(AT_MS, "UTC") == "08:00"


def test_the_storm_while_it_runs() -> None:
    text = shown(live(STATE, 201.9, 0.5, {"made": 7, "stored": 5}, "http://127.0.0.1:1"))
    assert line(text, "storm clock") == "20 Jul 16:00"
    assert line(text, "rain") == "202 mm so far"
    assert line(text, "deepest") == "0.62 m  Underpass"
    assert line(text, "pumps") == "2 of 3 running"
    assert line(text, "stations") == "3 heard, 1 unknown"
    assert line(text, "readings") == "made 7  stored 5"
    assert line(text, "warnings") == "North red"
    assert line(text, "page") == "http://127.0.0.1:1"


def test_before_anything_was_heard() -> None:
    silent = {**STATE, "stations": [station("A", None, "unknown")], "pumps": [], "warnings": []}
    text = shown(live(silent, 0.0, 0.0, {}, ""))
    assert line(text, "deepest") == "unknown"
    assert line(text, "pumps") == "0 of 0 running"
    assert line(text, "warnings") == "none"


def test_the_report_tells_figures_and_messages_in_the_order_they_were_sent() -> None:
    messages = [
        Message("m1", "i1", AT_MS, MsgType.ALERT, Level.YELLOW, (), b"", why=Why.OPENED),
        Message("m2", "i1", AT_MS + 60_000, MsgType.UPDATE, Level.RED, ("m1",), b"", why=Why.WORSE),
        Message("m3", "i1", AT_MS + 120_000, MsgType.UPDATE, Level.RED, ("m1", "m2"), b"", why=Why.RENEWAL),
    ]
    told = [
        Rise(101, Level.YELLOW, AT_MS - 90_000, 600.0, AT_MS, False),
        Rise(101, Level.RED, AT_MS - 60_000, 600.0, AT_MS + 60_000, False),
        Rise(201, Level.BLUE, AT_MS, 10.0, None, False),
    ]
    text = shown(report(Audit(made=10, suppressed=4, reported=6, stored=6), messages, told, ZONE))
    assert [line(text, n) for n in ("made", "suppressed", "reported", "stored", "lost")] == ["10", "4", "6", "6", "0"]
    assert "every reading is kept once, as it was" in text
    assert text.index("16:00") < text.index("16:01")
    assert "2 messages and 1 renewals; each of 2 rises of the water told within 120 s; 1 not told" in text


def test_a_failed_audit_says_why() -> None:
    text = shown(report(Audit(lost=1, notes=["channel 7 lost one"]), [], [], ZONE))
    assert "THE AUDIT FAILED: channel 7 lost one" in text
    assert "every reading is kept" not in text
