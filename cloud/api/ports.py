"""What the query API and the page may ask, gathered by `cloud.app.cloud`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cloud.delivery.settings import FeedSettings
from cloud.delivery.state import SinkState
from cloud.ingest.links import GatewayLink
from cloud.log.base import BatchLog
from cloud.log.believed_clock import ClockState
from cloud.maintenance.reader import MaintenanceReader
from cloud.series.base import SeriesStore
from cloud.views.base import ViewState
from cloud.warnings.reader import WarningsReader
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.clock import Clock
from contract.readings import ReadingBatch


class Latest(Protocol):
    """The newest reading of every channel heard so far; safe from any thread."""

    def snapshot(self) -> ReadingBatch:
        """Sorted by channel. A late reading never replaces a newer one."""
        ...


class Health(Protocol):
    def ready(self) -> tuple[bool, str]:
        """Whether batches are being taken and views follow; and if not, why, in words for the operator."""
        ...

    def troubles(self) -> Sequence[str]:
        """What an operator is to look at though the cloud is ready: sinks whose consumers do not get messages, or not
        all."""
        ...

    def sinks(self) -> Sequence[SinkState]:
        """How far each sink is with the messages."""
        ...

    def gateways(self) -> Sequence[GatewayLink]: ...

    def views(self) -> Sequence[ViewState]: ...

    def counters(self) -> Mapping[str, int]:
        """Totals since start: batches_stored, readings_stored, batches_repeated, refused_<reason>, ..."""
        ...

    def clock_state(self) -> ClockState:
        """The cloud's time, and what of it is in doubt."""
        ...

    def confirm_clock(self, who: str) -> bool:
        """A person says that the machine's clock is right as it is now. False: nothing was in doubt."""
        ...

    def identities(self) -> Mapping[str, float]:
        """Gateway -> days until its last identity that is not revoked ends, below 0 when it has; real time."""
        ...

    def quarantine_count(self) -> int:
        """How many batches wait in quarantine."""
        ...

    def is_quarantined(self, number: int) -> bool:
        """Whether a refused batch of that id waits."""
        ...

    def release(self, number: int, who: str) -> str:
        """Puts a waiting batch through admission's checks again. Empty: it is stored; else why not.

        who: decides it, as in the audit record.
        """
        ...

    def quarantined(self, limit: int, before: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Refused batches kept aside, newest first: id, gateway, spool, seq, reason, received_ms, bytes.

        before: those with a smaller id.
        """
        ...

    def quarantine_let_go(self) -> Mapping[str, int]:
        """Batches that waited there and were let go because their gateway had too much, by gateway, since ever."""
        ...


class TurnedAway:
    """Counts requests that were turned away, by what did it (`limits`, `access`) and status."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}

    def add(self, by: str, status: int) -> None:
        """From the server's own thread alone."""
        self._counts[by, status] = self._counts.get((by, status), 0) + 1

    def counts(self) -> Mapping[tuple[str, int], int]:
        return self._counts.copy()


@dataclass(frozen=True, slots=True)
class Services:
    catalogue: Catalogue
    clock: Clock
    log: BatchLog
    latest: Latest
    series: SeriesStore
    warnings: WarningsReader
    health: Health
    maintenance: MaintenanceReader
    turned_away: TurnedAway = field(default_factory=TurnedAway)
    feed: FeedSettings = field(default_factory=FeedSettings)
    warning_settings: WarningSettings = field(default_factory=WarningSettings)
    as_of: Callable[[], int | None] = lambda: None  # up to when the warnings know what was measured, UTC ms
