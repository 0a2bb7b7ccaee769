"""Two agents on one spool would take each other's batches: the second does not start, and says what to do."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.own_folder import InUse, keep


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
