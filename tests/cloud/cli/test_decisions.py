"""What a duty officer types at the shell, and what the next start of the cloud makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud.app.cloud import Cloud
from cloud.cli.main import app
from cloud.config import load_config
from cloud.ledger import audit
from tests.fuzz.api import settled


@pytest.fixture
def config(tmp_path: Path) -> Path:
    close(settled(tmp_path))
    return tmp_path / "cloud.yaml"


def close(cloud: Cloud) -> None:
    cloud.ledger.dispose()
    cloud.quarantine.close()
    cloud.log.close()


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def lines(result: Result) -> list[dict]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def start_again(config: Path) -> None:
    cloud = Cloud(load_config(config))
    for runner in cloud.runners:
        while runner._step():
            pass
    close(cloud)


def test_an_incident_is_acknowledged_and_ended(config: Path) -> None:
    (incident,) = lines(run(config, "incident", "list"))
    (said,) = lines(run(config, "incident", "acknowledge", incident["id"], "--id", "mine"))
    assert (said["id"], said["kind"], said["repeated"]) == ("mine", "acknowledge", False)
    (again,) = lines(run(config, "incident", "acknowledge", incident["id"], "--id", "mine"))
    assert again["repeated"] is True
    lines(run(config, "incident", "take-over", incident["id"]))
    lines(run(config, "incident", "end", incident["id"], "--reason", "over", "--note", "pumped out"))
    start_again(config)
    assert lines(run(config, "incident", "list")) == []
    (closed,) = lines(run(config, "incident", "list", "--all"))
    assert (closed["ended"]["reason"], closed["ended"]["note"]) == ("over", "pumped out")
    assert closed["acknowledged"]["who"].startswith("shell:")
    late = run(config, "incident", "take-over", incident["id"])
    assert (late.exit_code, "nothing is done" in late.stderr) == (2, True)
    cloud = Cloud(load_config(config))
    written = [r.what for r in audit.newest(cloud.ledger, 10, None)]
    close(cloud)
    assert written == ["decision.end", "decision.take_over", "decision.acknowledge"]


def test_a_mute_is_listed_and_taken_back(config: Path) -> None:
    lines(run(config, "mute", "station/u1", "--reason", "works", "--hours", "2"))
    start_again(config)
    (mute,) = lines(run(config, "mutes"))
    assert (mute["target"], mute["reason"]) == ("station/u1", "works")
    lines(run(config, "unmute", "station/u1"))
    start_again(config)
    assert lines(run(config, "mutes")) == []
    assert "is not muted" in run(config, "unmute", "station/u1").stderr


def test_the_rain_signal_is_entered(config: Path) -> None:
    lines(run(config, "rain-signal", "red", "--until", "2099-01-01T00:00:00+08:00"))
    assert "none, blue" in run(config, "rain-signal", "purple").stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("incident", "end", "x", "--reason", "over"), "there is no incident 'x'"),
        (("incident", "end", "x", "--reason", "tired"), "ended for a reason"),
        (("mute", "station/u1", "--reason", "x"), "--until or --hours"),
        (("mute", "station/u1", "--reason", "x", "--until", "tomorrow"), "no time with a zone"),
        (("mute", "station/u1", "--reason", "x", "--until", "2099-01-01T00:00:00Z"), "24 hours at most"),
        (("mute", "channel/999", "--reason", "x", "--hours", "1"), "no channel 999"),
    ],
)
def test_what_makes_no_sense_is_refused(config: Path, words: tuple[str, ...], why: str) -> None:
    result = run(config, *words)
    assert result.exit_code == 2
    assert why in result.stderr
