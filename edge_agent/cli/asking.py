"""`headwater-edge read` and `probe`: what a device says now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer

from contract.documents import ConfigError
from edge_agent.cli.common import ConfigPath, refuse, refuse_with, say, yaml_value


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
    from edge_agent.config import load_config
    from edge_agent.technician import reading

    try:
        checked = load_config(config)
        _ask(reading.read(checked, device, every if watch else None), as_json)
    except ConfigError as error:
        refuse(error)


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
    from edge_agent.technician.asking import asked, described

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
        refuse(error)
    _ask(asked(bus, address, [info], times, every), as_json)


def _ask(answers: AsyncIterator[dict[str, Any]], as_json: bool) -> None:
    from edge_agent.technician.reading import NotAsked, show

    logging.disable(logging.WARNING)  # what goes wrong is shown with the answers
    try:
        came = asyncio.run(show(answers, say, as_json))
    except NotAsked as error:
        refuse_with(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(0 if came else 1)
