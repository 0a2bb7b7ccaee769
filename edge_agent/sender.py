"""Spool and outbox together: everything the uplink does but talk. No sockets, threads or clock inside.

Readings come in by `submit`, the cloud's words by `heard`; what to publish comes out of `due` and `linked`. The MQTT
shell (`edge_agent.uplink`) carries messages; the seeded simulation carries them, too, and loses some.

now_s: real seconds of any monotonic clock. now_ms: the agent's UTC milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contract.readings import ReadingBatch
from contract.topics import UP_KINDS, Kind, Topic
from contract.wire import Birth, Lane, WireError, decode_ack, encode_birth
from edge_agent.outbox import Outbox, OutboxSettings, Waiting
from edge_agent.spool import Counters, Spool, SpoolFull

_LANE_KIND = {Lane.ALARM: UP_KINDS[0], Lane.LIVE: UP_KINDS[1], Lane.HISTORY: UP_KINDS[2]}
_HELD_MAX = 2000  # commits kept in memory while the disk is full


@dataclass(frozen=True, slots=True)
class Publication:
    """What to hand to the broker, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Sender:
    """One gateway's way to the cloud. Used by one thread."""

    def __init__(
        self,
        district: str,
        gateway: str,
        spool: Spool,
        now_s: float,
        now_ms: int,
        settings: OutboxSettings | None = None,
        version: str = "",
    ) -> None:
        self._district, self._gateway, self._version = district, gateway, version
        self._spool = spool
        self._started_ms = now_ms
        self._outbox = Outbox(spool.id, settings or OutboxSettings())
        self._outbox.restored(Waiting(b.seq, b.lane, b.created_ms, now_s) for b in spool.waiting())
        self._held: deque[tuple[ReadingBatch, Lane, Counters]] = deque()
        self._unforgotten: set[int] = set()  # acknowledged, and still in the spool: its disk was full
        self._lost_to_full_disk = 0
        self._last_ack_ms: int | None = None
        self._connects = 0
        self._bad_acks = 0
        self.disk_trouble = ""

    @property
    def connected(self) -> bool:
        return self._outbox.connected

    @property
    def empty(self) -> bool:
        """Nothing waits for the cloud."""
        return not self._held and not self._unforgotten and not sum(self._outbox.waiting().values())

    def submit(self, batch: ReadingBatch, lane: Lane, counters: Counters, now_s: float, now_ms: int) -> None:
        """Durable on return, unless the disk is full: then held in memory, counted, and tried again at each submit."""
        self._held.append((batch, lane, counters))
        while self._held:
            try:
                spooled, thrown = self._spool.commit(*self._held[0], now_ms)
            except SpoolFull as error:
                self.disk_trouble = str(error)
                if len(self._held) > _HELD_MAX:
                    self._lost_to_full_disk += len(self._held.popleft()[0])
                return
            self._held.popleft()
            for b in spooled:
                self._outbox.spooled(Waiting(b.seq, b.lane, b.created_ms, now_s))
            self._outbox.dropped(thrown)
        self.disk_trouble = ""

    def linked(self, now_s: float) -> list[Publication]:
        """The broker took the connection, and the acknowledgements are subscribed to: what to say first."""
        self._connects += 1
        self._outbox.link_up(now_s)
        birth = Birth(self._gateway, self._spool.id, self._spool.next_seq, self._version, self._started_ms)
        return [
            Publication(self.topic(Kind.BIRTH), encode_birth(birth)),
            Publication(self.topic(Kind.ONLINE), b"1", retain=True),
        ]

    def unlinked(self) -> None:
        self._outbox.link_down()

    def due(self, now_s: float) -> Iterator[Publication]:
        """What to publish now. One that is not taken from here is due again after its time."""
        self._forget()
        for seq, lane in self._outbox.due(now_s):
            payload = self._spool.payload(seq)
            if payload is None:
                self._outbox.dropped([seq])
            else:
                yield Publication(self.topic(_LANE_KIND[lane]), payload)

    def heard(self, payload: bytes, now_ms: int) -> bool:
        """An acknowledgement; true when it made room. What cannot be read is counted and changes nothing."""
        try:
            ack = decode_ack(payload)
        except WireError:
            self._bad_acks += 1
            return False
        gone = self._outbox.acked(ack)
        if not gone:
            return False
        self._unforgotten.update(gone)
        self._forget()
        self._last_ack_ms = now_ms
        return True

    def _forget(self) -> None:
        if not self._unforgotten:
            return
        try:
            self._spool.forget(sorted(self._unforgotten))
        except SpoolFull as error:
            self.disk_trouble = str(error)
        else:
            self._unforgotten.clear()
            self.disk_trouble = self.disk_trouble if self._held else ""

    def topic(self, kind: Kind) -> str:
        return str(Topic(self._district, self._gateway, kind))

    def status(self, now_ms: int) -> dict[str, Any]:
        waiting = self._outbox.waiting()
        return {
            "connected": self._outbox.connected,
            "connects": self._connects,
            "last_ack_ms": self._last_ack_ms,
            "waiting": {lane.name.lower(): n for lane, n in waiting.items()},
            "oldest_age_s": {lane.name.lower(): (now_ms - ms) / 1000 for lane, ms in self._spool.oldest_ms().items()},
            "in_flight": self._outbox.in_flight(),
            "resent": self._outbox.resent,
            "refused": dict(self._outbox.refused),
            "bad_acks": self._bad_acks,
            "spool_bytes": self._spool.bytes_waiting,
            "spool_set_aside": str(self._spool.set_aside) if self._spool.set_aside else None,
            "dropped": dict(self._spool.dropped),
            "held_in_memory": sum(len(b) for b, _, _ in self._held),
            "lost_to_full_disk": self._lost_to_full_disk,
        }
