"""What a flood did to the other gateways and to the cloud, and what of that should not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cloud.log.base import Entry, EntryKind
from cloud.warnings.model import Message
from contract.wire.envelope import Lane

# Real seconds, on a machine that is busy; on a quiet one see `make bench ARGS=flood`.
ALARM_TO_LOG_S, MESSAGE_TO_CENTRE_S = 15.0, 10.0
MEMORY_MB = 700.0
_PREFIX, _SUFFIX = "headwater_", "_deferred_total"


@dataclass(slots=True)
class Flooded:
    """gateway: that floods. alone_ms: from when until when that was all that went wrong, the scenario's UTC ms.

    In those, real seconds at most: to_log_s from the newest reading of another gateway's alarm to the log, to_centre_s
    from a message's moment to the warning centre; how many there were. sent, sent_mb: of the flood, to the broker.
    kept: small batches that the flooder sends until they are acknowledged; again: how often it sent one of them once
    more; kept_in_log: of them. memory_mb: of the cloud's processes, the most that one ever took. let_go: messages, by
    lane.
    """

    gateway: str
    alone_ms: tuple[int, int] = (0, 0)
    alarms: int = 0
    messages: int = 0
    to_log_s: float = 0.0
    to_centre_s: float = 0.0
    sent: int = 0
    sent_mb: int = 0
    kept: int = 0
    again: int = 0
    kept_in_log: int = 0
    memory_mb: int = 0
    let_go: dict[str, int] = field(default_factory=dict)

    def was_alone(self, began_ms: int, ended_ms: int) -> None:
        self.alone_ms = (began_ms, ended_ms)

    def saw(self, memory_mb: int, let_go: Mapping[str, int]) -> None:
        """Of the cloud, so far. memory_mb: the most that its process of now ever took."""
        self.memory_mb, self.let_go = max(self.memory_mb, memory_mb), dict(let_go)

    def sent_in_all(self, sent: int, sent_mb: int, kept: int, again: int) -> None:
        self.sent, self.sent_mb, self.kept, self.again = sent, sent_mb, kept, again

    def judge(
        self,
        entries: Iterable[Entry],
        said: Sequence[Message],
        arrived_ms: Mapping[str, int],
        kept_in_log: Sequence[int],
        speed: float,
    ) -> None:
        """By the log, all messages, oldest first, when each came to the centre, and the kept batches in the log.

        A message that a newer one of its incident has overtaken came with that one; one that never did took for ever.
        """
        to_log = [
            e.append_ms - e.time_max_ms
            for e in entries
            if e.kind is EntryKind.BATCH
            and e.lane is Lane.ALARM
            and e.gateway != self.gateway
            and self._alone(e.time_max_ms)
        ]
        to_centre = [_came(said[n:], arrived_ms) - m.sent_ms for n, m in enumerate(said) if self._alone(m.sent_ms)]
        self.alarms, self.messages = len(to_log), len(to_centre)
        self.to_log_s = max(to_log, default=0) / 1000 / speed
        self.to_centre_s = max(to_centre, default=0) / 1000 / speed
        self.kept_in_log = len(set(kept_in_log)) if len(set(kept_in_log)) == len(kept_in_log) else -1

    def broken(self) -> Iterator[str]:
        """What should not be, in words."""
        if self.to_log_s > ALARM_TO_LOG_S:
            yield f"an alarm of another gateway took {self.to_log_s:.1f} s to the log, under a flood alone"
        if self.to_centre_s > MESSAGE_TO_CENTRE_S:
            yield f"a message took {self.to_centre_s:.1f} s to the warning centre, under a flood alone"
        if not self.alarms or not self.messages:
            yield "no other gateway had an alarm while there was a flood alone: make the span longer"
        if self.memory_mb > MEMORY_MB:
            yield f"the cloud took {self.memory_mb} MB"
        if self.kept != self.kept_in_log:
            yield f"{self.kept} batches were sent until acknowledged, the log holds {self.kept_in_log} (-1: doubles)"
        if not self.let_go or not self.again:
            yield "nothing of the flood was let go and sent again: it was none"

    def _alone(self, at_ms: int) -> bool:
        return self.alone_ms[0] <= at_ms < self.alone_ms[1]


def _came(said: Sequence[Message], arrived_ms: Mapping[str, int]) -> float:
    """When the first of these messages had come, or another one of its incident behind it."""
    return min(
        (arrived_ms[m.id] for m in said if m.incident == said[0].incident and m.id in arrived_ms), default=float("inf")
    )


def let_go(metrics: str) -> dict[str, int]:
    """Of what the cloud says of itself at `/metrics`: messages that were let go, by lane."""
    lines = [line.split() for line in metrics.splitlines() if line.startswith(_PREFIX)]
    return {
        name.removeprefix(_PREFIX).removesuffix(_SUFFIX): int(float(value))
        for name, value in lines
        if name.endswith(_SUFFIX)
    }
