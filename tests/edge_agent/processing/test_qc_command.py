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
    qc_command.main(folder / "s.csv", folder / "t.yaml", out)
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
