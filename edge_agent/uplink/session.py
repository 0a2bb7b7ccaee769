"""One gateway's way to the cloud: outbox, link and questions for the time. No sockets, threads or clock inside.

It asks the store what waits, and gives it what is acknowledged. What to publish comes out of `link_up` and `due`, the
cloud's acknowledgements go into `take_ack`. The MQTT shell (`edge_agent.uplink.mqtt`) carries messages; the seeded
simulation carries them, too, and loses some.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contract.wire.ack import Ack, decode_ack
from contract.wire.birth import Birth, encode_birth
from contract.wire.envelope import Lane, WireError
from contract.wire.state import encode_state
from contract.wire.topics import UP_KINDS, Topic, TopicKind
from edge_agent.spool.batches import Arrived
from edge_agent.spool.store import SpoolStore
from edge_agent.timesync.now import Now
from edge_agent.timesync.time_requests import TimeRequests
from edge_agent.uplink import gateway_state
from edge_agent.uplink.gateway_state import LinkCounts
from edge_agent.uplink.outbox import Outbox, OutboxSettings, Waiting

_LANE_KIND = {Lane.ALARM: UP_KINDS[0], Lane.LIVE: UP_KINDS[1], Lane.HISTORY: UP_KINDS[2]}


@dataclass(frozen=True, slots=True)
class Publication:
    """What to hand to the broker, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Session:
    """Used by one thread, the store's. Nothing raises; what the disk refuses is in the store's `disk_trouble`.

    district, gateway: as the topics name them. version, simulated: of this program, and whether its readings are of no
    real place; for the birth.
    """

    def __init__(
        self,
        district: str,
        gateway: str,
        store: SpoolStore,
        now: Now,
        settings: OutboxSettings | None = None,
        version: str = "",
        simulated: bool = False,
    ) -> None:
        self._district, self._gateway, self._version, self._simulated = district, gateway, version, simulated
        self._store = store
        self._started_ms = now.utc_ms
        self._outbox = Outbox(store.id, settings or OutboxSettings())
        self._time = TimeRequests(store.keeper, now.monotonic_s)
        self._connects = 0
        self._last_ack_ms: int | None = None
        self._bad_acks = 0
        self._strange: Ack | None = None  # names what this spool never sent
        self._birth_due = False
        self._state_s: float | None = None
        self._recall_budget(now)
        self._follow_store(now, everything=True)

    @property
    def connected(self) -> bool:
        """Between `link_up` and `link_down`."""
        return self._outbox.connected

    @property
    def empty(self) -> bool:
        """Nothing waits for the cloud."""
        return self._store.at_rest and not sum(self._outbox.waiting().values())

    @property
    def refused(self) -> int:
        """Batches that the cloud has refused and kept aside, since the agent began."""
        return self._outbox.refused.total()

    def topic(self, kind: TopicKind) -> str:
        """Of this gateway."""
        return str(Topic(self._district, self._gateway, kind))

    def link_up(self, now: Now) -> list[Publication]:
        """The broker took the connection, and the acknowledgements are subscribed to: what to publish first."""
        self._follow_store(now)  # first: what was added long ago is history on this link
        self._connects += 1
        self._outbox.link_up(now.monotonic_s)
        self._birth_due = True
        self._time.doubt(now)
        online = Publication(self.topic(TopicKind.ONLINE), b"1", retain=True)
        out = [*self._birth(now), online, *self._state(now)]
        if self._store.keeper is None:
            self._store.begin_sending(now)
        return out

    def link_down(self, now: Now) -> None:
        """The connection is lost or given up: what was on the way waits again."""
        if not self._outbox.connected:
            return
        self._outbox.link_down()
        if self._store.sending:
            self._store.end_sending(now)
            self._remember_budget(now)

    def due(self, now: Now) -> Iterator[Publication]:
        """What to publish now. One that is not taken from here is due again after its time."""
        self._store.try_again(now)
        if not self._follow_store(now):
            return
        if self._strange is not None:
            self._rename(self._strange, now)
            return
        if not self._outbox.connected:
            return
        if self._birth_due:
            yield from self._birth(now)
        interval_s = self._time.interval_s(now)
        if self._state_s is not None and now.monotonic_s - self._state_s >= interval_s:
            yield from self._state(now)
            self._remember_budget(now)
        if not self._time.may_send(now) or not self._store.retime(now):
            return
        self._store.begin_sending(now)
        if not self._follow_store(now):
            return
        only_alarms = not self._store.sending
        for seq, lane in self._outbox.due(now.monotonic_s, now.utc_ms, only_alarms):
            payload = self._store.take(seq, now)
            if payload is not None:
                yield Publication(self.topic(_LANE_KIND[lane]), payload)

    def take_ack(self, payload: bytes, now: Now) -> bool:
        """An acknowledgement; true when it made room. What cannot be read is counted and changes nothing."""
        try:
            ack = decode_ack(payload)
        except WireError:
            self._bad_acks += 1
            return False
        news = ack.spool == self._store.id and self._time.take_ack(ack, now)
        self._store.retime(now, news)
        if not self._follow_store(now):
            return False
        if self._outbox.strange(ack, self._store.next_seq):
            return self._rename(ack, now)
        gone = self._outbox.acked(ack)
        if not gone:
            return False
        self._last_ack_ms = now.utc_ms
        self._store.acknowledged(gone, now)
        return True

    def metered(self, link_bytes: int) -> None:
        """What this connection has carried up to now, both ways, with every header."""
        self._outbox.budget.metered(link_bytes)

    def status(self, now: Now) -> dict[str, Any]:
        """For the status file; only whether it is connected while the spool's file cannot be read."""
        store = self._store.state(now)
        if store is None or not self._follow_store(now):
            return {"connected": self.connected}
        counts = LinkCounts(self._connects, self._last_ack_ms, self._bad_acks)
        return gateway_state.status(self._outbox, store, self._time, counts, now.utc_ms)

    # --- inside ---

    def _birth(self, now: Now) -> list[Publication]:
        """None while the spool's file cannot be read; then it is due later."""
        store = self._store.state(now)
        if store is None:
            return []
        self._birth_due = False
        asked_ms = self._time.ask(now)
        birth = Birth(
            self._gateway,
            store.spool,
            store.next_seq,
            self._version,
            self._started_ms,
            store.floor,
            asked_ms,
            self._simulated,
        )
        return [Publication(self.topic(TopicKind.BIRTH), encode_birth(birth))]

    def _state(self, now: Now) -> list[Publication]:
        self._state_s = now.monotonic_s
        store = self._store.state(now)
        if store is None:
            return []
        asked_ms = self._time.ask(now)
        state = gateway_state.wire_state(self._gateway, self._outbox, store, self._time, asked_ms, now.utc_ms)
        return [Publication(self.topic(TopicKind.STATE), encode_state(state))]

    def _follow_store(self, now: Now, everything: bool = False) -> bool:
        """The outbox learns what became of batches in the store. False: the file cannot be read now."""
        changes = self._store.changes(now, everything)
        if changes is None:
            return False
        if changes.anew:
            self._birth_due = self._birth_due or (self.connected and changes.spool != self._outbox.spool)
            new = [_waiting(a, a.row.lane) for a in changes.new]
            self._outbox.restart(changes.spool, new, now.monotonic_s)
            return True
        new = [_waiting(a, self._lane_of(a)) for a in changes.new]
        if changes.gone:
            self._outbox.replaced(changes.gone, new)
        else:
            for waiting in new:
                self._outbox.spooled(waiting)
        return True

    def _lane_of(self, arrived: Arrived) -> Lane:
        """What comes again with other times keeps its lane."""
        lane = self._outbox.lane_of(arrived.row.seq)
        return arrived.row.lane if lane is None else lane

    def _rename(self, strange: Ack, now: Now) -> bool:
        """The cloud knows numbers that this spool never gave: an old copy of its file was put back, a disk was cloned,
        or somebody spoke in its name. New batches under these numbers would be taken for old ones, so all that waits
        gets another name. Until that is on the disk nothing is sent. True when it is."""
        self._strange = strange
        if self._store.rename(self._outbox.durable_before(strange), now):
            self._strange = None
            self._follow_store(now)
        return self._strange is None

    def _remember_budget(self, now: Now) -> None:
        """A restart must not give the day's bytes again."""
        budget = self._outbox.budget
        if budget.bytes_per_day is not None:
            self._store.remember("budget", f"{budget.day}:{budget.bytes_today}", now)

    def _recall_budget(self, now: Now) -> None:
        day, _, used = str(self._store.recall("budget", now) or "").partition(":")
        if day.isdigit() and used.isdigit():
            self._outbox.budget.restore(int(day), int(used))


def _waiting(arrived: Arrived, lane: Lane) -> Waiting:
    row = arrived.row
    return Waiting(row.seq, lane, row.created_ms, arrived.since_s, row.bytes, row.sent)
