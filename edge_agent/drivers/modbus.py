"""Modbus TCP and RTU, over pymodbus: one client a bus, one request at a time.

The trap this module closes: on RTU nothing in a reply says which request it answers. After a time-out the late reply
would pass for the answer to the next question, and the shift would persist. So after any time-out or bad reply
- the bus is left silent for two time-outs, and what comes meanwhile is dropped;
- for `_DOUBT` time-outs more the unit is doubted: it is asked the same question again before any other, so that a
  reply that comes later still is one to the question that is open; and a reply of it is believed only if nothing
  follows it for one time-out, for if it was a late one then the true one does follow.
Modbus TCP matches transaction numbers and needs none of this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from contract.catalogue.devices import Bus
from contract.clock import Clock
from contract.readings import ReadingBatch
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Fault, Heard, Missing, stamp_ms
from edge_agent.drivers.read_plan import Read, plan
from firmware_bridge.modbus import ModbusModel, ModbusRtuBus
from firmware_bridge.register_types import Table
from firmware_bridge.registers import value_of

# It says at length what this module says once, by device.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

EXCEPTION_NAMES = {  # Modbus application protocol V1.1b3, 7
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}
_OF_THIS_READ = (1, 2, 3)  # the other exceptions tell of the device as a whole, or of a gateway on the way
_DOUBT = 10
Client = AsyncModbusTcpClient | AsyncModbusSerialClient


async def open_driver(bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> ModbusDriver:
    """A driver for a bus; its port is opened by the first read, and again whenever it is gone."""
    return ModbusDriver(bus, devices, address, clock)


def describe(device: DeviceInfo) -> str:
    """The requests that serve its channels: "holding 0+3, discrete 0+5" (table, first address, number)."""
    return ", ".join(f"{r.table.value} {r.address}+{r.count}" for r in _plan(device))


class ModbusDriver:
    """Devices speak when asked, and a reply carries no time: readings get that of its arrival.

    A request that the device refuses for itself (an address it does not have) is told as missing, and the others are
    made all the same; after silence or noise the rest of the device's requests wait until it is asked again.
    """

    silent_periods = 0

    def __init__(self, bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> None:
        self._rtu = isinstance(bus, ModbusRtuBus)
        self._clock = clock
        self._heard = 0  # packets that have come in
        self._owed: dict[int, tuple[Read, float]] = {}  # unit -> the question it did not answer; doubted until
        self._client = _client(bus, address, self._trace)
        # A silent unit must not cost its neighbours the connection.
        self._client.ctx.max_until_disconnect = self._client.ctx.count_until_disconnect = 2**31
        self._plans = {d.device.id: _plan(d) for d in devices}
        self._address = address

    async def read(self, device: DeviceInfo) -> Answer:
        """See `Driver.read`; one request after another, in the order of `describe`."""
        if (owed := self._doubted(_unit(device))) is not None:
            try:
                await self._request(device, owed)
            except DeviceFault as fault:
                if fault.fault is not Fault.EXCEPTION:  # a refusal is an answer
                    raise
        words: dict[tuple[Table, int], int] = {}
        lost: set[int] = set()  # channels of which something did not come
        missing: list[Missing] = []
        reads = self._plans[device.device.id]
        for n, read in enumerate(reads):
            try:
                came = await self._request(device, read)
            except DeviceFault as fault:
                alone = isinstance(fault, _Refused) and fault.code in _OF_THIS_READ
                unread = [read] if alone else reads[n:]
                channels = {w.channel for r in unread for w in r.wanted} - lost
                lost |= channels
                missing.append(Missing(tuple(sorted(channels)), fault))
                if not alone:
                    break
                continue
            words.update(((read.table, read.address + n), word) for n, word in enumerate(came))
        values = {w.channel: value_of(w.register, words) for r in reads for w in r.wanted if w.channel not in lost}
        if not values:
            raise missing[-1].fault
        time_ms = stamp_ms(self._clock.now_ms(), device.period_s)
        return Answer(ReadingBatch.of([time_ms] * len(values), list(values), list(values.values())), tuple(missing))

    async def listen(self, heard: Heard) -> None:
        """Nobody speaks unasked on Modbus."""
        del heard
        await asyncio.Event().wait()

    def line_faults(self) -> dict[str, int]:
        """None: every damaged reply is told of the device that was asked."""
        return {}

    async def close(self) -> None:
        """Closes the port or the connection."""
        self._client.close()

    async def _request(self, device: DeviceInfo, read: Read) -> list[int]:
        client = self._client
        if not client.connected and not await self._connect(device.timeout_s):
            raise DeviceFault(Fault.BUS_DOWN, f"cannot open {self._address}: is it plugged in, and its server up?")
        client.ctx.comm_params.timeout_connect = device.timeout_s  # the library's time-out for a reply, too
        unit = _unit(device)
        ask = {
            Table.COIL: client.read_coils,
            Table.DISCRETE: client.read_discrete_inputs,
            Table.HOLDING: client.read_holding_registers,
            Table.INPUT: client.read_input_registers,
        }[read.table]
        try:
            reply: ModbusPDU = await ask(read.address, count=read.count, device_id=unit)
        except ModbusException as error:
            await self._settle(device, read)
            if not client.connected:
                raise DeviceFault(Fault.BUS_DOWN, f"{self._address} closed the connection") from error
            if "received" in str(error) and "No response" not in str(error):
                raise DeviceFault(Fault.BAD_REPLY, f"unit {unit}: another unit answered") from error
            raise DeviceFault(Fault.TIMEOUT, f"unit {unit} did not answer within {device.timeout_s:g} s") from error
        if self._doubted(unit) is not None:
            heard = self._heard
            await asyncio.sleep(device.timeout_s)
            if self._heard != heard:
                await self._settle(device, read)
                raise DeviceFault(Fault.BAD_REPLY, f"unit {unit} answered twice: one reply was late")
        if isinstance(reply, ExceptionResponse):
            raise _Refused(f"unit {unit} refuses {read.table.value} {read.address}+{read.count}", reply.exception_code)
        words = reply.bits[: read.count] if read.table.of_bits else reply.registers
        if reply.isError() or reply.function_code != _FUNCTION[read.table] or len(words) != read.count:
            await self._settle(device, read)
            what = f"asked unit {unit} for {read.count}, got {len(words)}"
            raise DeviceFault(Fault.BAD_REPLY, f"{what} with function {reply.function_code}")
        return [int(w) for w in words]

    async def _connect(self, timeout_s: float) -> bool:
        self._client.close()
        try:
            async with asyncio.timeout(max(timeout_s, 1.0)):
                return bool(await self._client.connect())
        except (TimeoutError, OSError, ModbusException):
            return False

    async def _settle(self, device: DeviceInfo, read: Read) -> None:
        if self._rtu:
            await asyncio.sleep(2 * device.timeout_s)
            self._client.ctx.recv_buffer = b""
            until_s = asyncio.get_running_loop().time() + _DOUBT * device.timeout_s
            self._owed[_unit(device)] = (read, until_s)

    def _doubted(self, unit: int) -> Read | None:
        """What the unit was asked when it last missed a reply, while that reply may still come."""
        read, until_s = self._owed.get(unit, (None, 0.0))
        if read is not None and asyncio.get_running_loop().time() >= until_s:
            del self._owed[unit]
            return None
        return read

    def _trace(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            self._heard += 1
        return data


class _Refused(DeviceFault):
    """The device answered with an exception."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(Fault.EXCEPTION, f"{what}: {EXCEPTION_NAMES.get(code, 'unnamed')} (exception {code})")
        self.code = code


def _plan(device: DeviceInfo) -> list[Read]:
    assert isinstance(device.model, ModbusModel)  # the catalogue has no other on a Modbus bus
    return plan(device.model, device.channels)


def _unit(device: DeviceInfo) -> int:
    assert isinstance(device.device.unit, int)
    return device.device.unit


_FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}


def _client(bus: Bus, address: str, trace: Callable[[bool, bytes], bytes]) -> Client:
    if isinstance(bus, ModbusRtuBus):
        return AsyncModbusSerialClient(
            address,
            baudrate=bus.baud_rate,
            parity=bus.parity,
            stopbits=bus.stop_bits,
            retries=0,
            reconnect_delay=0,
            timeout=1,
            trace_packet=trace,
        )
    host, _, port = address.rpartition(":")
    return AsyncModbusTcpClient(host, port=int(port), retries=0, reconnect_delay=0, timeout=1)
