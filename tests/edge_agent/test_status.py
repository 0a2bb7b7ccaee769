"""`headwater-edge status`: true with the agent dead, and loud about what matters."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.status import STALE_S, NeverRan, as_text, read_status, write_status


def status(**changes: Any) -> dict[str, Any]:
    up = {
        "broker": "broker.example:8883",
        "connected": True,
        "trouble": "",
        "last_ack_ms": 1_626_768_000_000,
        "waiting": {"alarm": 0, "live": 2, "history": 5},
        "spool_bytes": 20_480,
        "in_flight": 2,
        "refused": {},
        "oldest_age_s": {"live": 1.0},
        "thinned": 0,
        "dropped": 0,
        "disk_trouble": "",
        "bytes_today": 0,
        "bytes_per_day": None,
        "kept_back": "",
        "clock": "",
        "lost_to_full_disk": 0,
        "held_in_memory": 0,
        "spool_set_aside": "",
    }
    device = {"id": "u1-level", "unit": 3, "state": "good", "last_good_age_s": 4.2, "reads": 17, "faults": {}}
    bus = {"id": "rtu", "kind": "modbus_rtu", "address": "/dev/ttyS1", "trouble": "", "line_faults": {}}
    up |= changes.pop("uplink", {})
    device |= {"last_fault": ""} | changes.pop("device", {})
    bus |= {"devices": [device]} | changes.pop("bus", {})
    return {
        "gateway": "gw-1",
        "version": "0.1.0",
        "alive": True,
        "file_age_s": 1.0,
        "readings": {"made": 100, "reported": 7},
        "uplink": up,
        "buses": [bus],
    } | changes


def test_a_simulation_says_so() -> None:
    assert "SIMULATED" in as_text(status(simulated=True))
    assert "SIMULATED" not in as_text(status(simulated=False))


def test_calm(capsys: pytest.CaptureFixture[str]) -> None:
    lines = as_text(status()).splitlines()
    assert lines[0] == "gateway gw-1  version 0.1.0  running"
    assert lines[1] == "link    broker.example:8883  connected"
    assert lines[2].startswith("ack     2021-07-20T08:00:00")
    assert lines[3] == "spool   alarm 0  live 2  history 5  20 KiB  in flight 2"
    assert lines[4] == "counts  made 100  reported 7"
    assert lines[-1] == "  u1-level         unit 3   good    4 s ago      reads 17"
    assert not any(line.startswith(("REFUSED", "DROPPED", "DISK", "SPOOL")) for line in lines)


def test_a_bus_says_how_much_it_is_used_and_when_a_silent_device_is_asked_again() -> None:
    device = {"last_fault": "timeout: unit 3", "back_off_s": 20.0, "back_off_max_s": 45.0, "next_ask_s": 12.4}
    traffic = {"questions": 5, "bytes_sent": 40}
    bus = {"traffic": traffic, "utilisation": 2.04, "retries": 3}
    lines = as_text(status(device=device | {"notes": ["it is slow"]}, bus=bus)).splitlines()
    assert lines[-3] == "  traffic used 204%  retries 3  questions 5  bytes_sent 40"
    assert lines[-2].endswith("timeout: unit 3 (asked again in 12 s, every 45 s at least)")
    assert lines[-1] == "    note: it is slow"


def test_all_that_is_wrong_is_said() -> None:
    text = as_text(
        status(
            alive=False,
            file_age_s=95.0,
            readings={},
            uplink={
                "connected": False,
                "trouble": "connection refused",
                "last_ack_ms": None,
                "refused": {"foreign_channel": 3},
                "oldest_age_s": {"history": 7200.0},
                "thinned": 12,
                "dropped": 9,
                "disk_trouble": "disk is full",
                "bytes_today": 6_000_000,
                "bytes_per_day": 10_000_000,
                "kept_back": "history",
                "clock": "not synchronised",
                "held_in_memory": 4,
                "lost_to_full_disk": 2,
                "spool_set_aside": "spool.sqlite.damaged-1",
            },
            device={"state": "never", "last_good_age_s": None, "faults": {"timeout": 8}, "last_fault": "timeout: no"},
            bus={"trouble": "cannot open", "line_faults": {"crc": 2}, "devices": []},
        )
    )
    for said in (
        "NOT RUNNING: last heard 95 s ago",
        "DOWN: connection refused",
        "ack     never",
        "nothing read yet",
        "REFUSED foreign_channel 3",
        "oldest  history 2.0 h",
        "thinned 12, dropped 9",
        "DISK    held in memory 4, lost 2: disk is full",
        "budget  6.0 of 10.0 MB today: history waits for tomorrow",
        "CLOCK   not synchronised",
        "a damaged spool is kept as spool.sqlite.damaged-1",
        "cannot open",
        "line    crc 2",
    ):
        assert said in text
    silent = as_text(status(device={"state": "never", "last_good_age_s": None, "faults": {"timeout": 8}}))
    assert silent.endswith("never   never        reads 17      timeout 8")


def test_it_is_read_from_the_file_with_its_age(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"gateway": "gw-1"}))
    assert read_status(path)["alive"] is True
    then = time.time() - STALE_S - 5
    os.utime(path, (then, then))
    found = read_status(path)
    assert (found["alive"], found["gateway"]) == (False, "gw-1")
    assert found["file_age_s"] == pytest.approx(STALE_S + 5, abs=2)


def test_values_have_their_names_in_files_of_this_agent_and_of_older_ones(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    said = {"channel": 7, "name": "level", "value": 1.5, "unit": "m", "flag": 1, "age_s": 2.0}
    for written in (said, list(said.values())):
        write_status(path, {"buses": [{"devices": [{"id": "d", "values": [written]}]}]})
        assert read_status(path)["buses"][0]["devices"][0]["values"] == [said]


@pytest.mark.parametrize("content", [None, "", '{"gateway": '])
def test_no_status_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NeverRan, match="start the agent with `headwater-edge run`"):
        read_status(path)


def test_a_full_disk_is_told_of_in_the_room_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "status.json"
    write_status(path, status())
    room, inode = path.stat().st_size, path.stat().st_ino
    assert room % 4096 == 0
    assert read_status(path)["uplink"]["trouble"] == ""

    def full(self: Path, data: bytes) -> int:
        self.touch()  # a name still fits in the folder
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for trouble in ("the disk is full: make room", ""):  # a shorter text leaves nothing of the longer one
        write_status(path, status(uplink={"trouble": trouble}))
        assert read_status(path)["uplink"]["trouble"] == trouble
        assert (path.stat().st_size, path.stat().st_ino) == (room, inode)
    with pytest.raises(OSError, match="no room"):
        write_status(path, status(uplink={"trouble": "x" * room}))
    assert read_status(path)["uplink"]["trouble"] == ""
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_a_torn_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"gateway": "gw')
    mended = threading.Timer(0.05, path.write_text, ['{"gateway": "gw-1"}'])
    mended.start()
    assert read_status(path)["gateway"] == "gw-1"
    mended.join()


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_stands_in_the_status_files_place_is_not_read(tmp_path: Path, kind: str) -> None:
    """Root asks, too, and the folder is the agent's: a pipe would hold the command, a link show what root may read."""
    at = tmp_path / "data" / "status.json"
    at.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(at)
    else:
        write_status(tmp_path / "status.json", status())
        at.symlink_to(tmp_path / "status.json")
    with pytest.raises(NeverRan, match=r"regular file|leads out of its folder"):
        read_status(at, reads=1)
