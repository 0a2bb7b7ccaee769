"""`headwater-edge read`, `probe` and `tap`: what devices say now."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contract.documents import ConfigError
from edge_agent.cli.common import ConfigPath, progress, refuse, refuse_with, yaml_value
from host.terminal import say

if TYPE_CHECKING:
    from edge_agent.config import EdgeConfig


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


def tap(
    config: ConfigPath,
    bus: Annotated[str | None, typer.Argument(help="One bus; without it all of them.", show_default=False)] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", help="End after so many seconds.", min=0.1, show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one object a frame.")] = False,
) -> None:
    """The frames of a bus as they go by, with their meaning, until Ctrl-C. Exit code 1: there were none."""
    from edge_agent.config import load_config
    from edge_agent.technician import tap as tapping
    from edge_agent.technician.reading import NotAsked

    try:
        checked = load_config(config)
    except ConfigError as error:
        refuse(error)
    seen = 0

    async def listen() -> None:
        nonlocal seen
        with suppress(TimeoutError):
            async with asyncio.timeout(for_s), aclosing(tapping.frames(checked, bus)) as frames:  # type: ignore[type-var]
                async for frame in frames:
                    seen += 1
                    say(json.dumps(frame, ensure_ascii=False) if as_json else tapping.as_text(frame))

    try:
        asyncio.run(listen())
    except NotAsked as error:
        refuse_with(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if not seen:
        why = "a device is asked once in its period, which `headwater-edge check` tells"
        say(f"no frame came: {why}; `headwater-edge status` tells of a port that is down", err=True)
    raise typer.Exit(0 if seen else 1)


def ask_silent(config: EdgeConfig) -> None:
    """Has the running agent ask its silent devices now, and waits until its status tells of it."""
    from edge_agent.technician.reading import NotAsked
    from edge_agent.technician.silent import ask_silent_ones, silent_ones

    devices = silent_ones(config)
    try:
        with progress("asking", len(devices)) as moved:
            asyncio.run(ask_silent_ones(config, devices, lambda: moved(1)))
    except NotAsked as error:
        refuse_with(str(error))


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
