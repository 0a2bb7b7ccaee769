"""Whether a gateway is simulated, as an entry of the log: what it says, when that differs from before. Pure.

So whoever follows the log knows of each reading whether it is from a real place, and a replay knows it, too.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from cloud.log.base import EntryKind, NewEntry
from contract.wire.envelope import Lane

_MAX_BYTES = 4096


class OriginError(ValueError):
    """Bytes that hold no origin."""


class Origin(NamedTuple):
    """Where a gateway's readings come from: a simulation, or a real place."""

    gateway: str
    simulated: bool


def encode_origin(origin: Origin) -> bytes:
    """JSON: gateway, simulated."""
    return json.dumps(origin._asdict(), sort_keys=True).encode()


def decode_origin(payload: bytes) -> Origin:
    """Raises OriginError."""
    try:
        if len(payload) > _MAX_BYTES:
            raise ValueError(f"{len(payload)} bytes")
        found = json.loads(payload)
        gateway, simulated = found["gateway"], found["simulated"]
        if not isinstance(gateway, str) or not gateway or not isinstance(simulated, bool):
            raise TypeError("a field of another type")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise OriginError(f"not an origin: {error}") from error
    return Origin(gateway, simulated)


def origin_entry(origin: Origin, number: int, now_ms: int) -> NewEntry:
    """To append. number: how many origins of this gateway the log holds, with this one; each is appended once."""
    key = int.from_bytes(hashlib.sha256(f"origin:{origin.gateway}".encode()).digest()[:8], "big")
    payload = encode_origin(origin)
    return NewEntry("", 0, 0, Lane.ALARM, now_ms, now_ms, payload, EntryKind.ORIGIN, ("", key, number))
