"""The schemas that editors get: what ships is valid by them, and a slip is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from contract.catalogue.json_schema import KINDS, schema_of
from edge_agent.cli import app
from firmware_bridge.protocols import PROTOCOLS
from host.yaml_config import read_yaml
from tests.conftest import SMALL_DISTRICT

CONFIGS = Path(__file__).parents[3] / "configs"
FILES = [("device", f) for f in sorted(CONFIGS.glob("devices/*.yaml"))]
FILES += [
    (kind, folder / f"{kind}.yaml")
    for kind in ("district", "gateways", "rules", "response_plan")
    for folder in (CONFIGS / "districts" / "jinshui", SMALL_DISTRICT)
]


def wrong(kind: str, data: Any) -> list[str]:
    return [e.message for e in Draft202012Validator(schema_of(kind, PROTOCOLS)).iter_errors(data)]


@pytest.mark.parametrize(("kind", "file"), FILES, ids=lambda x: x.stem if isinstance(x, Path) else x)
def test_what_ships_is_valid(kind: str, file: Path) -> None:
    assert wrong(kind, read_yaml(file).data) == []


LEVEL = {"name": "depth", "quantity": "depth"}
HEAD = {"model": "m", "description": "d", "protocol": "modbus", "period_s": 30}


@pytest.mark.parametrize(
    "register",
    [
        {**LEVEL, "adress": 1},
        {**LEVEL, "address": 65536},
        {**LEVEL, "bit": -1},
        {**LEVEL, "type": "uint24"},
        {**LEVEL, "order": "ABxD"},
        {**LEVEL, "scale": "thousandth"},
        {**LEVEL, "missing_raw": [[1, 2, 3]]},
        {**LEVEL, "valid_if": [{"address": 1, "is": 0}]},
        {"name": "depth", "quantity": "dept"},
        {"quantity": "depth"},
    ],
)
def test_a_slip_in_a_device_file_is_not(register: dict[str, Any]) -> None:
    assert wrong("device", {**HEAD, "registers": [register]})
    assert not wrong("device", {**HEAD, "registers": [{**LEVEL, "scale": "1/3600", "missing_raw": [1, [2, 3]]}]})


def test_the_word_that_chooses_must_be_known() -> None:
    assert wrong("device", {**HEAD, "protocol": "modbuss", "registers": [LEVEL]})
    bus = {"id": "b", "kind": "modbus_rtu", "address": "/dev/ttyS1", "devices": [{"id": "d", "model": "m", "unit": 1}]}
    assert not wrong("gateways", {"gateways": [{"id": "g", "buses": [bus]}]})
    assert wrong("gateways", {"gateways": [{"id": "g", "buses": [{**bus, "kind": "modbus_rtx"}]}]})
    assert wrong("gateways", {"gateways": [{"id": "g", "buses": [{**bus, "baud": 9600}]}]})


@pytest.mark.parametrize("kind", ["agent", *KINDS])
def test_the_command_writes_it(kind: str) -> None:
    said = CliRunner().invoke(app, ["schema", kind])
    assert said.exit_code == 0
    Draft202012Validator.check_schema(json.loads(said.stdout))


def test_the_command_refuses_a_kind_that_is_none() -> None:
    said = CliRunner().invoke(app, ["schema", "devices"])
    assert said.exit_code == 2
    assert "no kind of file 'devices', did you mean 'device'?" in said.output
