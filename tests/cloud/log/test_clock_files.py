"""What is remembered of the clock, and what a person says of it."""

from __future__ import annotations

import pytest

from cloud.log.clock_files import ClockFiles
from cloud.log.log_clock import Remembered


def test_what_is_kept_is_recalled(tmp_path):
    files = ClockFiles(tmp_path)
    assert files.recall() is None
    files.keep(Remembered("boot", 5, 28_800_000, False), "it stepped")
    assert ClockFiles(tmp_path).recall() == (Remembered("boot", 5, 28_800_000, False), "it stepped")


def test_what_is_said_is_taken_once(tmp_path):
    files = ClockFiles(tmp_path)
    assert files.take() is None
    files.ask("shell:ann", "boot", 17)
    assert files.asked()
    assert files.take() == ("shell:ann", "boot", 17)
    assert not files.asked()
    assert files.take() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 9999, '{"boot": 1, "offset_ms": "x"}'])
def test_damaged_files_say_nothing(tmp_path, text):
    for name in ("clock.json", "clock-confirm.json"):
        (tmp_path / name).write_text(text)
    assert ClockFiles(tmp_path).recall() is None
    assert ClockFiles(tmp_path).take() is None
    assert not ClockFiles(tmp_path).asked()


def test_a_disk_that_refuses_keeps_the_cloud_running(tmp_path):
    ClockFiles(tmp_path / "gone").keep(Remembered("boot", 5), "")
