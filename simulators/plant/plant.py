"""The whole plant of a district: every device of its catalogue, on ports and ptys of this machine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymodbus import FramerType

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.devices import Bus, Device, Register, SerialBus
from contract.catalogue.quantities import Quantity
from contract.clock import Clock
from firmware_bridge.modbus import (
    ModbusModel,
    ModbusRtuBus,
    ModbusRtuOverTcpBus,
    ModbusSerialBus,
    ModbusTcpBus,
)
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.node import NodeBus
from firmware_bridge.raw_numbers import Words, span
from firmware_bridge.registers import value_of
from simulators.catchment.signals import Signals, Simulation
from simulators.plant.instruments import build
from simulators.plant.line import LineFaults, SerialLine
from simulators.plant.modbus import DeviceFaults, ModbusUnit, Values, serial_server, tcp_server, words_held
from simulators.plant.plc import Station
from simulators.plant.radio import RadioBridge, RadioNode
from simulators.plant.truth import TruthRecorder

_CONTROL_S = 5.0
_FLUSH_S = 0.5


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """Where a device is to be reached, and what it holds now."""

    device: str
    bus: str
    kind: str
    address: str
    unit: int | str
    model: str
    registers: list[dict[str, Any]]


class Plant:
    """`start`, then it serves until `stop`. line_faults and device_faults are for tests: change them while it runs."""

    def __init__(
        self,
        catalogue: Catalogue,
        simulation: Simulation,
        signals: Signals,
        clock: Clock,
        seed: int = 0,
        truth: TruthRecorder | None = None,
    ) -> None:
        self._catalogue, self._simulation, self._signals, self._clock = catalogue, simulation, signals, clock
        self._seed, self._truth = seed, truth
        self._channels = {(c.device.id, c.register.name): c.id for c in catalogue.channels.values()}
        self.stations: dict[str, Station] = {}
        self.device_faults: dict[str, DeviceFaults] = {}
        self.line_faults: dict[str, LineFaults] = {}
        self.nodes: dict[str, RadioNode] = {}
        self._values: dict[str, Values] = {}
        self._addresses: dict[str, str] = {}
        self._stops: list[Callable[[], Any]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> list[DeviceAddress]:
        for gateway in self._catalogue.gateways.values():
            for bus in gateway.buses:
                for device in bus.devices:
                    self._values[device.id] = self._make(device)
                await self._open(bus)
        self._cycle(0.0)  # so that what the controllers hold is true from the first answer
        self._tasks.append(asyncio.create_task(self._control()))
        self._tasks.append(asyncio.create_task(self._flush()))
        return self.devices()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stop in reversed(self._stops):
            result = stop()
            if asyncio.iscoroutine(result):
                await result
        if self._truth is not None:
            self._truth.flush()

    def addresses(self) -> dict[str, str]:
        """Bus id -> host:port, or the pty the gateway opens."""
        return dict(self._addresses)

    def devices(self) -> list[DeviceAddress]:
        out = []
        for gateway in self._catalogue.gateways.values():
            for bus in gateway.buses:
                for device in bus.devices:
                    table = self._table(device)
                    where = self._addresses[bus.id]
                    out.append(DeviceAddress(device.id, bus.id, bus.kind, where, device.unit, device.model, table))
        return out

    def alter(self, device: str, change: Callable[[Mapping[str, float]], Mapping[str, float]]) -> None:
        """From now on a Modbus device holds what `change` makes of its registers, by name."""
        held = self._values[device]
        self._values[device] = lambda: change(held())

    # --- making ---

    def _make(self, device: Device) -> Values:
        model = self._catalogue.models[device.model]
        self.device_faults[device.id] = DeviceFaults()
        if device.id in self._simulation.pumps:
            station = self.stations[device.id] = Station()
            return station.registers
        names = self._simulation.signals.get(device.id, {})
        return build(model, self._signals, names, f"{self._seed}:{device.id}")

    async def _open(self, bus: Bus) -> None:
        if isinstance(bus, NodeBus):
            self._open_radio(bus)
        elif isinstance(bus, ModbusTcpBus | ModbusRtuOverTcpBus):
            framer = FramerType.SOCKET if isinstance(bus, ModbusTcpBus) else FramerType.RTU
            tcp = tcp_server(self._units(bus), framer=framer)
            await tcp.serve_forever(background=True)
            server: Any = tcp.transport  # typed by the library as its base class
            host, port = server.sockets[0].getsockname()[:2]
            self._addresses[bus.id] = f"{host}:{port}"
            self._stops.append(tcp.shutdown)
        elif isinstance(bus, ModbusSerialBus):
            line = self._line(bus)
            framer = FramerType.RTU if isinstance(bus, ModbusRtuBus) else FramerType.ASCII
            on_line = serial_server(self._units(bus), line.device_path, bus.baud_rate, framer)
            await on_line.serve_forever(background=True)
            self._stops.append(on_line.shutdown)
        else:
            raise ValueError(f"bus {bus.id!r}: the plant has no devices that speak {bus.protocol}")

    def _units(self, bus: ModbusTcpBus | ModbusRtuOverTcpBus | ModbusSerialBus) -> list[ModbusUnit]:
        by_unit: dict[int, list[Device]] = {}
        for d in bus.devices:
            by_unit.setdefault(d.unit, []).append(d)
        return [self._unit(unit, devices) for unit, devices in by_unit.items()]

    def _unit(self, unit: int, devices: list[Device]) -> ModbusUnit:
        """One unit, of whatever models it is read by."""
        model = self._catalogue.models[devices[0].model]
        assert isinstance(model, ModbusModel)  # the catalogue has no other on a Modbus bus
        named = {f"{d.id}.{r.name}": (d.id, r) for d in devices for r in self._registers(d)}
        registers = tuple(r.model_copy(update={"name": name}) for name, (_, r) in named.items())

        def values() -> Mapping[str, float]:
            held = {d.id: self._values[d.id]() for d in devices}
            return {name: held[device].get(r.name, 0.0) for name, (device, r) in named.items()}

        def served(register: ModbusRegister, value: float) -> None:
            device, r = named[register.name]
            self._record(device, r.name, value)

        one = model.model_copy(update={"registers": registers})
        return ModbusUnit(unit, one, values, served, self.device_faults[devices[0].id])

    def _registers(self, device: Device) -> list[ModbusRegister]:
        """A device's registers as that instrument has them."""
        registers = [
            r.of_instrument(device.registers[r.name]) if r.name in device.registers else r
            for r in self._catalogue.models[device.model].registers
        ]
        return [r for r in registers if isinstance(r, ModbusRegister)]

    def _open_radio(self, bus: NodeBus) -> None:
        line = self._line(bus)
        nodes = []
        for d in bus.devices:
            period_s = d.period_s or self._catalogue.models[d.model].period_s
            node = RadioNode(d.unit, period_s, self._values[d.id], partial(self._record, d.id))
            self.nodes[d.id] = node
            nodes.append(node)
        bridge = RadioBridge(line.device_path, nodes, self._clock, f"{self._seed}:{bus.id}")
        self._tasks.append(asyncio.create_task(bridge.run()))

    def _line(self, bus: SerialBus) -> SerialLine:
        faults = self.line_faults[bus.id] = LineFaults()
        line = SerialLine(bus.baud_rate, f"{self._seed}:{bus.id}", faults)
        line.start()
        self._addresses[bus.id] = line.master_path
        self._stops.append(line.stop)
        return line

    # --- serving ---

    def _record(self, device: str, name: str, value: float) -> None:
        channel = self._channels.get((device, name))
        if self._truth is not None and channel is not None and not math.isnan(value):
            self._truth.record(self._clock.now_ms(), channel, value)

    async def _control(self) -> None:
        """The PLCs' own programs, and their pumps."""
        last_ms = self._clock.now_ms()
        while True:
            now_ms = self._clock.now_ms()
            self._cycle((now_ms - last_ms) / 1000)
            last_ms = now_ms
            await self._clock.sleep(_CONTROL_S)

    def _cycle(self, elapsed_s: float) -> None:
        for device, station in self.stations.items():
            signal = self._simulation.signals[device]["wet_well"]
            station.step(self._signals.value(signal), elapsed_s)
            for link, pump in zip(self._simulation.pumps[device], station.pumps, strict=True):
                self._signals.set_pump(link, float(pump.running))

    async def _flush(self) -> None:
        while True:
            if self._truth is not None:
                self._truth.flush()
            await asyncio.sleep(_FLUSH_S)

    def _table(self, device: Device) -> list[dict[str, Any]]:
        model = self._catalogue.models[device.model]
        values = self._values[device.id]()
        registers = self._registers(device)
        words = words_held(registers, values)
        return [_row(r, values, words) for r in registers or model.registers]


def _row(register: Register, values: Mapping[str, float], words: Words) -> dict[str, Any]:
    row: dict[str, Any] = {"name": register.name, "quantity": register.quantity.value}
    if isinstance(register, ModbusRegister):
        number, table = register.numbers()[0]
        place = span(number, table)
        row |= {
            "table": table.value,
            "address": number.address,
            "type": number.type.value,
            "order": number.order,
            "words": [words[table, at] for at in range(place.address, place.end)],
            "value": value_of(register, words),
        }
    else:
        row["value"] = values[register.name]
    if register.quantity is Quantity.CODE:
        row["note"] = "error word; 0 is no error"
    return row
