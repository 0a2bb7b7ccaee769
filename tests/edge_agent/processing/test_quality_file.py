"""The file survives what happens to files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_agent.processing.quality_file import load, save


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "quality.npz"
    assert load(file) is None
    save(file, {"known": np.array([0.5, np.nan])})
    save(file, {"known": np.array([0.7, np.nan])})
    found = load(file)
    assert found is not None
    assert found["known"].tolist() == pytest.approx([0.7, np.nan], nan_ok=True)
    assert [p.name for p in tmp_path.iterdir()] == ["quality.npz"]


def test_its_name_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that only the memory knows brings back what was remembered before, after a power cut."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    file = tmp_path / "quality.npz"
    save(file, {"known": np.zeros(1)})
    assert synced == [file.stat().st_ino, tmp_path.stat().st_ino]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"not a snapshot"])
def test_what_cannot_be_read_is_passed_over(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "quality.npz"
    save(file, {"known": np.zeros(100)})
    file.write_bytes(content)
    assert load(file) is None
    save(file, {"known": np.zeros(1)})
    assert load(file) is not None
