"""Who is told to read files again: mosquitto, and nothing that a pid file may name beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud.identity.broker_process import owner_for, reload
from tests.another_user import needs_root


@pytest.fixture
def sleeper(tmp_path):
    """A process of another program, and one that is called mosquitto."""
    other = tmp_path / "mosquitto"
    shutil.copy("/bin/sleep", other)
    # Who runs the tests may ignore SIGHUP (nohup), and children inherit that.
    heeds = ["env", "--default-signal=HUP"]
    processes = [subprocess.Popen([*heeds, program, "60"]) for program in ("sleep", str(other))]
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s and Path(f"/proc/{processes[1].pid}/comm").read_text() != "mosquitto\n":
        time.sleep(0.01)
    yield processes
    for p in processes:
        p.kill()
        p.wait()


@pytest.mark.parametrize("text", ["-1", "0", "1", "", "x", "-0", "99999999999999999999", "1\n-1"])
def test_what_is_no_broker_is_told_nothing(tmp_path, text):
    path = tmp_path / "pid"
    path.write_text(text)
    with pytest.raises((ValueError, OSError, OverflowError)):
        reload(path, "mosquitto")


def test_another_program_is_not_ended_and_mosquitto_is_told(tmp_path, sleeper):
    path = tmp_path / "pid"
    other, broker = sleeper
    path.write_text(str(other.pid))
    with pytest.raises(ValueError, match="not mosquitto"):
        reload(path, "nobody")
    assert other.poll() is None
    path.write_text(f"{broker.pid}\n")
    reload(path, "nobody")
    assert broker.wait(20) == -signal.SIGHUP


def test_neither_links_nor_pipes_are_read(tmp_path, sleeper):
    (tmp_path / "real").write_text(str(sleeper[1].pid))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises((OSError, ValueError)):
            reload(tmp_path / name, "nobody")
    assert sleeper[1].poll() is None


@needs_root
def test_the_brokers_files_are_roots_and_its_groups():
    assert owner_for("nobody") == (0, 65534)
    assert owner_for("nobody-at-all") is None
    assert sys.platform == "linux"
