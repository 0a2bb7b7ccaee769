"""Acknowledgements <-> bytes (Ack of wire.proto, version 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract.wire import wire_pb2 as pb
from contract.wire.envelope import VERSION, RefusalReason, WireError, parse_message

MAX_ACKED_SEQS = 16_384


@dataclass(frozen=True, slots=True)
class Ack:
    """Exactly what is durable of one spool: all up to `prefix`, and `seqs`.

    refused: seq -> reason; kept aside by the cloud, never to be sent again.
    cloud_ms: the cloud's UTC ms as it answered the birth or state sent at `asked_ms`; both 0 in other answers.
    """

    spool: int
    prefix: int
    seqs: tuple[int, ...] = ()
    refused: Mapping[int, str] | None = None
    cloud_ms: int = 0
    asked_ms: int = 0


def encode_ack(ack: Ack) -> bytes:
    """Raises ValueError above MAX_ACKED_SEQS listed sequences."""
    if len(ack.seqs) > MAX_ACKED_SEQS:
        raise ValueError(f"an acknowledgement lists at most {MAX_ACKED_SEQS} sequences: send several")
    refused = [pb.Refusal(seq=s, reason=r) for s, r in (ack.refused or {}).items()]
    return pb.Ack(
        version=VERSION,
        spool=ack.spool,
        prefix=ack.prefix,
        seqs=ack.seqs,
        refused=refused,
        cloud_ms=ack.cloud_ms,
        asked_ms=ack.asked_ms,
    ).SerializeToString()


def decode_ack(payload: bytes) -> Ack:
    """Raises WireError."""
    m = parse_message(pb.Ack, payload)
    if len(m.seqs) > MAX_ACKED_SEQS or len(m.refused) > MAX_ACKED_SEQS:
        raise WireError(RefusalReason.OVERSIZED, f"more than {MAX_ACKED_SEQS} sequences")
    refused = {r.seq: r.reason for r in m.refused}
    return Ack(m.spool, m.prefix, tuple(m.seqs), refused, m.cloud_ms, m.asked_ms)
