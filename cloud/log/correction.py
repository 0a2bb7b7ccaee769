"""How the log's time was put right, as an entry of the log. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple

_MAX_BYTES = 4096


class CorrectionError(ValueError):
    """Bytes that hold no correction."""


class Correction(NamedTuple):
    """was_ms: the log's *now* before; now_ms: from here on; UTC ms. why, who: for whoever reads the record."""

    was_ms: int
    now_ms: int
    why: str
    who: str


def encode_correction(correction: Correction) -> bytes:
    """JSON: was_ms, now_ms, why, who."""
    return json.dumps(correction._asdict(), ensure_ascii=False, sort_keys=True).encode()


def decode_correction(payload: bytes) -> Correction:
    """Raises CorrectionError."""
    try:
        if len(payload) > _MAX_BYTES:
            raise ValueError(f"{len(payload)} bytes")
        found = json.loads(payload)
        correction = Correction(*(found[name] for name in Correction._fields))
        if not all(isinstance(value, int) for value in correction[:2]):
            raise TypeError("a time that is no number")
        if not all(isinstance(value, str) for value in correction[2:]):
            raise TypeError("a text that is none")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise CorrectionError(f"not a correction: {error}") from error
    return correction
