"""The last lines of CI: what took how long, and what did not happen, of a run that passes and of one that fails."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ci.scripts import CI, script
from tests.waiting import until

RECORD = """planned\t0\tpackages
planned\t0\tmake test
planned\t0\tservers
began\t0\tpackages
ended\t5\tpackages
began\t5\tmake test
"""
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_done" time="0.1"/>
<testcase classname="tests.a" name="test_left_out"><skipped message="takes root&#10;more">x</skipped></testcase>
</testsuite></testsuites>
"""


@pytest.fixture(scope="module")
def summary() -> Any:
    return script("summary")


def test_a_part_that_fails_and_one_that_never_began_are_told_apart(summary: Any) -> None:
    assert summary.times(RECORD, 70) == [("packages", 5, True), ("make test", 65, False), ("servers", None, False)]


def test_a_skipped_test_is_named_with_the_first_line_of_its_reason(summary: Any) -> None:
    assert summary.skipped(JUNIT) == ["tests.a::test_left_out: takes root"]


def test_a_whole_run_says_that_all_happened(summary: Any) -> None:
    assert summary.judge([("packages", 5, True), ("make test", 725, True)], [], [], 0) == [
        "",
        "== how long each part took",
        " 0:05  packages",
        "12:05  make test",
        "12:10  together",
        "== what did not happen",
        "nothing: all that was planned happened",
        "== CI: exit code 0",
    ]


def test_what_did_not_happen_is_told_of_a_run_that_passes(summary: Any) -> None:
    audited = "NOT AUDITED: 120 of 120 packages, for which the database gave no answer: all there are"
    lines = summary.judge([("advisories", 9, True)], [audited], ["tests.a::test_x: takes root"], 0)
    assert lines[-4:] == [
        "== what did not happen",
        audited,
        "SKIPPED: tests.a::test_x: takes root",
        "== CI: exit code 0",
    ]


def test_what_did_not_happen_is_told_of_a_run_that_fails(summary: Any) -> None:
    lines = summary.judge(summary.times(RECORD, 70), [], [], 2)
    assert " 1:05  make test  (ended there)" in lines
    assert "    -  servers  (never began)" in lines
    assert lines[-3:] == ["NOT BEGUN: servers", "NOT FINISHED: make test", "== CI: exit code 2"]


def test_many_skipped_tests_do_not_bury_the_rest(summary: Any) -> None:
    lines = summary.judge([], [], [f"tests.a::test_{k}: no" for k in range(50)], 0)
    assert len(lines) < 30
    assert lines[-2] == "SKIPPED: 30 tests more"


def run(body: str, tmp_path: Path) -> tuple[int, list[str]]:
    """A script with .ci/parts sourced, as .ci/run does it: its exit code and lines."""
    file = tmp_path / "run"
    file.write_text(f"set -euo pipefail\nsource .ci/parts\n{body}\n")
    ran = subprocess.run(["bash", str(file)], cwd=CI.parent, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    return ran.returncode, ran.stdout.splitlines()


PARTS = """
good() { echo "12 passed, 1 skipped in 3.21s"; printf '%s' '<t><testcase classname="a" name="b"><skipped message="no root"/></testcase></t>' >"$notes/quick.xml"; }
lacking() { echo "NOT AUDITED: 2 of 2" >>"$notes/undone"; }
bad() { false; echo "goes on"; }
"""  # noqa: E501


def test_the_parts_of_a_run_end_with_the_summary(tmp_path: Path) -> None:
    code, lines = run(PARTS + 'run_parts "good:make test" "lacking:advisories"', tmp_path)
    assert code == 0
    assert [x for x in lines if "passed" in x] == ["12 passed, 1 skipped in 3.21s"]  # pytest's own line, and no other
    assert lines[-4:] == [
        "== what did not happen",
        "NOT AUDITED: 2 of 2",
        "SKIPPED: a::b: no root",
        "== CI: exit code 0",
    ]


def test_a_part_that_fails_ends_the_run_with_the_summary_and_its_code(tmp_path: Path) -> None:
    code, lines = run(PARTS + 'run_parts "lacking:advisories" "bad:servers" "good:make test"', tmp_path)
    assert code == 1
    assert "goes on" not in lines
    assert lines[-5:] == [
        "== what did not happen",
        "NOT AUDITED: 2 of 2",
        "NOT BEGUN: make test",
        "NOT FINISHED: servers",
        "== CI: exit code 1",
    ]
    assert [re.sub(r"^ 0:0\d", "", x) for x in lines if x.endswith(")") and "==" not in x] == [
        "  servers  (ended there)",
        "    -  make test  (never began)",
    ]


def test_a_command_beside_says_whose_its_lines_are_and_how_it_ended(tmp_path: Path) -> None:
    part = """
two() {
  local code=0
  beside slow bash -c 'nice; echo "not so well"; exit 3'
  wait "$!" || code=$?
  return "$code"
}
run_parts "two:beside it"
"""
    code, lines = run(part, tmp_path)
    assert code == 3
    assert [x for x in lines if x.startswith("slow")] == [f"slow | {min(os.nice(0) + 10, 19)}", "slow | not so well"]


def test_a_run_that_ends_early_leaves_nothing_behind_that_went_beside(tmp_path: Path) -> None:
    """What that has started, neither."""
    part = """
two() {
  beside slow bash -c 'sleep 987 & echo $! >PIDS; sleep 987'
  until [ -s PIDS ]; do sleep 0.1; done
  false
}
run_parts "two:beside it"
""".replace("PIDS", str(tmp_path / "pids"))
    code, _ = run(part, tmp_path)
    assert code == 1
    pid = int((tmp_path / "pids").read_text())
    until(lambda: _gone(pid))


def _gone(pid: int) -> bool:
    """Ended, or ended and not yet waited for by the machine's first process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_plan_of_ci_names_functions_that_there_are() -> None:
    text = (CI / "run").read_text()
    planned = re.findall(r'^  "(\w+):[^"]+"', text, re.MULTILINE)
    assert len(planned) == 11
    assert set(planned) <= set(re.findall(r"^(\w+)\(\) \{", text, re.MULTILINE))
    assert subprocess.run(["bash", "-n", str(CI / "run")]).returncode == 0
