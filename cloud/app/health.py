"""How the cloud's parts are, for the API and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloud.delivery.dispatch import SinkState
from cloud.ingest.links import GatewayLink
from cloud.views.base import ViewState

if TYPE_CHECKING:
    from cloud.app.cloud import Cloud


class CloudHealth:
    """See `cloud.api.ports.Health`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def ready(self) -> tuple[bool, str]:
        identities = self._cloud.identities.trouble() if self._cloud.identities is not None else ""
        troubles = [self._cloud.receive.trouble(), identities]
        troubles += (f"view {v.name}: {v.trouble}" for v in self.views() if v.trouble)
        said = "; ".join(t for t in troubles if t)
        return not said, said

    def gateways(self) -> Sequence[GatewayLink]:
        return self._cloud.ingest.links()

    def views(self) -> Sequence[ViewState]:
        return [runner.state() for runner in self._cloud.runners]

    def troubles(self) -> Sequence[str]:
        sinks = ((d.sink_name, d.trouble()) for d in self._cloud.dispatchers)
        return [f"sink {name}: {trouble}" for name, trouble in sinks if trouble]

    def sinks(self) -> Sequence[SinkState]:
        return [dispatcher.state() for dispatcher in self._cloud.dispatchers]

    def counters(self) -> Mapping[str, int]:
        return {**self._cloud.ingest.counters(), **self._cloud.receive.counters()}

    def identities(self) -> Mapping[str, float]:
        return self._cloud.identities.days_left() if self._cloud.identities is not None else {}

    def quarantine_count(self) -> int:
        return self._cloud.quarantine.count()

    def is_quarantined(self, number: int) -> bool:
        return self._cloud.quarantine.one(number) is not None

    def release(self, number: int) -> str:
        # Twice at once: the other has stored it.
        return self._cloud.ingest.release(number, self._cloud.clock.now_ms()) or ""

    def quarantined(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "id": k.id,
                "gateway": k.gateway,
                "spool": f"{k.spool:016x}",
                "seq": k.seq,
                "reason": k.reason.value,
                "detail": k.detail,
                "received_ms": k.received_ms,
                "bytes": len(k.payload),
            }
            for k in self._cloud.quarantine.waiting()
        ]
