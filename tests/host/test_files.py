"""What is synced reached the kernel's own call, and nothing stays open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host.files import sync


def test_a_file_and_a_folder_go_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_text("water")
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((handle, os.fstat(handle).st_ino)))
    sync(file)
    sync(tmp_path)
    assert [inode for _, inode in synced] == [file.stat().st_ino, tmp_path.stat().st_ino]
    for handle, _ in synced:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nothing")
