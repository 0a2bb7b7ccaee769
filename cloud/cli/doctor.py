"""`headwater-cloud doctor`: how the cloud and what it stands on are, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cloud.cli.common import ConfigPath, load_or_exit
from host.terminal import say


def doctor(
    config: ConfigPath,
    key_file: Annotated[
        Path | None, typer.Option(help="An API key with scope read: a running cloud tells it why.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one object a finding and line.")] = False,
) -> None:
    """What is wrong and what to do: clock, disk, port, broker, certificates, ledger, views, sinks. Changes nothing.

    Exit code 1: something does not work; 2: the configuration has mistakes.
    """
    from cloud.app.doctor import State, examine
    from contract.clock import SystemClock
    from host.files import read_secret

    try:  # before root acts as the cloud's user: the file is whose it is that asks
        key = read_secret(key_file) if key_file is not None else None
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{key_file}: {error}", param_hint="--key-file") from error
    found = load_or_exit(config)
    bad = False
    for finding in examine(found, SystemClock().now_ms(), key):
        bad = bad or finding.state is State.BAD
        if as_json:
            say(json.dumps(asdict(finding)))
        else:
            do = f"\n      -> {finding.do}" if finding.do else ""
            say(f"{finding.state:5} {finding.part}: {finding.what}{do}")
    raise typer.Exit(1 if bad else 0)
