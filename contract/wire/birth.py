"""What an agent says at each connect <-> bytes (Birth of wire.proto, version 1)."""

from __future__ import annotations

from dataclasses import dataclass

from contract.wire import wire_pb2 as pb
from contract.wire.envelope import VERSION, parse_message


@dataclass(frozen=True, slots=True)
class Birth:
    """What an agent says of itself at each connect.

    floor: every sequence below it is settled: durable in the cloud, or given up and counted; 0 says nothing.
    asked_ms: the agent's monotonic ms, repeated in the answer. simulated: its readings are of no real place; an agent
    that says nothing of it is a real one.
    """

    gateway: str
    spool: int
    next_seq: int
    agent_version: str
    started_ms: int
    floor: int = 0
    asked_ms: int = 0
    simulated: bool = False


def encode_birth(birth: Birth) -> bytes:
    """The message as it goes over the wire (wire.proto, Birth)."""
    return pb.Birth(
        version=VERSION,
        gateway=birth.gateway,
        spool=birth.spool,
        next_seq=birth.next_seq,
        agent_version=birth.agent_version,
        started_ms=birth.started_ms,
        floor=birth.floor,
        asked_ms=birth.asked_ms,
        simulated=birth.simulated,
    ).SerializeToString()


def decode_birth(payload: bytes) -> Birth:
    """Raises WireError."""
    m = parse_message(pb.Birth, payload)
    return Birth(m.gateway, m.spool, m.next_seq, m.agent_version, m.started_ms, m.floor, m.asked_ms, m.simulated)
