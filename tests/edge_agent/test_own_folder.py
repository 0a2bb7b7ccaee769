"""Two agents on one spool would take each other's batches: the second does not start, and says what to do."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge_agent.own_folder import InUse, keep
from tests.another_user import NOBODY, needs_root, python


def held_by_another(folder: Path) -> subprocess.Popen[bytes]:
    """A process that keeps the folder, across becoming another program, until its input ends."""
    script = (
        "import os, pathlib, sys; from edge_agent.own_folder import keep; keep(pathlib.Path(sys.argv[1])); "
        "os.execv('/bin/sh', ['sh', '-c', 'echo kept; cat'])"
    )
    command = [sys.executable, "-c", script, str(folder)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"kept\n"
    return holder


def test_a_folder_is_one_agents_until_it_ends(tmp_path: Path) -> None:
    holder = held_by_another(tmp_path / "data")
    try:
        with pytest.raises(InUse, match=rf"works in .*data already \(process {holder.pid}\): stop that one"):
            keep(tmp_path / "data")
    finally:
        holder.communicate()
    keep(tmp_path / "data")
    assert (tmp_path / "data" / "agent.lock").read_text() == str(os.getpid())


def test_a_folder_that_cannot_be_written_to_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        keep(tmp_path / "file" / "data")
    assert "nothing keeps a second agent out" in caplog.text


@needs_root
def test_the_group_that_looks_in_cannot_keep_the_agent_from_starting() -> None:
    """Whoever may open the lock's file to read may lock it; one of an earlier release is closed at the next start."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "agent.lock").touch()
        (folder / "agent.lock").chmod(0o644)
        keep(folder)
        tried = f"import os; os.setegid({NOBODY}); os.seteuid({NOBODY}); open({str(folder / 'agent.lock')!r})"
        done = subprocess.run([*python(), "-c", tried], capture_output=True, text=True)
        assert "PermissionError" in done.stderr
    finally:
        shutil.rmtree(folder)


def test_a_link_in_the_locks_place_is_not_written_through(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "agent.lock").symlink_to(tmp_path / "precious")
    with caplog.at_level(logging.WARNING):
        keep(tmp_path)
    assert "is no file of its own" in caplog.text
    assert (tmp_path / "precious").read_text() == "precious"
