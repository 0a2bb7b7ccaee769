"""From the command to a reading on the page: `headwater-sim demo` as installed, in seconds. Aim: 20.

A reading is on the page when the document that the page asks for every second shows a station's value.
"""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import IO

from simulators.processes.ending import last_words

RUNS, LONGEST_S = 2, 120


def run() -> dict[str, float | str]:
    listening, reading = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            first, second = once(Path(folder))
        listening.append(first)
        reading.append(second)
    return {
        f"command to page's address, s (mean of {RUNS})": statistics.mean(listening),
        "command to first reading on the page, s": statistics.mean(reading),
        "worst of them, s": max(reading),
    }


def once(folder: Path) -> tuple[float, float]:
    """Seconds until the page's address is printed, and until the page shows a reading."""
    began = time.monotonic()
    command = [sys.executable, "-m", "simulators.cli", "demo", "--out", str(folder / "out")]
    with (folder / "errors").open("wb") as errors:
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert demo.stdout is not None
    try:
        url = _address(demo.stdout, folder / "errors")
        listening_s = time.monotonic() - began
        threading.Thread(target=demo.stdout.read, daemon=True).start()  # so that it never waits for its reader
        while not _shows_a_reading(url):
            if time.monotonic() - began > LONGEST_S:
                raise RuntimeError(f"no reading on {url} after {LONGEST_S} s")
            time.sleep(0.05)
        return listening_s, time.monotonic() - began
    finally:
        _end(demo)


def _end(demo: subprocess.Popen[str]) -> None:
    """The first Ctrl-C ends the storm and brings the report, the next takes the page down."""
    for _ in range(20):
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(4)
        except subprocess.TimeoutExpired:
            continue
        return
    demo.kill()


def _address(text: IO[str], errors: Path) -> str:
    said = []
    for line in text:
        said.append(line)
        found = re.search(r"page: (http://\S+)", line)
        if found:
            return found[1]
    raise RuntimeError(
        f"the demonstration ended before it printed its page's address: {''.join(said[-8:])}{last_words(errors)}"
    )


def _shows_a_reading(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/page/state", timeout=10) as answer:  # noqa: S310 -- our own page
        state = json.load(answer)
    return any(station["value"] is not None for station in state["stations"])
