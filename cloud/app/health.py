"""How the cloud's parts are, for the API and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.removed import Removed
from cloud.delivery.state import SinkState
from cloud.identity.watch import IdentityWatch
from cloud.ingest.ingest import Ingest
from cloud.ingest.links import GatewayLink
from cloud.ingest.mqtt import MqttReceiver
from cloud.ingest.quarantine import Quarantine
from cloud.log.believed_clock import BelievedClock, ClockState
from cloud.views.base import ViewState
from cloud.views.runner import ViewRunner


@dataclass
class CloudHealth:
    """See `cloud.api.ports.Health`. It asks the parts it is given; watch: None where any gateway is let in. outlook:
    what grows for ever, see `cloud.retention.outlook`. untold: messages that could not be written as they should."""

    clock: BelievedClock
    ingest: Ingest
    receiver: MqttReceiver
    quarantine: Quarantine
    watch: IdentityWatch | None
    runners: Sequence[ViewRunner]
    dispatchers: Sequence[Dispatcher]
    outlook: Callable[[], str] = lambda: ""
    untold: Callable[[], int] = lambda: 0
    removed: Sequence[Removed] = ()

    def ready(self) -> tuple[bool, str]:
        identities = self.watch.trouble() if self.watch is not None else ""
        troubles = [self.receiver.trouble(), identities]
        troubles += (f"view {v.name}: {v.trouble}" for v in self.views() if v.trouble)
        said = "; ".join(t for t in troubles if t)
        return not said, said

    def gateways(self) -> Sequence[GatewayLink]:
        return self.ingest.links()

    def views(self) -> Sequence[ViewState]:
        return [runner.state() for runner in self.runners]

    def troubles(self) -> Sequence[str]:
        sinks = ((d.sink_name, d.trouble()) for d in self.dispatchers)
        found = [*self.ingest.troubles(), *self.receiver.troubles()]
        found += [f"sink {name}: {trouble}" for name, trouble in sinks if trouble]
        gone = ((r.sink, r.trouble(self.clock.now_ms())) for r in self.removed)
        found += [f"sink {name}: {trouble}" for name, trouble in gone if trouble]
        if untold := self.untold():
            found.append(f"{untold} messages were not told, or not in the district's words: see the log, and mend them")
        found += [
            f"view {v.name}: {v.set_aside} entries of the log are set aside: report them"
            for v in self.views()
            if v.set_aside
        ]
        found += [
            f"quarantine: {n} batches of {gateway or 'others than our gateways'} were let go: more had come there than "
            "receive.quarantine_batches or quarantine_mb"
            for gateway, n in self.quarantine.let_go().items()
            if n
        ]
        return [said for said in (self.clock.state().trouble, *found, self.outlook()) if said]

    def sinks(self) -> Sequence[SinkState]:
        return [dispatcher.state() for dispatcher in self.dispatchers]

    def counters(self) -> Mapping[str, int]:
        return {**self.ingest.counters(), **self.receiver.counters(), **self.clock.counters()}

    def clock_state(self) -> ClockState:
        return self.clock.state()

    def confirm_clock(self, who: str) -> bool:
        return self.clock.confirm(who)

    def identities(self) -> Mapping[str, float]:
        return self.watch.days_left() if self.watch is not None else {}

    def quarantine_count(self) -> int:
        return self.quarantine.count()

    def is_quarantined(self, number: int) -> bool:
        return self.quarantine.waits(number)

    def release(self, number: int, who: str) -> str:
        # Twice at once: the other has stored it.
        return self.ingest.release(number, self.clock.now_ms(), who) or ""

    def quarantined(self, limit: int, before: int | None = None) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "id": k.id,
                "gateway": k.gateway,
                "spool": f"{k.spool:016x}",
                "seq": k.seq,
                "reason": k.reason.value,
                "detail": k.detail,
                "received_ms": k.received_ms,
                "bytes": k.size,
            }
            for k in self.quarantine.listed(limit, before)
        ]

    def quarantine_let_go(self) -> Mapping[str, int]:
        return self.quarantine.let_go()
