"""What the cloud knows of each gateway's link. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from contract.wire.state import GatewayState


@dataclass(frozen=True, slots=True)
class GatewayLink:
    """A gateway as the receiver sees it; times on the cloud's clock, None when never. state: what it last said."""

    gateway: str
    online: bool
    last_batch_ms: int | None
    batches: int
    readings: int
    refused: int
    state: GatewayState | None = None
