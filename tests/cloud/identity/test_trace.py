"""The record beside the keys: one line a change, in order, never rewritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloud.identity.trace import record


def test_each_change_is_one_line_behind_those_before(tmp_path: Path) -> None:
    for number, what in enumerate(("gateway.add", "gateway.revoke")):
        record(
            tmp_path,
            now_ms=1_626_796_800_000 + number,
            who="shell:ann",
            what=what,
            target="gw-1.1",
            source="cli",
            detail={"reason": "a line\nof two"},
        )
    lines = (tmp_path / "changes.jsonl").read_text().splitlines()
    first, second = map(json.loads, lines)
    assert first == {
        "time": "2021-07-20T16:00:00Z",
        "who": "shell:ann",
        "what": "gateway.add",
        "target": "gw-1.1",
        "source": "cli",
        "detail": {"reason": "a line\nof two"},
    }
    assert (second["time"], second["what"]) == ("2021-07-20T16:00:00.001Z", "gateway.revoke")


def test_what_cannot_be_written_down_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        record(tmp_path / "nowhere", now_ms=0, who="w", what="x", target="t", source="cli", detail={})
