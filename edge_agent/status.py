"""The agent's status file, and what `headwater-edge status` shows of it: it works with the agent dead.

The file is padded with blanks to room that it keeps, so that a full disk can be told of: then it is written in place.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from contract.clock import iso
from edge_agent.last_values import flag_words, named, shown
from host.files import read_given

STALE_S = 30.0
_MODE = 0o640  # technicians of the group read it, whatever the umask
_LONGEST = 1 << 26  # bytes; a device takes some 500
_ROOM = 4096  # the file's size is a multiple: a disk gives whole blocks
_READS, _PAUSE_S = 5, 0.05  # in place is not at once: a torn file is read again


class NeverRan(Exception):
    """There is no status file: the agent has not run with this configuration."""


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Replaces the file as a whole; on a full disk overwrites it in place, in the blocks it has. Raises OSError."""
    text = json.dumps(status).encode()  # every two seconds: with indents it would take ten times as long
    fresh = path.with_suffix(".new")
    try:
        # Half as much again: what is to be said of a full disk is longer than what is said on a calm day.
        fresh.write_bytes(text.ljust(-(-len(text) * 3 // 2 // _ROOM) * _ROOM))
        fresh.chmod(_MODE)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        _overwrite(path, text)


def _overwrite(path: Path, text: bytes) -> None:
    with path.open("r+b", buffering=0) as file:
        room = os.fstat(file.fileno()).st_size
        if len(text) > room:
            raise OSError(errno.ENOSPC, f"no room to write {len(text)} bytes anew, nor within the {room} it has")
        file.write(text.ljust(room))


def read_status(path: Path, reads: int = _READS) -> dict[str, Any]:
    """The last status, with `file_age_s` (real seconds) and `alive`. reads: of a file that is torn. Raises NeverRan."""
    for left in reversed(range(reads)):
        try:
            status: dict[str, Any] = json.loads(read_given(path, _LONGEST))
            age_s = time.time() - path.stat().st_mtime
            if not isinstance(status, dict):
                raise ValueError("it holds no status")
            with suppress(LookupError, TypeError, AttributeError):  # of a damaged one `as_text` says so
                for device in (d for bus in status.get("buses", ()) for d in bus["devices"] if "values" in d):
                    device["values"] = [named(v) for v in device["values"]]
            break
        except (OSError, ValueError, RecursionError) as error:
            # An agent that writes in place is in the midst of it; a file that nobody writes is damaged.
            if not left or not isinstance(error, ValueError) or not _young(path):
                raise NeverRan(f"{path}: {error}: start the agent with `headwater-edge run`") from error
            time.sleep(_PAUSE_S)
    status["file_age_s"] = round(age_s, 1)
    status["alive"] = age_s < STALE_S and not status.get("ended", False)
    return status


def _young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < STALE_S
    except OSError:
        return False


def as_text(status: dict[str, Any]) -> str:
    """Raises NeverRan when the file holds something else than an agent's status."""
    try:
        return _text(status)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        what = (
            f"the status file is damaged ({type(error).__name__}: {error}): a running agent writes it anew in seconds"
        )
        raise NeverRan(what) from error


def _text(status: dict[str, Any]) -> str:
    up = status["uplink"]
    lines = [
        f"gateway {status['gateway']}  version {status['version']}  "
        + ("running" if status["alive"] else f"NOT RUNNING: last heard {status['file_age_s']:.0f} s ago"),
        f"link    {up['broker']}  " + ("connected" if up["connected"] else f"DOWN: {up['trouble']}"),
        f"ack     {iso(up['last_ack_ms']) if up['last_ack_ms'] else 'never'}",
        "spool   "
        + "  ".join(f"{lane} {n}" for lane, n in up["waiting"].items())
        + f"  {up['spool_bytes'] / 1024:.0f} KiB  in flight {up['in_flight']}",
        "counts  " + ("  ".join(f"{k} {v}" for k, v in status["readings"].items()) or "nothing read yet"),
    ]
    if status.get("simulated"):
        lines.append("SIMULATED: warnings that rest on its readings are exercises")
    if up["refused"]:
        lines.append("REFUSED " + "  ".join(f"{k} {v}" for k, v in up["refused"].items()))
    ages = "  ".join(f"{lane} {s / 3600:.1f} h" for lane, s in up.get("oldest_age_s", {}).items() if s >= 3600)
    if ages:
        lines.append(f"oldest  {ages}")
    if up.get("thinned") or up["dropped"]:
        lines.append(
            f"SPOOL   readings given up for want of room: thinned {up.get('thinned', 0)}, dropped {up['dropped']}"
        )
    if up.get("disk_trouble") or up["lost_to_full_disk"]:
        why = up.get("disk_trouble", up["trouble"])
        lines.append(f"DISK    held in memory {up['held_in_memory']}, lost {up['lost_to_full_disk']}: {why}")
    if up.get("bytes_per_day"):
        kept = f": {up['kept_back']} waits for tomorrow" if up["kept_back"] else ""
        lines.append(f"budget  {up['bytes_today'] / 1e6:.1f} of {up['bytes_per_day'] / 1e6:.1f} MB today{kept}")
    if up.get("clock"):
        lines.append(f"CLOCK   {up['clock']}")
    if up["spool_set_aside"]:
        lines.append(f"SPOOL   a damaged spool is kept as {up['spool_set_aside']}")
    if up.get("spool_renamed"):
        lines.append(
            "SPOOL   took a new name, because the cloud knew numbers that it never gave: an old copy was put back, "
            "this disk was cloned, or somebody spoke in its name"
        )
    for bus in status["buses"]:
        lines.extend(_bus_lines(bus))
    return "\n".join(lines)


def _bus_lines(bus: dict[str, Any]) -> list[str]:
    lines = [f"\nbus {bus['id']}  {bus['kind']}  {bus['address']}  {bus['trouble']}".rstrip()]
    if traffic := bus.get("traffic"):
        used = f"used {bus['utilisation']:.0%}  retries {bus['retries']}"
        lines.append(f"  traffic {used}  " + "  ".join(f"{k} {v}" for k, v in traffic.items()))
    if bus["line_faults"]:
        lines.append("  line    " + "  ".join(f"{k} {v}" for k, v in bus["line_faults"].items()))
    for d in bus["devices"]:
        lines.append(_device_line(d))
        lines.extend(_value_line(v) for v in d.get("values", ()))
        lines.extend(f"    note: {note}" for note in d.get("notes", ()))
    return lines


def _value_line(v: dict[str, Any]) -> str:
    if v["age_s"] is None:
        return f"    {v['name']:<16} no value yet"
    what, flag = shown(v["value"], v["unit"]), flag_words(v["flag"])
    return f"    {v['name']:<16} {what:<14} {flag:<14} {v['age_s']:.0f} s ago"


def _device_line(d: dict[str, Any]) -> str:
    age = "never" if d["last_good_age_s"] is None else f"{d['last_good_age_s']:.0f} s ago"
    faults = "  ".join(f"{k} {v}" for k, v in d["faults"].items())
    fault = f"  {d['last_fault']}" if d["last_fault"] else ""
    if d.get("back_off_s"):
        fault += f" (asked again in {d['next_ask_s']:.0f} s, every {d['back_off_max_s']:.0f} s at least)"
    return (
        f"  {d['id']:<16} unit {d['unit']:<3} {d['state']:<7} {age:<12} reads {d['reads']:<7} {faults}{fault}".rstrip()
    )
