"""Asking devices at once: of a bus that nobody else reads, and what is shown of the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.channel_settings import Quality
from contract.catalogue.devices import Bus, DeviceModel
from contract.catalogue.loader import device_file
from contract.catalogue.names import NameText
from contract.catalogue.places import Station, StationKind
from contract.clock import SystemClock
from contract.documents import ConfigError, Document, validate
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.table import MODULES
from edge_agent.last_values import flag_words, raw, shown
from firmware_bridge.modbus import IdentityText, ModbusModel
from firmware_bridge.protocols import PROTOCOLS
from host.yaml_config import read_yaml

LONGEST_S = 120.0  # a poll with all its tries, rests and time-outs

# As `edge_agent.acquisition.asked_now.AskedNow.as_json` gives it.
Answered = dict[str, Any]


def described(file: Path, kind: str, address: str, settings: dict[str, Any], unit: int | str) -> tuple[Bus, DeviceInfo]:
    """A bus and the one device on it, of which only the device file is known.

    settings: of the bus, beside kind and address. Every register of the file is read. Raises ConfigError.
    """
    model = _model_of(file)
    options = Path("the options")
    if kind not in PROTOCOLS.bus_models:
        document = Document(options, {})
        raise ConfigError(
            [document.mistake((), f"no kind of bus {kind!r}: there are {', '.join(PROTOCOLS.bus_models)}")]
        )
    device = {"id": model.model, "model": model.model, "unit": unit}
    document = Document(options, {"id": "probe", "kind": kind, "address": address, "devices": [device], **settings})
    bus = validate(document, PROTOCOLS.bus_models[kind])
    mistakes = list(document.mistakes)
    if bus is not None:
        unfit = (PROTOCOLS.mismatch(bus, bus.devices[0], model), bus.address_trouble(address))
        mistakes += [document.mistake((), what) for what in unfit if what]
        if bus.protocol not in MODULES:
            mistakes.append(document.mistake((), f"no driver for protocol {bus.protocol!r}"))
    if bus is None or mistakes:
        raise ConfigError(mistakes)
    where = Station(id="probe", name=NameText.of("probe"), zone="probe", kind=StationKind.GULLY, lat=0, lon=0)
    channels = tuple(
        ChannelInfo(n, r.name, where, "probe", bus.id, bus.devices[0], model, r, r.quality or Quality(), r.reporting)
        for n, r in enumerate(model.registers, 1)
    )
    return bus, DeviceInfo(bus.devices[0], model, channels)


def identity_of(file: Path) -> tuple[IdentityText, ...]:
    """The texts by which a device of this file tells who it is. Raises ConfigError."""
    model = _model_of(file)
    return model.identity if isinstance(model, ModbusModel) else ()


def _model_of(file: Path) -> DeviceModel:
    read = read_yaml(file)
    model = device_file(read, PROTOCOLS)
    if model is None:
        raise ConfigError(read.mistakes)
    return model


async def asked(
    bus: Bus, address: str, devices: Sequence[DeviceInfo], times: int | None, every_s: float
) -> AsyncIterator[Answered]:
    """Each device once a round, for so many rounds (None: for ever), over a bus that this process opens for itself.

    every_s: from the beginning of one round to that of the next, real seconds.
    """
    task = BusTask(bus, [_quiet(d) for d in devices], address, SystemClock(), _nobody)
    running = asyncio.create_task(task.run())
    try:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        done = 0
        while times is None or done < times:
            await asyncio.sleep(max(next_s - loop.time(), 0.0))
            next_s += every_s
            for device in devices:
                yield await _ask(task, device)
            done += 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _ask(task: BusTask, device: DeviceInfo) -> Answered:
    name = device.device.id
    try:
        async with asyncio.timeout(LONGEST_S):
            return dict((await task.ask_now(name)).as_json())
    except TimeoutError:
        return {"device": name, "unit": device.device.unit, "reads": [], "values": [], "trouble": _no_answer(task)}


def _no_answer(task: BusTask) -> str:
    return str(task.status()["trouble"]) or f"nothing came of it in {LONGEST_S:.0f} s"


def _quiet(device: DeviceInfo) -> DeviceInfo:
    """Polled by nobody but who asks now."""
    return DeviceInfo(device.device.model_copy(update={"period_s": 86_400.0}), device.model, device.channels)


def _nobody(_readings: ReadingBatch) -> None:
    """What is read is shown, and kept nowhere."""


def good(said: Answered) -> bool:
    """Whether a value came."""
    return any(v["value"] is not None for v in said["values"])


def as_line(said: Answered) -> str:
    """For machines: one line of JSON."""
    return json.dumps(said, ensure_ascii=False)


def as_text(said: Answered) -> str:
    """For a technician: each request with its raw words, then each value."""
    lines = [f"{said['device']}  unit {said['unit']}" + (f"  {said['trouble']}" if said.get("trouble") else "")]
    lines += [f"  {name}: {text}" for name, text in said.get("identity", {}).items()]
    for r, times in _alike(said["reads"]):
        head = f"  {r['table']} {r['address']}" + (f"-{r['address'] + r['count'] - 1}" if r["count"] > 1 else "")
        came = r["fault"] if r["words"] is None else " ".join(raw(w, r["table"]) for w in r["words"])
        lines.append(f"{head:<18} {came}  ({r['ms']:.0f} ms{f', {times} times' if times > 1 else ''})")
    width = max((len(v["name"]) for v in said["values"]), default=0)
    for v in said["values"]:
        what = shown(v["value"], v["unit"])
        lines.append(f"  {v['name']:<{width}}  {what:<14} {flag_words(v['flag'])}".rstrip())
        unit = "" if v["unit"] == "1" else f" {v['unit']}"
        lines += [f"  {'':<{width}}  {other}{unit}" for other in v.get("otherwise", ())]
    return "\n".join(lines)


def _alike(reads: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], int]]:
    """Each request with how often it came to the same fault in a row, and then the last of them."""
    for fault, group in groupby(reads, lambda r: r["fault"] and (r["table"], r["address"], r["count"], r["fault"])):
        same = list(group)
        yield from [(same[-1], len(same))] if fault else [(r, 1) for r in same]
