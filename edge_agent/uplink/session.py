"""Spool, outbox and clock together: everything the uplink does but talk. No sockets, threads or clock inside.

Readings come in by `submit`, the cloud's words by `heard`; what to publish comes out of `due` and `linked`. The MQTT
shell (`edge_agent.uplink.mqtt`) carries messages; the seeded simulation carries them, too, and loses some.

now_s: real seconds of any monotonic clock. now_ms: the agent's UTC milliseconds. mono_ms: its monotonic milliseconds,
for `edge_agent.timesync.timekeeping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contract.readings import ReadingBatch
from contract.wire.ack import Ack, decode_ack
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane, WireError
from contract.wire.state import encode_state
from contract.wire.topics import UP_KINDS, Topic, TopicKind
from edge_agent.spool import earlier_boots
from edge_agent.spool.disk import Disk
from edge_agent.spool.held import Commit, HeldCommits
from edge_agent.spool.retiming import retime
from edge_agent.spool.store import Counters, Spool, Spooled
from edge_agent.spool.storing import Storing
from edge_agent.timesync.time_requests import TimeRequests
from edge_agent.timesync.timekeeping import STEP_MS, Stamp, Timekeeper
from edge_agent.uplink import gateway_state
from edge_agent.uplink.outbox import Outbox, OutboxSettings, Waiting

_LANE_KIND = {Lane.ALARM: UP_KINDS[0], Lane.LIVE: UP_KINDS[1], Lane.HISTORY: UP_KINDS[2]}


@dataclass(frozen=True, slots=True)
class Publication:
    """What to hand to the broker, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Session:
    """One gateway's way to the cloud. Used by one thread.

    keeper: without one the caller's time is taken as right.
    """

    def __init__(
        self,
        district: str,
        gateway: str,
        spool: Spool,
        now_s: float,
        now_ms: int,
        settings: OutboxSettings | None = None,
        version: str = "",
        keeper: Timekeeper | None = None,
    ) -> None:
        self._district, self.gateway, self._version = district, gateway, version
        self.spool, self.keeper = spool, keeper
        self._started_ms = now_ms
        self.outbox = Outbox(spool.id, settings or OutboxSettings())
        self.outbox.restored(self._waiting(now_s))
        # Something waits for the time, or stands in a wrong one.
        self._to_retime = any(self.untimed(b) for b in spool.waiting())
        self.held = HeldCommits()
        self.last_ack_ms: int | None = None
        self.connects = 0
        self.bad_acks = 0
        self.renamed = 0
        self._strange: Ack | None = None
        self.disk_trouble = ""
        self._linked_s = 0.0
        self._marked = False
        self.asking = TimeRequests(keeper, now_s)
        self._state_s: float | None = None
        self._storing = Storing(self, now_s)
        self._announce: list[Publication] = []
        gateway_state.recall_budget(self)
        with Disk(self, now_ms):
            earlier_boots.begin(self)

    @property
    def connected(self) -> bool:
        return self.outbox.connected

    @property
    def empty(self) -> bool:
        """Nothing waits for the cloud."""
        return not len(self.held) and not self.spool.to_forget and not sum(self.outbox.waiting().values())

    def submit(self, batch: ReadingBatch, lane: Lane, counters: Counters, now_s: float, now_ms: int) -> None:
        """Durable on return, unless the disk is full: then held in memory, counted, and tried again at each submit."""
        stamp = self.keeper.stamp() if self.keeper else Stamp()
        self.held.add(Commit(batch, lane, counters, now_ms, stamp))
        with Disk(self, now_ms):
            self._storing.commit(now_s, now_ms)
            self._storing.keep_cap(now_s)

    def linked(self, now_s: float, now_ms: int | None = None, mono_ms: int = 0) -> list[Publication]:
        """The broker took the connection, and the acknowledgements are subscribed to: what to say first."""
        self.connects += 1
        self.outbox.link_up(now_s)
        self._linked_s, self._state_s, self._marked = now_s, now_s, False
        self.asking.doubt(now_s)
        out: list[Publication] = []
        with Disk(self, now_ms):
            out = [self._birth(mono_ms), Publication(self.topic(TopicKind.ONLINE), b"1", retain=True)]
            if now_ms is not None:
                out.append(self._state(now_s, now_ms, mono_ms))
            if self.keeper is None:
                self._mark_linked()
        return out or self._announced()

    def unlinked(self) -> None:
        if not self.outbox.connected:
            return
        flying = self.outbox.flying()
        self.outbox.link_down()
        if self._marked:
            with Disk(self, None):
                self.spool.mark_unlinked(flying)
                gateway_state.remember_budget(self)
        self._marked = False

    def due(self, now_s: float, now_ms: int | None = None, mono_ms: int = 0) -> Iterator[Publication]:
        """What to publish now. One that is not taken from here is due again after its time."""
        yield from self._announced()
        if self.spool.to_forget:
            with Disk(self, now_ms):
                self.spool.forget(())
                self.disk_trouble = self.disk_trouble if len(self.held) else ""
        if self._strange is not None:
            self._rename(self._strange, now_s, now_ms)
            return
        if not self.outbox.connected:
            return
        every_s = self.asking.every_s(now_s)
        if now_ms is not None and self._state_s is not None and now_s - self._state_s >= every_s:
            with Disk(self, now_ms):
                yield self._state(now_s, now_ms, mono_ms)
            with Disk(self, now_ms):
                gateway_state.remember_budget(self)
        if not self.asking.may_send(now_s):
            return
        self._retime(now_s, now_ms)
        if self._to_retime and self.keeper is not None and self.keeper.synchronised:
            return  # the disk is full: better late than with wrong times
        with Disk(self, now_ms):
            if not self._marked:
                self._mark_linked()
        for seq, lane in self.outbox.due(now_s, now_ms or 0, only_alarms=not self._marked):
            with Disk(self, now_ms):
                payload = self.spool.payload(seq)
                if payload is None:
                    self.outbox.dropped([seq])
                else:
                    yield Publication(self.topic(_LANE_KIND[lane]), payload)

    def heard(self, payload: bytes, now_ms: int, now_s: float | None = None, mono_ms: int = 0) -> bool:
        """An acknowledgement; true when it made room. What cannot be read is counted and changes nothing."""
        try:
            ack = decode_ack(payload)
        except WireError:
            self.bad_acks += 1
            return False
        if ack.spool == self.spool.id and self.asking.heard(ack, now_s, mono_ms):
            self._to_retime = True
        self._retime(now_s or 0.0, now_ms)
        if self.outbox.strange(ack, self.spool.next_seq):
            self._rename(ack, now_s or 0.0, now_ms)
            return self._strange is None
        gone = self.outbox.acked(ack)
        if not gone:
            return False
        self.last_ack_ms = now_ms
        with Disk(self, now_ms):
            self.spool.forget(gone)
        return True

    def metered(self, link_bytes: int) -> None:
        """What this connection has carried up to now, both ways, with every header."""
        self.outbox.budget.metered(link_bytes)

    def topic(self, kind: TopicKind) -> str:
        return str(Topic(self._district, self.gateway, kind))

    def status(self, now_ms: int) -> dict[str, Any]:
        with Disk(self, now_ms):
            return gateway_state.status(self, now_ms)
        return {"connected": self.connected}  # the spool was damaged a moment ago; the next one will be whole

    # --- inside ---

    def _birth(self, mono_ms: int) -> Publication:
        s = self.spool
        self.asking.asked(mono_ms)
        birth = Birth(self.gateway, s.id, s.next_seq, self._version, self._started_ms, s.floor(), mono_ms)
        return Publication(self.topic(TopicKind.BIRTH), encode_birth(birth))

    def _state(self, now_s: float, now_ms: int, mono_ms: int) -> Publication:
        self._state_s = now_s
        self.asking.asked(mono_ms)
        return Publication(self.topic(TopicKind.STATE), encode_state(gateway_state.state(self, now_ms, mono_ms)))

    def _announced(self) -> list[Publication]:
        out, self._announce = self._announce, []
        return out

    def _retime(self, now_s: float, now_ms: int | None) -> None:
        if self._to_retime and self.keeper is not None and self.keeper.synchronised:
            with Disk(self, now_ms):
                retime(self, now_s)
                self._to_retime = False

    def _mark_linked(self) -> None:
        self.spool.mark_linked()
        self._marked = True

    # --- for `edge_agent.spool.storing` and `edge_agent.spool.disk` ---

    def untimed(self, row: Spooled) -> bool:
        """Of this boot, and nobody has said yet when that was."""
        return self.keeper is not None and not row.stamp.timed and row.stamp.boot == self.keeper.boot

    def spooled(self, rows: Iterable[Spooled], now_s: float) -> None:
        """They are on the disk: to be sent, or first to be given their time."""
        for b in rows:
            if self.untimed(b):
                self._to_retime = True
            else:
                if self.keeper is not None and abs(b.stamp.offset_ms - self.keeper.offset_ms) > STEP_MS:
                    self._to_retime = True  # it was held while the disk was full, and the time was put right meanwhile
                self.outbox.spooled(Waiting(b.seq, b.lane, b.created_ms, now_s, b.bytes))

    def renew(self, now_ms: int | None) -> None:
        """The spool's file is damaged: it is set aside, and a new one begins."""
        self.spool.renew(now_ms or self._started_ms)
        self._outbox_anew(self._linked_s)
        self._to_retime = True  # and so that the new file learns what is known of the time
        earlier_boots.begin(self)

    def _rename(self, strange: Ack, now_s: float, now_ms: int | None) -> None:
        """The cloud knows numbers that this spool never gave: an old copy of its file was put back, a disk was cloned,
        or somebody spoke in its name. New batches under these numbers would be taken for old ones, so all that waits
        gets another name. Until that is on the disk nothing is sent."""
        self._strange = strange
        with Disk(self, now_ms):
            self.spool.rename(self.outbox.settled_before(strange))
            self._outbox_anew(now_s)
            self._strange = None
            self.renamed += 1

    def _outbox_anew(self, now_s: float) -> None:
        old = self.outbox
        self.outbox = Outbox(self.spool.id, old.settings, refused=old.refused, resent=old.resent)
        self.outbox.acknowledged = old.acknowledged
        self.outbox.restored(self._waiting(now_s))
        if old.connected:
            self.outbox.link_up(now_s)
            self._marked = False
            self._announce = [self._birth(0)]
        self.outbox.budget = old.budget  # of the same connection

    def _waiting(self, now_s: float) -> list[Waiting]:
        """What is in the file and has its time."""
        unsure = self.spool.unsure
        return [
            Waiting(b.seq, b.lane, b.created_ms, now_s, b.bytes, b.sent or unsure)
            for b in self.spool.waiting()
            if not self.untimed(b)
        ]
