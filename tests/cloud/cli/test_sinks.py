"""`headwater-cloud sinks` and `sink off|on|retry`: from the ledger, for a cloud that runs or does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cloud.cli import sinks
from cloud.cli.main import app
from cloud.delivery.record import Record, Result
from cloud.delivery.values import Noted
from cloud.ledger import audit
from cloud.ledger.open import open_ledger
from tests.cloud.cli.test_common import config
from tests.cloud.delivery.played import START_MS, message, put

SINKS = [{"kind": "log", "name": "file", "path": "w.jsonl"}, {"kind": "log", "name": "two", "path": "x.jsonl"}]


@pytest.fixture
def where(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return config(tmp_path, delivery=[*SINKS, {**SINKS[0], "name": "three", "enabled": False}])


@pytest.fixture
def ledger(where: Path) -> Engine:
    return open_ledger(f"sqlite:///{where.parent}/data/ledger.sqlite")


def test_the_commands_are_those_of_the_module() -> None:
    assert {c.callback for c in sinks.sink.registered_commands} == {
        sinks.off,
        sinks.on,
        sinks.retry,
        sinks.rename,
        sinks.test,
    }


def run(where: Path, *words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, [*words, "--config", str(where)])
    return done.exit_code, (done.stdout + done.stderr).splitlines()


def test_every_sink_is_listed_with_what_it_refused(where: Path, ledger: Engine) -> None:
    put(ledger, *(message(n, f"i{n}") for n in range(1, 5)))
    record = Record(ledger, "file")
    results = [Result("m1", "written", delivered_ms=START_MS), Result("m2", "HTTP 422", noted=Noted.SET_ASIDE)]
    record.begin([*results, Result("m3", "HTTP 503")], [("m4", Noted.EXPIRED)], [], [], START_MS)
    Record(ledger, "two").set_gone("the consumer answers 410 Gone", START_MS)
    code, lines = run(where, "sinks")
    assert code == 0
    one, two, three = map(json.loads, lines)
    assert one == {
        "name": "file",
        "state": "failing",
        "trouble": "HTTP 503",
        "delivered": 1,
        "waiting": 1,
        "superseded": 0,
        "expired": 1,
        "untold": 0,
        "set_aside": 1,
        "filtered": 0,
        "acknowledged": 0,
        "last_success": "2021-07-20T08:00:00Z",
        "refused": [{"message": "m2", "attempts": 1, "at": "2021-07-20T08:00:00Z", "why": "HTTP 422"}],
    }
    assert (two["state"], two["trouble"], two["waiting"]) == ("gone", "the consumer answers 410 Gone", 4)
    assert (three["state"], three["trouble"]) == ("off", "switched off in the configuration")


def test_off_on_and_retry_stand_in_the_ledger_and_in_the_audit_record(where: Path, ledger: Engine) -> None:
    record = Record(ledger, "two")
    assert run(where, "sink", "off", "two") == (0, ["two is off: it gets nothing until `headwater-cloud sink on two`"])
    assert record.switches().off.startswith("switched off by shell:")
    assert [json.loads(line)["state"] for line in run(where, "sinks")[1]] == ["working", "off", "off"]
    assert run(where, "sink", "on", "two") == (0, ["two is on: it gets what is in force"])
    assert record.switches().off == ""
    assert run(where, "sink", "retry", "two")[0] == 0
    assert record.switches().asked == 1
    assert [row.what for row in audit.newest(ledger, 9)] == ["sink.retry", "sink.on", "sink.off"]


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("before", "two", 0, "two goes on where before was: 1 deliveries"),
        ("before", "file", 1, "file has deliveries of its own: what before was told cannot be carried over"),
        ("file", "two", 2, "file is in the configuration itself: give it its new name there first"),
        ("nobody", "two", 2, "nothing is known of a sink 'nobody'"),
        ("before", "tow", 2, "no sink 'tow' in the configuration: file, two, three"),
    ],
)
def test_a_sink_with_another_name_carries_its_past_over(
    where: Path, ledger: Engine, old: str, new: str, code: int, said: str
) -> None:
    put(ledger, message(1, "a"))
    for name in ("before", "file"):
        Record(ledger, name).begin([Result("m1", "", delivered_ms=START_MS)], [], [], [], START_MS)
    assert run(where, "sink", "rename", old, new) == (code, [said])
    assert [row.what for row in audit.newest(ledger, 9)] == (["sink.rename"] if code == 0 else [])


@pytest.mark.parametrize("word", ["off", "on", "retry"])
def test_a_sink_that_is_not_there_is_refused_by_name(where: Path, ledger: Engine, word: str) -> None:
    code, lines = run(where, "sink", word, "tow")
    assert (code, lines) == (2, ["no sink 'tow' in the configuration: file, two, three"])
    assert audit.newest(ledger, 9) == []


def test_a_test_message_goes_out_at_once_and_is_no_warning(where: Path) -> None:
    code, lines = run(where, "sink", "test", "file")
    assert (code, lines[0].startswith("file has sink.test-file-")) == (0, True)
    [said] = [json.loads(line) for line in (where.parent / "w.jsonl").read_text().splitlines()]
    assert (said["type"], said["test"], said["status"]) == ("sink.test", True, "Test")
    assert said["why"] == "asked for by a person"


def test_a_test_of_an_unknown_sink_or_one_that_is_out_of_reach_says_so(where: Path) -> None:
    code, lines = run(where, "sink", "test", "nobody")
    assert (code, lines) == (2, ["no sink 'nobody' in the configuration: file, two, three"])


def test_the_public_is_tested_on_purpose_only(where: Path) -> None:
    text = where.read_text()
    where.write_text(text.replace("kind: log\n  name: file", "kind: log\n  public: true\n  name: file", 1))
    assert "public" in where.read_text()
    code, lines = run(where, "sink", "test", "file")
    assert (code, "--public" in lines[0]) == (2, True)
    assert run(where, "sink", "test", "file", "--public")[0] == 0
