"""`headwater-edge qc`, as an engineer uses it on an exported series."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from contract.documents import ConfigError
from edge_agent.processing import qc_command

TESTS = "fail_range: [0, 5]\nspike: {suspect: 0.2, fail: 2.0}\n"


def run(folder: Path, series: str, tests: str = TESTS) -> str:
    (folder / "s.csv").write_text(series)
    (folder / "t.yaml").write_text(tests)
    out = io.StringIO()
    qc_command.main(folder / "s.csv", folder / "t.yaml", out, io.StringIO())
    return out.getvalue()


def test_flags_and_the_tests_that_objected(tmp_path: Path) -> None:
    series = (
        "time,value\n2021-07-20T16:00:00+08:00,0.1\n2021-07-20T16:01:00+08:00,0.90\n"
        "1626768120000,0.1\n1626768180000,\n1626768240000,7\n"
    )
    assert run(tmp_path, series).splitlines() == [
        "time,value,flag,tests",
        "2021-07-20T16:00:00+08:00,0.1,1,",
        "2021-07-20T16:01:00+08:00,0.90,3,spike",
        "1626768120000,0.1,1,",
        "1626768180000,,9,",
        "1626768240000,7,4,range",
    ]


def test_every_bad_line_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        run(tmp_path, "time,value\n2021-07-20T16:00:00,1\n1626768000000,wet\n1626768000000\n1626768000000,1\n")
    assert [m.line for m in error.value.mistakes] == [2, 3, 4]
    assert "time zone" in error.value.mistakes[0].what


def test_a_misspelt_test_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"t\.yaml:2: spyke"):
        run(tmp_path, "time,value\n", "fail_range: [0, 5]\nspyke: {suspect: 1}\n")


def test_one_time_with_two_values_is_suspect(tmp_path: Path) -> None:
    series = "time,value\n1626768000000,0.1\n1626768060000,0.1\n1626768060000,0.2\n"
    assert run(tmp_path, series).splitlines()[1:] == [
        "1626768000000,0.1,1,",
        "1626768060000,0.1,3,duplicate",
        "1626768060000,0.2,3,duplicate",
    ]


def test_a_parked_car_is_suspect(tmp_path: Path) -> None:
    rows = [f"{1626768000000 + i * 30_000},{0.45 if i > 3 else 0.0}" for i in range(30)]
    found = run(tmp_path, "time,value\n" + "\n".join(rows), "step_to_constant: {step: 0.3, for_s: 300}\n").splitlines()
    assert [line.split(",")[2:] for line in found[1:]] == [["1", ""]] * 14 + [["3", "step_to_constant"]] * 16


def test_what_was_assumed_is_said(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("1626768000,0.1\n")
    (tmp_path / "t.yaml").write_text(TESTS)
    said = io.StringIO()
    qc_command.main(tmp_path / "s.csv", tmp_path / "t.yaml", io.StringIO(), said)
    assert "taken for epoch seconds (1626768000 is 2021-07-20 08:00 UTC)" in said.getvalue()
