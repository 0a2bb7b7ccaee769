"""Which agents run on this machine, and which of them has a port: a line has one master."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.documents import ConfigError
from edge_agent.config import EdgeConfig, load_config
from edge_agent.status import NeverRan, read_status

_PROC = Path("/proc")
_MODULE = "edge_agent.process"


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """config: the file that it was started with."""

    pid: int
    config: Path


def running_agents(proc: Path = _PROC) -> list[RunningAgent]:
    """Those that this user may see, by their command lines."""
    found = []
    for folder in proc.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if _MODULE in words[1:] and (at := words.index(_MODULE)) + 2 < len(words):
                found.append(RunningAgent(int(folder.name), _absolute(folder, Path(words[at + 2]))))
        except OSError:
            continue  # it ended meanwhile
    return found


def holder(address: str) -> RunningAgent | None:
    """The running agent one of whose buses is at this address: a serial port by whatever name, or HOST:PORT."""
    for agent in running_agents():
        try:
            config = load_config(agent.config)
        except ConfigError:
            continue  # its file was changed since, or is not for us to read
        if any(_same(address, theirs) for theirs in _addresses(config)):
            return agent
    return None


def runs(config: EdgeConfig) -> bool:
    """Whether the agent of this configuration runs, by its status file."""
    try:
        return bool(read_status(config.status_path)["alive"])
    except NeverRan:
        return False


def _addresses(config: EdgeConfig) -> Iterator[str]:
    return (config.address(bus.id) for bus in config.gateway.buses)


def _same(one: str, other: str) -> bool:
    one, other = (a.removeprefix("socket://").rstrip("/") for a in (one, other))
    return one == other or (one.startswith("/") and os.path.realpath(one) == os.path.realpath(other))


def _absolute(folder: Path, config: Path) -> Path:
    if config.is_absolute():
        return config
    try:
        return (folder / "cwd").readlink() / config
    except OSError:
        return config
