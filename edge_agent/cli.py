"""`headwater-edge`: the agent on a gateway."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from contract.documents import ConfigError

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)

ConfigPath = Annotated[Path, typer.Argument(help="The agent's YAML file.", show_default=False)]


@app.command()
def run(config: ConfigPath) -> None:
    """Read the buses, spool, and send, until SIGTERM."""
    from edge_agent.config import load_config
    from edge_agent.process import hand_over

    try:
        checked = load_config(config)
    except ConfigError as error:
        _refuse(error)
    hand_over(checked, config)


@app.command()
def check(config: ConfigPath) -> None:
    """Every mistake in the configuration and its catalogue at once; else the plan of reads."""
    from edge_agent.config import load_config
    from edge_agent.drivers.table import driver_module

    try:
        checked = load_config(config, complete=True)
    except ConfigError as error:
        _refuse(error)
    for bus in checked.gateway.buses:
        typer.echo(f"{bus.id}  {bus.kind}  {checked.address(bus.id)}")
        describe = driver_module(bus.protocol).describe
        for device in checked.devices(bus.id):
            head = f"  {device.device.id}  unit {device.device.unit}  {device.model.model}  every {device.period_s:g} s"
            typer.echo(f"{head}  {describe(device)}".rstrip())
    if checked.simulated:
        typer.echo("SIMULATED: warnings that rest on its readings are exercises; take `simulated` out in a real place")
    typer.echo(f"good: {len(checked.catalogue.channels_by_gateway[checked.gateway.id])} channels")


@app.command()
def status(config: ConfigPath, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Buses, devices, last good readings, spool, link. Exit code 1: not running; 2: never ran."""
    from edge_agent.config import load_config
    from edge_agent.status import NeverRan, as_text, read_status

    try:
        found = read_status(load_config(config).status_path)
        said = json.dumps(found, indent=1) if as_json else as_text(found)
    except ConfigError as error:
        _refuse(error)
    except NeverRan as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(said)
    raise typer.Exit(0 if found["alive"] else 1)


@app.command()
def read(
    config: ConfigPath,
    device: Annotated[
        str | None, typer.Argument(help="One device; without it all of them.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="With --watch: seconds from one look to the next.", min=0.1)] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one object a poll and line.")] = False,
) -> None:
    """Ask devices now: requests, raw words, values, flags. Through the agent where one runs, never beside it."""
    from edge_agent import technician
    from edge_agent.config import load_config

    try:
        checked = load_config(config)
        _ask(technician.read(checked, device, every if watch else None), as_json)
    except ConfigError as error:
        _refuse(error)


@app.command()
def probe(
    device: Annotated[Path, typer.Option(help="Its device file.", show_default=False)],
    kind: Annotated[str, typer.Option(help="modbus_tcp, modbus_rtu, modbus_rtu_over_tcp, ...", show_default=False)],
    address: Annotated[str, typer.Option(help="HOST:PORT, or the serial port.", show_default=False)],
    unit: Annotated[int, typer.Option(help="Its unit number.", show_default=False)],
    baud_rate: Annotated[int | None, typer.Option(help="Of a serial line.", show_default=False)] = None,
    parity: Annotated[str | None, typer.Option(help="N, E or O.", show_default=False)] = None,
    stop_bits: Annotated[int | None, typer.Option(help="1 or 2.", show_default=False)] = None,
    times: Annotated[int, typer.Option(help="How often it is asked.", min=1)] = 1,
    every: Annotated[float, typer.Option(help="Seconds from one poll to the next.", min=0.0)] = 1.0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Another setting of the bus, NAME=VALUE.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one object a poll and line.")] = False,
) -> None:
    """Ask one device before anything is configured. Exit code 1: no value came."""
    from edge_agent.asking import asked, described

    given = {"baud_rate": baud_rate, "parity": parity, "stop_bits": stop_bits}
    settings: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    for text in setting or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
        settings[name] = yaml_value(value)
    try:
        bus, info = described(device, kind, address, settings, unit)
    except ConfigError as error:
        _refuse(error)
    _ask(asked(bus, address, [info], times, every), as_json)


def yaml_value(text: str) -> object:
    """As it would be read in a file: 3 is a number, true a switch."""
    import yaml

    return yaml.safe_load(text)


def _ask(answers: AsyncIterator[dict[str, Any]], as_json: bool) -> None:
    import asyncio
    import logging

    from edge_agent.technician import NotAsked, show

    logging.disable(logging.WARNING)  # what goes wrong is shown with the answers

    def say(text: str) -> None:
        typer.echo(text)
        sys.stdout.flush()

    try:
        came = asyncio.run(show(answers, say, as_json))
    except NotAsked as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(0 if came else 1)


@app.command()
def qc(
    series: Annotated[Path, typer.Argument(help="CSV with a time and a value; may be gzipped.", show_default=False)],
    config: Annotated[Path, typer.Option(help="YAML: quality settings, as a register has them.", show_default=False)],
    time: Annotated[
        str | None,
        typer.Option(help="Its column: a name, or a number from 1; date+time joins two.", show_default=False),
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="Its column: a name, or a number from 1.", show_default=False)
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="Which channel of several, or COLUMN=WHICH.", show_default=False)
    ] = None,
    tz: Annotated[
        str | None, typer.Option(help="Zone of times that have none: Asia/Shanghai, +08:00.", show_default=False)
    ] = None,
    sep: Annotated[str | None, typer.Option(help="What separates columns; \\t for a tab.", show_default=False)] = None,
    decimal: Annotated[str | None, typer.Option(help="The decimal point: . or ,", show_default=False)] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text: gbk, utf-16, ...", show_default=False)] = None,
) -> None:
    """The agent's quality tests over a recorded series; CSV to standard output, what was assumed to standard error."""
    from edge_agent.processing import qc_command as command
    from edge_agent.processing.csv_series import CsvForm

    form = CsvForm(time, value, channel, tz, sep, decimal, encoding)
    try:
        command.main(series, config, sys.stdout, sys.stderr, form)
    except ConfigError as error:
        _refuse(error)


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(help="agent, device, gateways, district, rules or response_plan.", show_default=False)
    ],
) -> None:
    """JSON Schema of a kind of file, for an editor: what may stand in it. To standard output."""
    from contract.catalogue.json_schema import KINDS, schema_of, schema_of_model
    from contract.refusing import no_such
    from edge_agent.config import ConfigFile
    from firmware_bridge.protocols import PROTOCOLS

    if kind not in ("agent", *KINDS):
        typer.echo(no_such("kind of file", kind, ("agent", *KINDS)), err=True)
        raise typer.Exit(2)
    made = schema_of_model(ConfigFile) if kind == "agent" else schema_of(kind, PROTOCOLS)
    typer.echo(json.dumps(made, indent=1))


def _refuse(error: ConfigError) -> NoReturn:
    typer.echo(error.report(), err=True)
    raise typer.Exit(2)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
