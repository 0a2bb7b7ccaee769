"""What `headwater-edge status` shows: read from the agent's status file, so it works with the agent dead."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from contract.clock import iso

STALE_S = 30.0


class NeverRan(Exception):
    """There is no status file: the agent has not run with this configuration."""


def read_status(path: Path) -> dict[str, Any]:
    """The last status, with `file_age_s` (real seconds) and `alive`. Raises NeverRan."""
    try:
        status: dict[str, Any] = json.loads(path.read_text())
        age_s = time.time() - path.stat().st_mtime
        if not isinstance(status, dict):
            raise ValueError("it holds no status")
    except (OSError, ValueError, RecursionError) as error:
        raise NeverRan(f"{path}: {error}: start the agent with `headwater-edge run`") from error
    status["file_age_s"] = round(age_s, 1)
    status["alive"] = age_s < STALE_S
    return status


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
    if up["refused"]:
        lines.append("REFUSED " + "  ".join(f"{k} {v}" for k, v in up["refused"].items()))
    ages = "  ".join(f"{lane} {s / 3600:.1f} h" for lane, s in up["oldest_age_s"].items() if s >= 3600)
    if ages:
        lines.append(f"oldest  {ages}")
    if up["thinned"] or up["dropped"]:
        lines.append(f"SPOOL   readings given up for want of room: thinned {up['thinned']}, dropped {up['dropped']}")
    if up["disk_trouble"] or up["lost_to_full_disk"]:
        lines.append(
            f"DISK    held in memory {up['held_in_memory']}, lost {up['lost_to_full_disk']}: {up['disk_trouble']}"
        )
    if up["bytes_per_day"]:
        kept = f": {up['kept_back']} waits for tomorrow" if up["kept_back"] else ""
        lines.append(f"budget  {up['bytes_today'] / 1e6:.1f} of {up['bytes_per_day'] / 1e6:.1f} MB today{kept}")
    if up["clock"]:
        lines.append(f"CLOCK   {up['clock']}")
    if up["spool_set_aside"]:
        lines.append(f"SPOOL   a damaged spool is kept as {up['spool_set_aside']}")
    for bus in status["buses"]:
        lines.append(f"\nbus {bus['id']}  {bus['kind']}  {bus['address']}  {bus['trouble']}".rstrip())
        if bus["line_faults"]:
            lines.append("  line    " + "  ".join(f"{k} {v}" for k, v in bus["line_faults"].items()))
        lines.extend(_device_line(d) for d in bus["devices"])
    return "\n".join(lines)


def _device_line(d: dict[str, Any]) -> str:
    age = "never" if d["last_good_age_s"] is None else f"{d['last_good_age_s']:.0f} s ago"
    faults = "  ".join(f"{k} {v}" for k, v in d["faults"].items())
    fault = f"  {d['last_fault']}" if d["last_fault"] else ""
    return (
        f"  {d['id']:<16} unit {d['unit']:<3} {d['state']:<7} {age:<12} reads {d['reads']:<7} {faults}{fault}".rstrip()
    )
