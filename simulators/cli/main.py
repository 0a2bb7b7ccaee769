"""`headwater-sim`: a district that floods, on this machine."""

from __future__ import annotations

import asyncio
import json
import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contract.documents import ConfigError
from simulators.cli.month import month
from simulators.shipped import DISTRICT
from simulators.storms.storms import Storm, parse_storm

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
app.command()(month)

DistrictFolder = Annotated[
    Path,
    typer.Option("--district", help="A catalogue with its simulation.yaml.", show_default="configs/districts/jinshui"),
]
StormText = Annotated[str, typer.Option("--storm", help="zhengzhou-2021, chicago:p=20,hours=2, csv:PATH or none.")]
# What a user can mend: a file, a folder, a program, a number. Anything else is a defect, and shows its traceback.
_REFUSALS = (ConfigError, ValueError, OSError, RuntimeError)
Speed = Annotated[float, typer.Option(min=0.1, max=600, help="Storm seconds per real second.")]


class Of(StrEnum):
    """Which promise."""

    READINGS = "readings"
    WARNINGS = "warnings"


@app.command()
def demo(
    storm: StormText = "zhengzhou-2021",
    speed: Speed = 60.0,
    seed: Annotated[int, typer.Option(help="Of the instruments' noise.")] = 0,
    hours: Annotated[
        float | None, typer.Option(min=0.1, max=8760, help="Storm hours to play; else until it is dry.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No page kept up; one JSON object at the end.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for what the run leaves.")] = Path("demo-out"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 for any.")] = 0,
    district: DistrictFolder = DISTRICT,
    faults: Annotated[
        str, typer.Option(help="Of its instruments, with commas between: pumps, gauge, car, mains, echo, gateway.")
    ] = "",
) -> None:
    """Plays a storm through sensors, gateways and the cloud, then audits every reading."""
    from simulators.demo.district import Scene
    from simulators.demo.run import Demo
    from simulators.demo.troubles import of_text

    logging.basicConfig(level=logging.WARNING)
    chosen = _storm(storm)

    try:
        scene = Scene(district, out, chosen, speed, seed, port, troubles=of_text(faults))

        async def play() -> int:
            return await Demo(scene, hours, headless).run()

        code = asyncio.run(play())
    except _REFUSALS as error:
        raise _refused(error) from error
    raise typer.Exit(code)


@app.command()
def audit(folder: Annotated[Path, typer.Argument(help="What `demo` wrote; its cloud must not run.")]) -> None:
    """Truth against store: lost, doubled and altered must be 0."""
    from simulators.audit.run_folder import audit as run

    try:
        found = run(folder)
    except (OSError, ConfigError, ValueError, LookupError) as error:
        typer.echo(f"{folder} cannot be audited: {error}: give the --out folder of a demo that ended", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(found.as_json()))
    raise typer.Exit(0 if found.good else 1)


@app.command()
def faults(
    seed: Annotated[int, typer.Option(help="Of the first run.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="With this seed and those that follow it.")] = 1,
    storm: StormText = "zhengzhou-2021",
    speed: Speed = 60.0,
    span: Annotated[float, typer.Option(min=1, max=86_400, help="Real seconds a run in which faults happen.")] = 12.0,
    out: Annotated[Path, typer.Option(help="Folder for the runs that fail.")] = Path("faults-out"),
    keep: Annotated[bool, typer.Option("--keep", help="The folders of good runs, too.")] = False,
    clocks: Annotated[bool, typer.Option("--clocks", help="The gateways' clocks go wrong, too.")] = False,
    centre: Annotated[
        bool, typer.Option("--centre", help="The warning centre fails for a while, and the rules are changed.")
    ] = False,
    flood: Annotated[
        bool, typer.Option("--flood", help="One gateway floods: for the span alone, then while faults happen.")
    ] = False,
    district: DistrictFolder = DISTRICT,
) -> None:
    """Real agents, mosquitto and cloud in a storm, killed and cut off at random moments; each run is audited."""
    from simulators.cli.faults import run
    from simulators.faults.run import Stage

    logging.basicConfig(level=logging.WARNING)
    try:
        code = run(Stage(district, out, _storm(storm), speed, span, clocks, centre, flood), seed, runs, keep)
    except _REFUSALS as error:
        raise _refused(error) from error
    raise typer.Exit(code)


@app.command()
def plant(
    district: DistrictFolder = DISTRICT,
    storm: Annotated[str | None, typer.Option(help="As of `demo`; without one the water stands still.")] = None,
    speed: Speed = 1.0,
    seed: Annotated[int, typer.Option(help="Of the instruments' noise.")] = 0,
) -> None:
    """The devices alone: prints addresses and register tables as JSON, then serves."""
    from simulators.cli.plant import serve

    try:
        asyncio.run(serve(district, _storm(storm) if storm else None, speed, seed))
    except _REFUSALS as error:
        raise _refused(error) from error


@app.command()
def promise(
    of: Annotated[
        Of, typer.Option("--of", help="readings: none lost, none doubled. warnings: right, and said once.")
    ] = (Of.READINGS),
    seeds: Annotated[int, typer.Option(min=1, help="How many runs.")] = 1000,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1,
    bug: Annotated[
        str | None, typer.Option(help="Plant a mistake, to see it found; see bugs.py in simulators/promise.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
    trace: Annotated[bool, typer.Option("--trace", help="Every step of the first seed.")] = False,
) -> None:
    """One of the two promises under a virtual clock and seeded faults; one JSON line last, exit 1 if a seed breaks."""
    from simulators.cli.promise import run

    code = run(of.value, seeds, first, bug, workers, trace)
    raise typer.Exit(code)


@app.command()
def schema() -> None:
    """JSON Schema of simulation.yaml, for an editor: what may stand in it. To standard output."""
    from contract.catalogue.json_schema import schema_of_model
    from simulators.catchment.signals import Simulation

    typer.echo(json.dumps(schema_of_model(Simulation), indent=1))


@app.command()
def storm(text: Annotated[str, typer.Argument(metavar="STORM")]) -> None:
    """A storm as CSV: time, mm in the interval, and whether that figure is reconstructed."""
    from contract.clock import iso

    found = _storm(text)
    typer.echo("time,mm,reconstructed")
    for i, mm in enumerate(found.mm):
        at = iso(found.start_ms + i * found.interval_s * 1000)
        typer.echo(f"{at},{mm:.4f},{str(found.reconstructed[i]).lower()}")


def _refused(error: Exception) -> typer.Exit:
    """Says why, for the caller to raise."""
    typer.echo(str(error), err=True)
    return typer.Exit(2)


def _storm(text: str) -> Storm:
    try:
        return parse_storm(text)
    except ValueError as error:
        raise _refused(error) from error
