"""By which texts a Modbus device tells who it is: model, serial number, firmware, where its file names them."""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.drivers.base import DeviceFault
from edge_agent.drivers.modbus_line import Line
from firmware_bridge.modbus import IdentityText
from firmware_bridge.modbus_frames import Question
from firmware_bridge.register_types import Table

_FUNCTION = {Table.HOLDING: 3, Table.INPUT: 4}


async def told(
    line: Line, unit: int, answers_as: int | None, texts: Iterable[IdentityText], timeout_s: float
) -> dict[str, str]:
    """By name what the unit says of itself; of a text that it refuses or does not tell, why in angle brackets."""
    out = {}
    for text in texts:
        question = Question(unit, _FUNCTION[text.table], text.address, text.words, answers_as)
        try:
            pdu = await line.ask(question, timeout_s)
        except DeviceFault as fault:
            if fault.fault.of_bus:
                raise
            out[text.name] = f"<{fault.fault.value}>"
            continue
        out[text.name] = f"<exception {pdu[1]}>" if pdu[0] & 0x80 else text.text(question.words(pdu))
    return out
