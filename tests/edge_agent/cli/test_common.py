"""What the commands share."""

from __future__ import annotations

import pytest

from edge_agent.cli.common import progress, yaml_value


def test_no_bar_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("scan", 10) as moved:
        moved(5)
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("scan", 10) as moved:
        moved(5)
    out, err = capsys.readouterr()
    assert out == ""
    assert "50 %" in err


def test_values_as_in_a_file() -> None:
    assert [yaml_value(t) for t in ("3", "true", "x")] == [3, True, "x"]
