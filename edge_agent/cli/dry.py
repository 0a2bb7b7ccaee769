"""`headwater-edge run --dry`."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from edge_agent.cli.common import refuse_with
from host.logs import Plain
from host.terminal import say

if TYPE_CHECKING:
    from edge_agent.config import EdgeConfig


def run_dry(config: EdgeConfig, path: Path, for_s: float | None, once: bool, as_json: bool) -> NoReturn:
    """Reads as planned and shows it; faults go to standard error as they begin and end."""
    from edge_agent.technician.dry_run import DryRun
    from edge_agent.technician.running_agents import runs

    if runs(config):
        refuse_with(
            f"the agent runs, and a line has one master: `headwater-edge read {path} --watch` asks through it, or "
            "stop it before (systemctl stop headwater-edge)"
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("edge_agent.acquisition").setLevel(logging.INFO)

    async def reads() -> DryRun:
        dry = DryRun(config, say, as_json)
        await dry.run(for_s, once)
        return dry

    dry = asyncio.run(reads())
    say(dry.ended(), err=as_json)
    raise typer.Exit(1 if dry.without else 0)
