"""What a gateway says of itself every half minute <-> bytes (GatewayState of wire.proto, version 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract.wire import wire_pb2 as pb
from contract.wire.envelope import VERSION, Lane, RefusalReason, WireError, parse_message

_MAX_NAMES = 64
_MAX_TEXT = 400


@dataclass(frozen=True, slots=True)
class LaneState:
    """What waits in one lane. oldest_age_s: since it was spooled."""

    batches: int = 0
    bytes: int = 0
    oldest_age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GatewayState:
    """thinned, dropped, held_in_memory, lost_to_full_disk: readings. refused: batches by reason.

    floor, asked_ms: as in `contract.wire.birth.Birth`. bytes_per_day: 0 when unmetered. kept_back: which lane waits for
    the budget of the day.

    clock, disk_trouble, spool_set_aside: words for an operator; empty when there is nothing to say.
    """

    gateway: str
    spool: int
    floor: int = 0
    asked_ms: int = 0
    lanes: Mapping[Lane, LaneState] = field(default_factory=dict)
    thinned: int = 0
    dropped: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    held_in_memory: int = 0
    lost_to_full_disk: int = 0
    bytes_today: int = 0
    bytes_per_day: int = 0
    kept_back: str = ""
    clock: str = ""
    disk_trouble: str = ""
    spool_set_aside: str = ""


_PLAIN = (
    "gateway",
    "spool",
    "floor",
    "asked_ms",
    "thinned",
    "dropped",
    "held_in_memory",
    "lost_to_full_disk",
    "bytes_today",
    "bytes_per_day",
)
_TEXTS = ("kept_back", "clock", "disk_trouble", "spool_set_aside")


def encode_state(state: GatewayState) -> bytes:
    """Texts are cut at 400 characters, names at 64: this message is for people."""
    message = pb.GatewayState(
        version=VERSION,
        **{name: getattr(state, name) for name in _PLAIN},
        **{name: getattr(state, name)[:_MAX_TEXT] for name in _TEXTS},
    )
    for lane, s in state.lanes.items():
        message.lanes.add(
            lane=int(lane),
            batches=s.batches,
            bytes=s.bytes,
            oldest_age_ms=round(s.oldest_age_s * 1000),
        )
    for name, count in sorted(state.refused.items())[:_MAX_NAMES]:
        message.refused.add(name=name, count=count)
    return message.SerializeToString()


def decode_state(payload: bytes) -> GatewayState:
    """Raises WireError."""
    m = parse_message(pb.GatewayState, payload)
    if len(m.lanes) > len(Lane) or len(m.refused) > _MAX_NAMES:
        raise WireError(RefusalReason.OVERSIZED, f"{len(m.lanes)} lanes, {len(m.refused)} reasons")
    if any(x.lane not in (0, 1, 2) for x in m.lanes):
        raise WireError(RefusalReason.TRUNCATED, "an unknown lane")
    if any(len(getattr(m, name)) > _MAX_TEXT for name in _TEXTS) or any(len(r.name) > _MAX_TEXT for r in m.refused):
        raise WireError(RefusalReason.OVERSIZED, f"a text of more than {_MAX_TEXT} characters")
    return GatewayState(
        lanes={Lane(x.lane): LaneState(x.batches, x.bytes, x.oldest_age_ms / 1000) for x in m.lanes},
        refused={r.name: r.count for r in m.refused},
        **{name: getattr(m, name) for name in (*_PLAIN, *_TEXTS)},
    )
