"""What all messages of wire.proto (version 1) have in common: version, lane, bounds, and why one is refused."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TypeVar

from google.protobuf.message import DecodeError

from contract.wire import wire_pb2 as pb

VERSION = 1
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_SEQ = 2**63 - 1  # what SQLite holds; a number above it is forged
_M = TypeVar("_M", pb.Batch, pb.Birth, pb.Ack, pb.GatewayState)


class Lane(IntEnum):
    """Which queue of the link a batch travels in."""

    LIVE = 0
    ALARM = 1
    HISTORY = 2


class RefusalReason(StrEnum):
    """Why a batch is not stored as readings; the same words in logs, metrics and acknowledgements."""

    OVERSIZED = "oversized"
    TRUNCATED = "truncated"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_GATEWAY = "wrong_gateway"
    UNKNOWN_GATEWAY = "unknown_gateway"
    FOREIGN_CHANNEL = "foreign_channel"
    UNKNOWN_FLAG = "unknown_flag"
    TIME_PAST = "time_past"
    TIME_FUTURE = "time_future"
    NOT_A_NUMBER = "not_a_number"
    BAD_TOPIC = "bad_topic"
    CLOCK_UNSYNCHRONISED = "clock_unsynchronised"
    NO_IDENTITY = "no_identity"  # never issued, expired or revoked
    SIMULATED = "simulated"  # of a simulation, in a zone that also has a real gateway


class WireError(ValueError):
    """Bytes that are not a valid message; `reason` says which way."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


def parse_message(kind: type[_M], payload: bytes) -> _M:
    """The message, its size and version checked, its content not. Raises WireError."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(RefusalReason.OVERSIZED, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
    try:
        message = kind.FromString(payload)
    except DecodeError as error:
        raise WireError(RefusalReason.TRUNCATED, "not a protobuf message") from error
    if message.version != VERSION:
        raise WireError(RefusalReason.UNKNOWN_VERSION, f"version {message.version}, this side speaks {VERSION}")
    return message
