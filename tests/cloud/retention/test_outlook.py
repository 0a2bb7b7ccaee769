"""What grows for ever is named with the day on which the disk is full; what has its bound is not."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from cloud.log.open import open_log
from cloud.retention import outlook as looked
from cloud.retention.outlook import Outlook, outlook
from cloud.retention.settings import RetentionSettings

DAY_MS = 86_400_000
START_MS = 1_800_000_000_000
ALL = RetentionSettings(
    log_days=30, raw_days=500, hourly_days=4000, quarantine_days=90, audit_days=4000, warnings_days=4000
)
Usage = namedtuple("Usage", "total used free")


def log_of(folder: Path, days: float) -> None:
    log = open_log(folder)
    log.tick(START_MS)
    log.tick(START_MS + int(days * DAY_MS))
    log.close()


def test_a_cloud_that_never_ran_has_nothing_to_say_and_nothing_is_made(tmp_path: Path) -> None:
    assert outlook(RetentionSettings(), True, tmp_path / "data") == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_stated_is_named_with_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_of(tmp_path, 10)
    size = sum(p.stat().st_size for p in tmp_path.iterdir())
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "x").write_bytes(b"\0" * (20_000_000 - size))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 500_000_000))
    said = outlook(RetentionSettings(log_days=30), True, tmp_path)
    names = "raw_days, hourly_days, quarantine_days, audit_days, warnings_days"
    full = "2 MB a day, so the disk is full in 250 days"
    assert said == f"nothing that is old goes (retention: {names} not stated): {full}"
    assert "hourly_days" not in outlook(RetentionSettings(), False, tmp_path)
    assert outlook(ALL, True, tmp_path) == ""


def test_after_a_day_it_is_known_how_fast(tmp_path: Path) -> None:
    log_of(tmp_path, 0.5)
    assert outlook(RetentionSettings(), True, tmp_path).endswith("when the disk will be full can be said after a day")


def test_a_timer_that_is_off_is_noticed(tmp_path: Path) -> None:
    log_of(tmp_path, 36)
    assert outlook(ALL, True, tmp_path) == ""
    log_of(tmp_path / "late", 38)
    assert "is the timer of `headwater-cloud trim` on?" in outlook(ALL, True, tmp_path / "late")


def test_it_is_looked_at_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(looked.time, "monotonic", lambda: now[0])
    found = Outlook(RetentionSettings(), True, tmp_path)
    assert found() == ""
    log_of(tmp_path, 0.5)
    assert found() == ""
    now[0] = 601
    assert found().startswith("nothing that is old goes")
