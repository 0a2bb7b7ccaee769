"""The JSON Schemas for editors are what the commands print, and every file of configs/ holds by its own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cloud.cli.main import app as cloud
from edge_agent.cli.main import app as edge
from host.yaml_config import read_yaml
from simulators.cli.main import app as sim

REPO = Path(__file__).parents[2]
CONFIGS = REPO / "configs"
SCHEMAS = CONFIGS / "schemas"
EDGE_KINDS = ("agent", "device", "gateways", "district", "rules", "response_plan")
OF_OTHERS = {"cloud": cloud, "simulation": sim}
FILES = sorted(CONFIGS.rglob("*.yaml"))


def validator(kind: str) -> Any:
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def kind_of(path: Path) -> str:
    return "device" if path.parent.name == "devices" else path.stem


@pytest.mark.parametrize("kind", [*EDGE_KINDS, *OF_OTHERS])
def test_the_schema_in_the_folder_is_what_the_command_prints(kind: str) -> None:
    other = OF_OTHERS.get(kind)
    done = CliRunner().invoke(edge, ["schema", kind]) if other is None else CliRunner().invoke(other, ["schema"])
    assert done.exit_code == 0
    kept = json.loads((SCHEMAS / f"{kind}.json").read_text())
    assert kept == json.loads(done.stdout), "make schemas"


def test_there_is_no_other_schema() -> None:
    assert {p.stem for p in SCHEMAS.iterdir()} == {*EDGE_KINDS, *OF_OTHERS}


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(CONFIGS)) for p in FILES])
def test_every_file_holds_by_its_schema(path: Path) -> None:
    found = [e.message for e in validator(kind_of(path)).iter_errors(read_yaml(path).data)]
    assert found == []


def test_the_files_of_the_guide_hold() -> None:
    guide = (REPO / "docs" / "on-a-gateway.md").read_text()
    text = re.search(r"^```yaml\n(# /etc/headwater/agent.yaml\n.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert text is not None
    assert _wrong("agent", text[1]) == []


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("cloud", "catalogue: c\ndata_dir: d\ncolour: blue\n", "colour"),
        ("cloud", "catalogue: c\n", "'data_dir' is a required property"),
        ("cloud", "catalogue: c\ndata_dir: d\nhttp: {port: 99999}\n", "99999 is greater than the maximum"),
        ("simulation", "network: n\nsignals: {}\npumps: {p: [one]}\n", "too short"),
        ("agent", "gateway: g\ncatalogue: c\ndata_dir: d\n", "'broker' is a required property"),
    ],
)
def test_what_an_editor_would_underline(kind: str, text: str, said: str) -> None:
    assert any(said in what for what in _wrong(kind, text)), _wrong(kind, text)


def test_a_cloud_with_everything_holds() -> None:
    text = """
catalogue: districts/jinshui
data_dir: /var/lib/headwater
ledger_url: postgresql://headwater@db.example.org/headwater
broker: {host: mqtt.example.org, port: 8883, ca_file: ca.crt, cert_file: cloud.crt, key_file: cloud.key}
series: {engine: influx, url: "http://127.0.0.1:8086", org: o, bucket: b, token_file: token}
http: {host: 127.0.0.1, port: 8080}
access: {mode: required}
"""
    assert _wrong("cloud", text) == []


def _wrong(kind: str, text: str) -> list[str]:
    return [e.message for e in validator(kind).iter_errors(yaml.safe_load(text))]
