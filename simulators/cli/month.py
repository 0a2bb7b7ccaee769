"""`headwater-sim month`: history to try questions on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from host.terminal import say
from simulators.shipped import DISTRICT


def month(
    seed: Annotated[int, typer.Option(help="The same seed makes the same month.")] = 1,
    to: Annotated[Path, typer.Option(help="Folder for month.csv, mapping.yaml and truth.json.")] = Path("month-out"),
    year: Annotated[int, typer.Option(min=1971, max=2037)] = 2021,
    number: Annotated[int, typer.Option("--month", min=1, max=12)] = 7,
    days: Annotated[int | None, typer.Option(min=1, max=31, help="The first ones only.")] = None,
    district: Annotated[Path, typer.Option(help="A catalogue.", show_default="configs/districts/jinshui")] = DISTRICT,
) -> None:
    """Makes a month of a district by a seed, as a table for `headwater-cloud import`: storms, wet roads, pumps, and
    gauges exchanged, gateways lost, sensors that died. truth.json says what was made to go wrong."""
    from contract.documents import ConfigError
    from host.district_folder import load
    from simulators.month.files import write

    try:
        done = write(load(district), seed, year, number, days, to)
    except (ConfigError, OSError) as error:
        say(str(error), err=True)
        raise typer.Exit(2) from error
    say(json.dumps(done))
    say(f"headwater-cloud import {to}/month.csv --mapping {to}/mapping.yaml --config CLOUD.yaml", err=True)
