"""Which agents run on this machine, and which of them has a port: a line has one master."""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from contract.documents import ConfigError
from edge_agent.config import EdgeConfig, load_config
from edge_agent.status import NeverRan, read_status

_PROC = Path("/proc")
_MODULE = "edge_agent.process"
_SERVICE = "headwater"  # as in configs/systemd/headwater-edge.service


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """config: the file that it was started with."""

    pid: int
    config: Path


def believed() -> frozenset[int]:
    """The users whose processes we take for agents: root, the service's, and whoever asks. Any other user could start
    one that looks like an agent, and name a file for us to read or a port for us to leave alone."""
    found = {0, os.geteuid()}
    with suppress(KeyError):
        found.add(pwd.getpwnam(_SERVICE).pw_uid)
    return frozenset(found)


def running_agents(proc: Path = _PROC, users: Collection[int] | None = None) -> list[RunningAgent]:
    """Those that this user may see, by their command lines. users: whose; those of `believed` if not given."""
    of = believed() if users is None else users
    found = []
    for folder in proc.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            config = _config(words)
            if config is not None and folder.stat().st_uid in of:
                found.append(RunningAgent(int(folder.name), _absolute(folder, config)))
        except OSError:
            continue  # it ended meanwhile
    return found


def _config(words: Sequence[str]) -> Path | None:
    """The file of an agent with this command line: `python [flags] -m edge_agent.process FILE CONFIG ...`
    (`edge_agent.process.hand_over`); None: it is something else."""
    with suppress(ValueError):
        at = words.index("-m")
        flags, of_module = words[1:at], words[at + 1 :]
        options = [word for before, word in pairwise(["", *flags]) if before != "-X"]  # the value of -X is a word too
        ours = all(word.startswith("-") for word in options) and of_module[:1] == [_MODULE]
        if ours and len(of_module) > 2 and of_module[2]:
            return Path(of_module[2])
    return None


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
