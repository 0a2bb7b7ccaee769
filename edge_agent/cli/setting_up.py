"""`headwater-edge init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contract.documents import ConfigError
from edge_agent.cli.common import refuse, refuse_with
from host.terminal import say

if TYPE_CHECKING:
    from edge_agent.technician.first_config import ChosenDevice


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if need be.", show_default=False)] = Path(),
    address: Annotated[
        str | None, typer.Option(help="Of the bus: a serial port, or HOST:PORT.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Of the bus; else modbus_rtu or modbus_tcp, by its address.", show_default=False)
    ] = None,
    baud_rate: Annotated[int | None, typer.Option(help="Of a serial line; else 9600.", show_default=False)] = None,
    parity: Annotated[str | None, typer.Option(help="N, E or O; else N.", show_default=False)] = None,
    stop_bits: Annotated[int | None, typer.Option(help="1 or 2; else 1.", show_default=False)] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(help="MODEL:UNIT[:NAME], again for more; a name, number or file.", show_default=False),
    ] = None,
    devices: Annotated[
        Path | None, typer.Option(help="Where the device files are; else configs/devices.", show_default=False)
    ] = None,
    station: Annotated[str | None, typer.Option(help="Name of the place.", show_default=False)] = None,
    station_kind: Annotated[
        str | None, typer.Option(help="street, underpass, rain, river, ...; else by the device.", show_default=False)
    ] = None,
    lat: Annotated[float | None, typer.Option(help="Of the place, degrees.", show_default=False)] = None,
    lon: Annotated[float | None, typer.Option(help="Of the place, degrees.", show_default=False)] = None,
    gateway: Annotated[str, typer.Option(help="Id of this gateway.")] = "gw-1",
    district: Annotated[str, typer.Option(help="Name of the district.")] = "site",
    adcode: Annotated[str, typer.Option(help="Of the district (GB/T 2260).")] = "000000",
    broker: Annotated[str, typer.Option(help="HOST:PORT of the cloud's broker.")] = "127.0.0.1:1883",
    data_dir: Annotated[str, typer.Option(help="Where the agent keeps its spool.")] = "data",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Write a first configuration that passes `check`; asks for what the options do not say."""
    from edge_agent.technician.first_config import FirstConfig, NotWritten, chosen, device_files, write

    try:
        files = device_files(devices, device or ())
        address = address or _asked("Port of the bus (/dev/ttyUSB0, or HOST:PORT)", "--address")
        kind = kind or ("modbus_rtu" if "/" in address else "modbus_tcp")
        bus = _bus(kind, baud_rate, parity, stop_bits, guided=not device)
        picked = [chosen(text, files) for text in device] if device else _picked(files)
        station = station or _asked("Name of the place", "--station", "station-1")
        lat = lat if lat is not None else float(_asked("Its latitude, degrees", "--lat", kind=float))
        lon = lon if lon is not None else float(_asked("Its longitude, degrees", "--lon", kind=float))
        config = FirstConfig(
            gateway=gateway,
            kind=kind,
            address=address,
            devices=tuple(picked),
            lat=lat,
            lon=lon,
            station=station,
            station_kind=station_kind,
            district=district,
            adcode=adcode,
            data_dir=data_dir,
            bus=bus,
            broker=_broker(broker),
        )
        written = write(config, folder, overwrite)
    except ConfigError as error:
        refuse(error)
    except NotWritten as error:
        refuse_with(str(error))
    for path in written:
        say(f"wrote {path}")
    agent = folder / "agent.yaml"
    say("next:")
    for command in ("check", "run --dry --once"):
        name, _, options = command.partition(" ")
        say(f"  headwater-edge {name} {agent} {options}".rstrip())


def _bus(kind: str, baud_rate: int | None, parity: str | None, stop_bits: int | None, guided: bool) -> dict[str, Any]:
    """Settings of a serial line; of another kind none may be given."""
    given = {"baud_rate": baud_rate, "parity": parity and parity.upper(), "stop_bits": stop_bits}
    if kind in ("modbus_rtu", "modbus_ascii", "node_serial") and guided and baud_rate is None and parity is None:
        given["baud_rate"] = int(_asked("Speed of the line, baud", "--baud-rate", 9600, kind=int))
        given["parity"] = str(_asked("Its parity (N, E or O)", "--parity", "N")).upper()
    return {name: value for name, value in given.items() if value is not None}


def _picked(files: list[Path]) -> list[ChosenDevice]:
    from edge_agent.technician.first_config import NotWritten, device_of

    for n, file in enumerate(files, 1):
        say(f"{n:>3}  {file.stem}")
    picked: list[ChosenDevice] = []
    while not picked or typer.confirm("Another device on this bus?", default=False):
        model = _asked("Device file, by number or name", "--device")
        unit = _asked("Its unit", "--device")
        name = _asked("A name for it", "--device", f"device-{len(picked) + 1}")
        try:
            picked.append(device_of(model, unit, name, files))
        except NotWritten as error:
            say(str(error))
    return picked


def _broker(text: str) -> dict[str, Any]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        refuse_with(f"--broker {text!r} is not HOST:PORT, such as mqtt.example.org:8883")
    return {"host": host, "port": int(port)}


def _asked(what: str, option: str, default: object = None, kind: Any = str) -> str:
    """Asks for what an option would say; where nobody answers, names the option."""
    try:
        return str(typer.prompt(what, default=default, type=kind))
    except typer.Abort:
        say("", err=True)
        refuse_with(f"nothing was written: say it with {option}")
