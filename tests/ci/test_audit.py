"""The audit of dependencies: what is found fails, what cannot be asked is said, and silence is never all clear."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ci.scripts import script


@pytest.fixture(scope="module")
def audit() -> Any:
    return script("audit")


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(packages)})


GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {
    "name": "bad",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"], "description": "long"}],
}
SKIPPED = {"name": "unknown", "skip_reason": "not found"}


def test_nothing_found_is_good(audit):
    assert audit.judge(report(GOOD), "", {}) == (0, ["1 packages audited, 0 advisories to act on"])


def test_what_is_found_fails_and_is_named(audit):
    code, lines = audit.judge(report(GOOD, BAD), "", {})
    assert code == 1
    assert lines[0] == "FOUND   bad 2: PYSEC-1; mended in 3"


def test_a_waiver_by_any_of_its_names_is_shown_with_its_reason(audit):
    code, lines = audit.judge(report(BAD), "", {"CVE-1": "not reached by us"})
    assert code == 0
    assert "waived" in lines[0]
    assert "not reached by us" in lines[0]


def test_what_the_database_does_not_answer_for_is_not_called_clear(audit):
    code, lines = audit.judge(report(SKIPPED, SKIPPED), "No known vulnerabilities found", {})
    assert code == 0
    assert lines[0].startswith("NOT AUDITED: 2 of 2 packages")
    assert lines[-1].startswith("0 packages audited")
    assert audit.judge(report(SKIPPED, BAD), "", {})[0] == 1


@pytest.mark.parametrize("said", ["ERROR: Could not connect to PyPI's vulnerability feed", "Max retries exceeded"])
def test_out_of_reach_is_said_and_does_not_fail(audit, said):
    code, lines = audit.judge("", said, {})
    assert code == 0
    assert lines[0].startswith("NOT AUDITED")


@pytest.mark.parametrize("said", ["", "ERROR: constraints.txt: invalid requirement"])
def test_any_other_failure_of_the_tool_fails(audit, said):
    assert audit.judge("", said, {})[0] == 1
    assert audit.judge("{}", said, {})[0] == 1
    assert audit.judge(report(), said, {})[0] == 1


def test_a_waiver_needs_a_reason(audit):
    assert audit.read_waived("# why\nCVE-1 only on Windows\n") == {"CVE-1": "only on Windows"}
    with pytest.raises(ValueError, match="without a reason"):
        audit.read_waived("CVE-1\n")
