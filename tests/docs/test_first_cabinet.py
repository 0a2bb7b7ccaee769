"""docs/first-cabinet.md: each command behind `$` runs against the simulated plant, and says what the page says.

Numbers that are measured (words of registers, milliseconds, values, ages, times) are compared by their form only. What
needs root (a user, a service) stands in blocks of their own and is not run here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until

REPO = Path(__file__).parents[2]
PAGE = REPO / "docs" / "first-cabinet.md"
PORT, HOST = "/dev/ttyUSB0", "192.168.10.11:502"
_FORMS = (
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"(?<== )[0-9A-F]{4}( [0-9A-F]{4})*\b", "WORDS"),
    (r"(?<=\[)[0-9a-f]{2}( [0-9a-f]{2})+(?=\])", "BYTES"),
    (r"(?<=\d   ) +[0-9A-F]{4}( [0-9A-F]{4})*(?=  \()", "WORDS"),
    (r"\b\d+ ms", "MS"),
    (r"\b\d+ s ago", "AGE"),
    (r"\breads \d+", "reads COUNT"),
    (r"-?\b\d+\.\d+\b", "NUMBER"),
    (r" +", " "),
)


def form(line: str) -> str:
    for pattern, word in _FORMS:
        line = re.sub(pattern, word, line)
    return line.rstrip()


def steps() -> list[tuple[str, list[str]]]:
    """Each command with what it is to say; "..." stands for any lines, and behind bytes for more of them."""
    out: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text().replace("\\\n", " "), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                out.append((line[2:], []))
            else:
                out[-1][1].append(line)
    return out


@pytest.fixture
def bench() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with the device files, and what the page's addresses are here."""
    folder = Path(tempfile.mkdtemp(prefix="hw-"))
    (folder / "configs").symlink_to(REPO / "configs")
    plant = subprocess.Popen([sys.executable, "-m", "simulators.cli", "plant"], stdout=subprocess.PIPE, text=True)
    try:
        assert plant.stdout is not None
        devices = {d["device"]: d["address"] for d in json.loads(plant.stdout.readline())["devices"]}
        yield folder, {PORT: devices["u1-level"], HOST: devices["u1-plc"]}
    finally:
        plant.terminate()
        plant.wait(60)
        shutil.rmtree(folder)


def run(command: str, folder: Path, here: dict[str, str]) -> list[str]:
    for theirs, ours in here.items():
        command = command.replace(theirs, ours)
    words = shlex.split(command)
    assert words[0] == "headwater-edge", command
    env = {**os.environ, "COLUMNS": "200"}
    command_here = [sys.executable, "-m", "edge_agent.cli", *words[1:]]
    found = subprocess.run(command_here, cwd=folder, env=env, capture_output=True, text=True, timeout=110)
    said = found.stdout + found.stderr
    for theirs, ours in here.items():
        said = said.replace(ours, theirs)
    return said.splitlines()


def _pattern(line: str) -> str:
    if line == "...":
        return "(?:.*\n)*"
    told, cut, _ = line.partition("  [01 03 06 ...")
    return re.escape(form(told)) + (".*\n" if cut else "\n")


def has_values(status: list[str]) -> bool:
    said = "\n".join(status)
    return "pass" in said and "no value yet" not in said


def same(told: list[str], came: list[str]) -> bool:
    """Whether what came is what was told; "..." may be any lines."""
    pattern = "".join(_pattern(t) for t in told)
    return re.fullmatch(pattern, "".join(form(c) + "\n" for c in came)) is not None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_says_what_the_page_says(bench: tuple[Path, dict[str, str]]) -> None:
    folder, here = bench
    agent: subprocess.Popen[bytes] | None = None
    try:
        for command, told in steps():
            if command.endswith(" &"):
                words = shlex.split(command.removesuffix(" &"))[1:]
                agent = subprocess.Popen(
                    [sys.executable, "-m", "edge_agent.cli", *words], cwd=folder, stderr=subprocess.DEVNULL
                )
                until(lambda: has_values(run("headwater-edge status site/agent.yaml", folder, here)))
                continue
            came = run(command, folder, here)
            assert same(told, came), "\n".join([command, *came])
    finally:
        if agent is not None:
            agent.terminate()
            agent.wait(60)


def test_the_page_has_commands() -> None:
    assert [shlex.split(command)[1] for command, _ in steps()] == [
        "scan",
        "probe",
        "init",
        "check",
        "run",
        "run",
        "status",
        "read",
        "tap",
    ]
