"""A data folder that the cloud's user cannot use is told by `check` and at the start, with what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.data_folder import data_folder_trouble
from tests.another_user import NOBODY, needs_root


def test_a_folder_of_ones_own_is_good_and_so_is_one_that_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").touch()
    (tmp_path / "series").mkdir()
    assert data_folder_trouble(tmp_path) is None
    assert data_folder_trouble(tmp_path / "a" / "b") is None


def test_half_a_restore_is_none(tmp_path: Path) -> None:
    (tmp_path / ".restoring").mkdir()
    assert "a restore did not come to its end" in (data_folder_trouble(tmp_path) or "")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert data_folder_trouble(tmp_path / "f") == f"{tmp_path / 'f'} is no folder: name another"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that others may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def as_nobody(folder: Path) -> str:
    code = (
        "import os, sys, pathlib; from cloud.data_folder import data_folder_trouble as t; os.seteuid(65534);"
        "print(t(pathlib.Path(sys.argv[1])))"
    )
    return subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True).stdout


@needs_root
def test_what_belongs_to_root_is_named_with_what_to_do(open_folder: Path) -> None:
    data = open_folder / "data"
    assert as_nobody(data) == f"{data} is not there, and nobody cannot make it: install -d -o nobody -m 0700 {data}\n"
    data.mkdir()
    assert as_nobody(data) == f"{data} belongs to root, and nobody cannot write there: chown -R nobody: {data}\n"
    os.chown(data, NOBODY, NOBODY)
    assert as_nobody(data) == "None\n"
    (data / "ledger.sqlite").touch()
    said = as_nobody(data)
    assert said == f"{data}/ledger.sqlite belongs to root, and nobody cannot write it: chown -R nobody: {data}\n"
