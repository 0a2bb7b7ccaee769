"""By which texts a device tells who it is."""

from __future__ import annotations

from edge_agent.drivers.modbus import line_of
from edge_agent.drivers.modbus_identity import told
from firmware_bridge.modbus import IdentityText
from firmware_bridge.protocols import PROTOCOLS
from tests.edge_agent.drivers.rude import Rude, RudePort
from tests.played import play

TEXTS = (
    IdentityText(name="model", address=10, words=3, order="BA"),
    IdentityText(name="serial", address=20, words=2, table="input"),
    IdentityText(name="firmware", address=30, words=1),
)


def answers(unit: int, pdu: bytes) -> bytes | None:
    at = int.from_bytes(pdu[1:3], "big")
    return {10: b"\x03\x06L-E6 0", 20: b"\x84\x02"}.get(at)


def test_texts_refusals_and_silence() -> None:
    bus = PROTOCOLS.bus_models["modbus_rtu"].model_validate({"id": "b", "kind": "modbus_rtu", "address": ""})
    line = line_of(bus, "", RudePort(Rude(answers=answers)))
    assert play(told(line, 4, None, TEXTS, 0.2)) == {
        "model": "-L6E0",
        "serial": "<exception 2>",
        "firmware": "<timeout>",
    }
