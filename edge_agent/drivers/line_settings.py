"""How a bus is spoken to, as its file says or as its kind has it."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.modbus_frames import Framing


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a bus is spoken to.

    numbered: replies are matched by their transaction numbers. reconnects: it is a connection, which may die without a
    word. silence_s: between frames, at least. character_s: how long a character takes; 0.0: nobody knows. rest_s, echo,
    pause_after_connect_s: as the bus says; None: found out.
    """

    framing: Framing
    numbered: bool
    reconnects: bool
    silence_s: float = 0.0
    character_s: float = 0.0
    rest_s: float | None = None
    echo: bool | None = None
    pause_after_connect_s: float | None = None
