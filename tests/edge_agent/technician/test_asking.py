"""`headwater-edge probe`: one device, asked before anything is configured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.documents import ConfigError
from edge_agent.cli import app
from edge_agent.technician.asking import as_text, described
from simulators.cli.main import DISTRICT
from tests.edge_agent.slave import slave

DEVICES = DISTRICT.parent.parent / "devices"
LEVEL = DEVICES / "us-level-60.yaml"  # float32 CDAB at 0, its error word at 2
WORDS = {0: 0x70A4, 1: 0x3F9D, 2: 0}  # 1.23 m


def probe(*words: object) -> tuple[int, list[str]]:
    found = CliRunner().invoke(app, ["probe", *map(str, words)])
    return found.exit_code, found.output.splitlines()


def test_one_json_object_a_poll_and_line() -> None:
    with slave(WORDS, unit=7) as address:
        asked = ("--device", LEVEL, "--kind", "modbus_tcp", "--address", address, "--unit", 7)
        code, lines = probe(*asked, "--times", 3, "--every", 0, "--json")
    assert (code, len(lines)) == (0, 3)
    for line in lines:
        said = json.loads(line)
        (read,) = said["reads"]
        assert isinstance(read.pop("ms"), float)
        assert said == {
            "device": "us-level-60",
            "unit": 7,
            "reads": [{"table": "holding", "address": 0, "count": 3, "words": [0x70A4, 0x3F9D, 0], "fault": None}],
            "values": [
                {"name": "depth", "value": 1.23, "unit": "m", "flag": 1},
                {"name": "code", "value": 0.0, "unit": "1", "flag": 2},
            ],
        }


def test_what_is_refused_is_told_and_the_rest_comes() -> None:
    with slave({0: 0x70A4, 1: 0x3F9D}) as address:
        code, (line,) = probe("--device", LEVEL, "--kind", "modbus_tcp", "--address", address, "--unit", 1, "--json")
    said = json.loads(line)
    assert code == 1  # a depth whose error word is not there is none
    assert [(r["address"], r["count"], r["words"] is None) for r in said["reads"]] == [
        (0, 3, True),
        (0, 2, False),
        (2, 1, True),
    ]
    assert "illegal data address (exception 2)" in said["reads"][2]["fault"]


def test_a_value_that_cannot_be_is_shown_with_the_order_in_which_its_words_can(tmp_path: Path) -> None:
    swapped = tmp_path / "swapped.yaml"
    swapped.write_text(
        "model: swapped\ndescription: a gauge whose file names the wrong order\nprotocol: modbus\nperiod_s: 30\n"
        "registers:\n  - {name: depth, quantity: depth, address: 0, type: float32, quality: {fail_range: [-0.1, 10]}}\n"
    )
    with slave(WORDS) as address:
        asked = ("--device", swapped, "--kind", "modbus_tcp", "--address", address, "--unit", 1)
        code, lines = probe(*asked)
        (said,) = [json.loads(line) for line in probe(*asked, "--json")[1]]
    assert code == 0
    assert lines[-1] == "         order: CDAB would be 1.23 m"
    assert said["values"][0]["otherwise"] == ["order: CDAB would be 1.23"]


def test_the_same_fault_several_times_is_one_line() -> None:
    silent = {"table": "holding", "address": 0, "count": 3, "words": None, "fault": "timeout: no answer", "ms": 500.0}
    came = silent | {"words": [1, 2, 3], "fault": None, "ms": 12.0}
    said = {"device": "d", "unit": 1, "reads": [silent, silent, silent, came, came, silent], "values": []}
    assert as_text(said).splitlines()[1:] == [
        "  holding 0-2      timeout: no answer  (500 ms, 3 times)",
        "  holding 0-2      0001 0002 0003  (12 ms)",
        "  holding 0-2      0001 0002 0003  (12 ms)",
        "  holding 0-2      timeout: no answer  (500 ms)",
    ]


def test_words_for_a_technician() -> None:
    with slave(WORDS) as address:
        code, lines = probe("--device", LEVEL, "--kind", "modbus_tcp", "--address", address, "--unit", 1)
    assert code == 0
    assert lines[0] == "us-level-60  unit 1"
    assert lines[1].startswith("  holding 0-2      70A4 3F9D 0000  (")
    assert [line.split() for line in lines[2:]] == [["depth", "1.23", "m", "pass"], ["code", "0", "not", "evaluated"]]


def test_who_is_not_there_is_told_with_what_to_look_at() -> None:
    code, (line,) = probe("--device", LEVEL, "--kind", "modbus_tcp", "--address", "127.0.0.1:9", "--unit", 1, "--json")
    assert code == 1
    said = json.loads(line)
    assert said["reads"][0]["fault"].startswith("refused: cannot open 127.0.0.1:9")
    assert [v["value"] for v in said["values"]] == [None, None]
    assert "missing" in as_text(said)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "modbus_rtx"}, "no kind of bus 'modbus_rtx': there are modbus_tcp"),
        ({"kind": "modbus_rtu", "unit": 300}, "no Modbus unit 300"),
        ({"address": "nowhere"}, "'nowhere' is not host:port"),
        ({"file": DEVICES / "hw-node-1.yaml"}, "speaks node, which does not run on bus"),
        ({"kind": "modbus_rtu", "settings": {"parity": "X"}}, "parity"),
        ({"file": Path("/nowhere.yaml")}, "/nowhere.yaml"),
    ],
)
def test_what_cannot_be_asked_is_refused(change: dict[str, object], words: str) -> None:
    given = {"file": LEVEL, "kind": "modbus_tcp", "address": "127.0.0.1:502", "settings": {}, "unit": 1} | change
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        described(*given.values())  # type: ignore[arg-type]


def test_settings_of_the_bus_are_taken_by_name() -> None:
    code, lines = probe(
        "--device", LEVEL, "--kind", "modbus_rtu", "--address", "/dev/null", "--unit", 1, "--set", "baud_rate"
    )
    assert code == 2
    assert "is not NAME=VALUE" in "\n".join(lines)
