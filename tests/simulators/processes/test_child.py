"""A child that dies is told with its reason: how it ended, and the last of what it said."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simulators.processes.child import Child, ChildDied
from simulators.processes.ending import how_it_ended, last_words
from tests.waiting import until


def ended(child: Child) -> bool:
    try:
        child.check()
    except ChildDied:
        return True
    return False


@pytest.fixture
def dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """A module that says twenty lines and ends with a mistake."""
    (tmp_path / "dying.py").write_text(
        "import sys\nfor i in range(20): print('line', i, file=sys.stderr)\nraise ValueError('the reason')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Child("dying", "dying", [], tmp_path / "log" / "dying.log")


def test_a_child_that_dies_with_an_error_is_told_with_that_error(dying: Child, tmp_path: Path) -> None:
    dying.start()
    until(lambda: ended(dying))
    with pytest.raises(ChildDied) as caught:
        dying.check()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"dying ended with 1; {tmp_path / 'log' / 'dying.log'}:"
    assert lines[-1] == "ValueError: the reason"
    assert len(lines) == 9


def test_a_child_that_dies_before_its_first_line_is_told_too(dying: Child) -> None:
    dying.start()
    with pytest.raises(ChildDied, match="ValueError: the reason"):
        dying.first_line()


def test_a_child_that_says_nothing_is_told_with_what_it_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mute.py").write_text("import sys, time\nprint('still busy', file=sys.stderr)\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    mute = Child("mute", "mute", [], tmp_path / "mute.log")
    mute.start()
    try:
        until((tmp_path / "mute.log").read_text)
        with pytest.raises(ChildDied, match=r"mute said nothing for 0\.1 s; .*mute\.log:\nstill busy"):
            mute.first_line(0.1)
    finally:
        mute.kill()


def test_a_child_that_is_killed_is_told_by_the_signals_name(tmp_path: Path) -> None:
    child = Child("web", "http.server", ["--bind", "127.0.0.1", "0"], tmp_path / "web.log")
    child.start()
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: ended(child))
    with pytest.raises(ChildDied, match="web was killed by SIGKILL"):
        child.check()


def test_the_words_for_an_ending(tmp_path: Path) -> None:
    assert [how_it_ended(code) for code in (None, 0, 3, -11, -99)] == [
        "still runs",
        "ended with 0",
        "ended with 3",
        "was killed by SIGSEGV",
        "was killed by signal 99",
    ]
    assert last_words(tmp_path / "none") == f"{tmp_path / 'none'}:\nit said nothing"
