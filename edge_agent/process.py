"""The agent in a process that holds the agent and nothing else.

Reading YAML and checking a whole district takes validators, parsers and garbage that an agent never needs again, and
what Python once took it seldom gives back. So `run` checks, writes what it found into a file in memory, and becomes a
fresh interpreter without the library that checks: the same process to systemd, fifteen megabytes lighter, and eighteen
where bytecode without docstrings (-OO) stands ready. See docs/decisions/edge-memory.md.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edge_agent.later import load_when_used
from edge_agent.own_folder import keep
from edge_agent.without_checks import load_models_without_checks

if TYPE_CHECKING:
    from edge_agent.config import EdgeConfig


# paho imports it for the proxies of web sockets, and with it comes http.client: half a megabyte.
UNUSED = "urllib.request"
_LEAN = ["-X", "no_debug_ranges"]  # without the columns of each instruction, half a megabyte


def hand_over(config: EdgeConfig, path: Path, log: str = "text") -> NoReturn:
    """Becomes the agent. path: of the configuration, for whoever reads the list of processes. log: see `host.logs`.

    Raises InUse.
    """
    from importlib.metadata import version  # with it come parsers of e-mail: a megabyte, which the agent does without

    keep(config.data_dir)
    file = os.memfd_create("headwater-edge")
    os.set_inheritable(file, True)
    with os.fdopen(file, "wb", closefd=False) as out:
        pickle.dump(_own_part(config), out, pickle.HIGHEST_PROTOCOL)
    # -P: else whoever may write in the folder in which root gave the command has root run what he put there.
    asked = [str(file), str(path), log, version("headwater")]
    command = [sys.executable, "-P", *_flags(), "-m", "edge_agent.process", *asked]
    os.execv(sys.executable, command)  # noqa: S606 -- ourselves, no shell


def _flags() -> list[str]:
    """-OO only where it needs no compiling: that would take seconds, and the memory that it is to save."""
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        return _LEAN
    stands = Path(importlib.util.cache_from_source(found.origin, optimization="2")).exists()
    return [*_LEAN, "-OO"] if stands else _LEAN


def _own_part(config: EdgeConfig) -> EdgeConfig:
    """Without the stations, channels, gateways and device models (and their protocols' modules) that are others'."""
    own = {c.id: c for c in config.catalogue.channels_by_gateway[config.gateway.id]}
    catalogue = replace(
        config.catalogue,
        channels=own,
        stations={c.station.id: c.station for c in own.values()},
        gateways={config.gateway.id: config.gateway},
        models={c.model.model: c.model for c in own.values()},
    )
    return replace(config, catalogue=catalogue)


def main() -> None:
    load_models_without_checks()  # before any module that has models
    load_when_used(UNUSED)
    from host.logs import LogForm, set_up
    from host.private import closed_to_others

    set_up(LogForm(sys.argv[3]))
    with os.fdopen(int(sys.argv[1]), "rb") as handed:
        handed.seek(0)
        config = pickle.load(handed)  # noqa: S301 -- from ourselves: no other process can name this file
    from edge_agent.agent import Agent

    with closed_to_others():
        asyncio.run(Agent(config, sys.argv[4]).run())


if __name__ == "__main__":
    main()
