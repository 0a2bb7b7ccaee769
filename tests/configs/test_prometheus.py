"""Alert rules: promtool takes them, they fire when they should, and every metric that they name is one of ours."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cloud.api.asking import Http
from tests.fuzz import api

FOLDER = Path(__file__).parents[2] / "configs/prometheus"
RULES = yaml.safe_load((FOLDER / "headwater.rules.yml").read_text())["groups"][0]["rules"]


def metrics() -> str:
    answer = Http(api.app()).get("/metrics")
    assert answer.status_code == 200
    return answer.text


def test_every_rule_is_of_metrics_that_there_are_and_says_what_to_do() -> None:
    names = set(re.findall(r"^# TYPE (\w+) ", metrics(), re.MULTILINE)) | {"up"}
    for rule in RULES:
        assert set(re.findall(r"\b(headwater_\w+|up)\b", rule["expr"])) <= names, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "do"}


@pytest.mark.servers
@pytest.mark.unhurried
@pytest.mark.parametrize("command", ["check rules headwater.rules.yml", "test rules headwater.test.yml"])
def test_promtool_takes_the_rules_and_they_fire(command: str) -> None:
    done = subprocess.run(["promtool", *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
@pytest.mark.unhurried
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
