"""What an instrument answers: register words, node frames, Modbus replies."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from crccheck.crc import CrcModbus

from contract.clock import ScaledClock
from contract.readings import ReadingBatch
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.node import NodeDriver
from firmware_bridge.framing import Frame, FrameReader
from firmware_bridge.modbus import ModbusRtuBus, ModbusTcpBus
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.node import NodeBus, NodeModel
from firmware_bridge.register_types import RegisterType
from firmware_bridge.registers import decode, width
from tests.fuzz.shells import NOW_MS, small


def registers(data: bytes) -> object:
    """type, order, then words. The register's own length must be refused when wrong, by ValueError."""
    head, body = data[:2].ljust(2, b"\0"), data[2:]
    kind = list(RegisterType)[head[0] % len(RegisterType)]
    order = ("ABCD", "CDAB", "BADC", "DCBA")[head[1] % 4]
    missing = (kind.raw_range or (0, 65535))[1]
    told = {"table": "coil"} if kind is RegisterType.BIT else {} if kind.of_half_a_word else {"order": order}
    register = ModbusRegister(name="r", quantity="code", type=kind, scale=0.001, missing_raw=(missing,), **told)
    words = [int.from_bytes(body[i : i + 2], "big") for i in range(0, len(body), 2)]
    if len(words) != width(register):
        try:
            decode(register, words)
        except ValueError:
            return None
        raise AssertionError(f"{len(words)} words passed for a {kind}")
    value = decode(register, words)
    assert isinstance(value, float)
    return value


def frames(data: bytes) -> object:
    """In one piece or in any pieces, the same frames; never more held than a frame."""
    cut = 1 + (data[0] if data else 0) % 37
    stream = data[1:]
    reader = FrameReader()
    pieces = (event for i in range(0, len(stream), cut) for event in reader.feed(stream[i : i + cut]))
    good = dropped = 0
    for whole, piece in zip_longest(FrameReader().feed(stream), pieces):
        assert whole == piece
        good += isinstance(whole, Frame)
        dropped += 0 if isinstance(whole, Frame) else whole.length
    assert dropped <= len(stream)
    return good, dropped


def node_line(data: bytes) -> object:
    """The driver behind a radio bridge, from serial bytes to readings."""
    driver = NodeDriver(NodeBus(id="b", address="none"), [_node()], "none", _STILL)
    heard: list[tuple[str, ReadingBatch]] = []
    driver._take(FrameReader(), data, lambda device, said: heard.append((device, said)))
    return heard, driver.line_faults()


_STILL = ScaledClock(NOW_MS, 1e-12, NOW_MS)


def _node() -> DeviceInfo:
    """One with a channel for its depth, in the place of the small district's first."""
    first = next(iter(small().channels.values()))
    told = {"model": "n", "description": "n", "protocol": "node", "period_s": 60}
    model = NodeModel.model_validate({**told, "registers": [{"name": "depth", "quantity": "depth"}]})
    return DeviceInfo(first.device, model, (replace(first, model=model, register=model.registers[0]),))


def _device() -> DeviceInfo:
    """The first device of the small district, with its channels; impatient, so that no answer costs a millisecond."""
    first = next(iter(small().channels.values()))
    channels = tuple(c for c in small().channels.values() if c.device.id == first.device.id)
    device = first.device.model_copy(update={"timeout_s": 0.001})
    return DeviceInfo(device, first.model, channels)


def modbus_tcp(data: bytes) -> object:
    from tests.fuzz import modbus

    return modbus.reply(_device(), ModbusTcpBus(id="b", address=""), "127.0.0.1:9", data)


def modbus_rtu(data: bytes) -> object:
    """An odd first byte: the checksum is made good, so that what follows it is reached."""
    from tests.fuzz import modbus

    sealed, body = (data[0] & 1 if data else 0), data[1:]
    data = body + CrcModbus.calc(body).to_bytes(2, "little") if sealed else body
    return modbus.reply(_device(), ModbusRtuBus(id="b", address=""), "none", data)
