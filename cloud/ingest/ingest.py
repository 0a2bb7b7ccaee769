"""Admission, quarantine and log together: everything the receiving shell does but talk. No sockets, no clock; a lock
lets several threads call.

`take` is durable on return and says exactly what may be acknowledged. The MQTT shell (`cloud.ingest.mqtt`) carries
messages; the seeded simulation carries them, too, and loses some.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.ingest.admission import Admission, Admitted, InboundMessage, Refusal
from cloud.ingest.allowance import Allowance
from cloud.ingest.bounds import SpoolBounds
from cloud.ingest.links import GatewayLink
from cloud.ingest.origins import Origins
from cloud.ingest.parting import by_origin, gateway_of
from cloud.ingest.quarantine import Quarantine
from cloud.ingest.release import release_one, released_earlier
from cloud.ingest.sparing_log import SparingLog
from cloud.log.base import BatchLog, EntryKind, Key
from cloud.log.origin import Origin, origin_entry
from contract.wire.ack import Ack, encode_ack
from contract.wire.birth import Birth, decode_birth
from contract.wire.envelope import WireError
from contract.wire.state import GatewayState, decode_state
from contract.wire.topics import Topic, TopicKind, parse_topic

log = logging.getLogger(__name__)

_CHANGES_PER_S, _CHANGES_AT_ONCE = 1 / 60, 60  # of what a gateway says of itself: real, or simulated
_MAX_FLOOR = 2**63 - 1  # what a database can hold; no spool gets there


@dataclass(slots=True)
class _Link:
    online: bool = False
    last_batch_ms: int | None = None
    batches: int = 0
    readings: int = 0
    refused: int = 0
    state: GatewayState | None = None


class Ingest:
    """One thread takes; any may release, and ask for `counters` and `links`."""

    def __init__(
        self,
        receiver: Admission,
        batch_log: BatchLog,
        quarantine: Quarantine,
        district: str,
        gateways: Sequence[str],
    ) -> None:
        self._receiver, self._log, self._quarantine = receiver, batch_log, quarantine
        self._district = district
        self._origins = Origins(receiver.catalogue, batch_log.notes(EntryKind.ORIGIN))
        receiver.follow(self._origins)
        self.bounds = SpoolBounds(batch_log.seen)
        self._changes = Allowance(_CHANGES_PER_S, _CHANGES_AT_ONCE)
        self._unwritten: dict[str, Origin] = {}  # what gateways said and the log could not take
        self._links: dict[str, _Link] = {g: _Link() for g in gateways}
        self.counts: Counter[str] = Counter()
        # Two, for the time that gateways are told, of which one goes by, may not be known.
        self._sparingly, self._said_sparingly = SparingLog(log), SparingLog(log)
        # Kept aside, and the log does not know yet: a crash or a full disk came between the two.
        self._unsettled: set[Key] = {
            key for key in quarantine.ever_kept() if key[2] and key[0] in self._links and not self._seen(key)
        }
        self._lock = threading.Lock()  # the receiver, log and quarantine are one state: one thread at a time

    def take(self, group: Sequence[InboundMessage], now_ms: int) -> list[InboundMessage]:
        """The acknowledgements to publish; what they name is on disk. Raises what the stores raise when they cannot
        keep it: then nothing is acknowledged, and the same group may be tried again."""
        with self._lock:
            return self._take(group, now_ms)

    def release(self, number: int, now_ms: int, who: str) -> str | None:
        """One batch out of quarantine, while others come in. Empty: it is in the log; else why it is refused again;
        None when no such batch waits. Doing it twice stores nothing twice. who: decides it, as in the audit record."""
        found = self._quarantine.one(number)
        earlier = found is not None and released_earlier(found, self._log)  # nobody waits while it reads
        with self._lock:
            kept = self._quarantine.one(number)
            if kept is None:
                return None
            refusal = release_one(kept, self._quarantine, self._receiver, self._log, now_ms, who, earlier)
            self.counts["batches_released" if refusal is None else "releases_refused"] += 1
            return "" if refusal is None else f"{refusal.reason.value}: {refusal.detail}"

    def _take(self, group: Sequence[InboundMessage], now_ms: int) -> list[InboundMessage]:
        if self._unsettled:  # what was kept aside once stays aside, though its time would be good by now
            self._log.append([], now_ms, sorted(self._unsettled))
            self._unsettled.clear()
        found = self._receiver.sort_out(group, now_ms)
        if any(len(both) > 1 for both in found.said.values()):  # a spool that was filled before and after a change
            parts = by_origin(group, found.said)
            self.counts["origins_deferred"] += len(group) - sum(map(len, parts))
            return [ack for part in parts for ack in self._take(part, now_ms)]
        said = {gateway: simulated for gateway, (simulated,) in found.said.items()}
        if unheard := {g for g, simulated in said.items() if not self._may_say(g, simulated, now_ms)}:
            self.counts["origins_deferred"] += len(unheard)
            return self._take([m for m in group if gateway_of(m) not in unheard], now_ms)
        if self._hear_origins(said, now_ms):  # that decides over these very batches
            found = self._receiver.sort_out(group, now_ms)
        self._keep_within_bounds(found, now_ms)
        known = [r for r in found.refusals if self._names_a_batch(r)]
        if aside := self._to_keep(found.refusals):
            self._quarantine.keep(aside, now_ms)
        keys = [_key(r) for r in known]
        self._unsettled.update(keys)
        fresh = self._log.append(found.entries, now_ms, keys)
        self._unsettled.clear()
        spools = {(e.gateway, e.spool) for e in found.entries} | {(r.gateway, r.spool) for r in known}
        durable = {key: self._log.seen.acknowledged(*key)[0] for key in spools}
        self._count(found, fresh, now_ms)
        return [
            InboundMessage(str(Topic(self._district, gateway, TopicKind.ACK)), encode_ack(ack))
            for gateway, ack in self._receiver.acks(found.entries, known, durable)
        ]

    def heard_of(self, message: InboundMessage, now_ms: int = 0) -> list[InboundMessage]:
        """A birth, a gateway's state, or a change of its link. The answers to publish: what is durable of the spool it
        named, and the time. now_ms: 0 when the caller does not tell it."""
        topic = parse_topic(message.topic)
        if topic is None or topic.gateway not in self._links:
            self.counts["unknown_gateway_heard"] += 1
            return []
        if not self._receiver.allows(topic.gateway):
            self.counts["no_identity_heard"] += 1
            self._links[topic.gateway].online = False
            return []
        if topic.kind is TopicKind.ONLINE:
            self._links[topic.gateway].online = message.payload == b"1"
            return []
        try:
            said = decode_state(message.payload) if topic.kind is TopicKind.STATE else decode_birth(message.payload)
        except WireError as error:
            self.counts["unreadable_births"] += 1
            self._said_sparingly.warn(topic.gateway, now_ms, "a message on %s cannot be read: %s", message.topic, error)
            return []
        if said.gateway != topic.gateway or said.floor > _MAX_FLOOR:
            self.counts["unreadable_births"] += 1
            return []
        if isinstance(said, Birth):
            self.counts["births"] += 1
            self._hear_birth(said, now_ms)
        else:
            self.counts["states"] += 1
            self._links[topic.gateway].state = said
        known = self._log.seen.gaps(topic.gateway, said.spool) is not None
        if said.floor and (known or self.bounds.take((topic.gateway, said.spool, said.floor), now_ms)):
            try:
                self._log.seen.settled(topic.gateway, said.spool, said.floor)
            except (sqlite3.Error, OSError) as error:  # it only saves room, and comes again with the next state
                self.counts["floor_failures"] += 1
                log.warning("cannot keep the floor of %s: %s", topic.gateway, error)
        prefix, highest = self._log.seen.acknowledged(topic.gateway, said.spool)
        last = (
            (highest,) if highest > prefix else ()
        )  # so that a spool which never gave it learns of another of its name
        ack = Ack(said.spool, prefix, last, cloud_ms=now_ms, asked_ms=said.asked_ms if now_ms else 0)
        return [InboundMessage(str(Topic(self._district, topic.gateway, TopicKind.ACK)), encode_ack(ack))]

    def troubles(self) -> list[str]:
        """Simulated gateways that are refused and gateways that have reached a bound, each with the reason."""
        refused = [f"{why}: its batches are kept aside" for _, why in sorted(self._origins.refused.items())]
        return refused + self.bounds.troubles()

    def counters(self) -> Mapping[str, int]:
        """Totals since start, by name."""
        return {**self.counts, **self.bounds.counts}

    def links(self) -> list[GatewayLink]:
        return [
            # Its last will is not let through once it is revoked, so its "1" would stand for ever.
            GatewayLink(
                g,
                link.online and self._receiver.allows(g),
                link.last_batch_ms,
                link.batches,
                link.readings,
                link.refused,
                link.state,
            )
            for g, link in sorted(self._links.items())
        ]

    def _hear_birth(self, birth: Birth, now_ms: int) -> None:
        """Durable when this returns, before any batch that comes after; if the disk refuses, before the next take."""
        with self._lock:
            if not self._may_say(birth.gateway, birth.simulated, now_ms):
                self.counts["origins_deferred"] += 1
                return
            self._origins.born(Origin(birth.gateway, birth.simulated))
            try:
                self._hear_origins({birth.gateway: birth.simulated}, now_ms)
            except (sqlite3.Error, OSError) as error:
                self.counts["origin_failures"] += 1
                log.warning("cannot log where readings of %s come from: %s", birth.gateway, error)

    def _may_say(self, gateway: str, simulated: bool, now_ms: int) -> bool:
        """Whether a gateway may say so of itself now: a change is dear for those who watch its zones."""
        waits = self._unwritten.get(gateway)  # for a log that could not take it
        same = self._origins.logged(gateway) is simulated or (waits is not None and waits.simulated is simulated)
        return same or self._changes.take(gateway, now_ms / 1000)

    def _hear_origins(self, said: Mapping[str, bool], now_ms: int) -> bool:
        """Whether a gateway says of itself what the log did not know; it does when this returns."""
        for gateway, simulated in said.items():
            if self._origins.logged(gateway) is simulated:
                self._unwritten.pop(gateway, None)
            else:
                self._unwritten[gateway] = Origin(gateway, simulated)
        if not self._unwritten:
            return False
        self._write_origins(now_ms)
        return True

    def _write_origins(self, now_ms: int) -> None:
        waiting = list(self._unwritten.values())
        self._log.append([origin_entry(o, self._origins.number(o.gateway), now_ms) for o in waiting], now_ms)
        self._unwritten.clear()
        before = self._origins.refused
        for origin in waiting:
            self._origins.say(origin)
        self._tell_refused(before)

    def _tell_refused(self, before: Mapping[str, str]) -> None:
        refused = self._origins.refused
        for gateway in refused.keys() - before.keys():
            log.error("%s: its batches are kept aside", refused[gateway])

    def _keep_within_bounds(self, found: Admitted, now_ms: int) -> None:
        """Leaves out what would make the memory of what was seen grow without end."""
        found.keep(
            lambda e: self.bounds.take((e.gateway, e.spool, e.seq), now_ms),
            lambda r: not self._names_a_batch(r) or self.bounds.take(_key(r), now_ms),
        )

    def _seen(self, key: Key) -> bool:
        return self._log.seen.was_seen(key)

    def _names_a_batch(self, refusal: Refusal) -> bool:
        return refusal.seq > 0 and refusal.gateway in self._links

    def _to_keep(self, refusals: Sequence[Refusal]) -> list[Refusal]:
        """All that name no batch, and of each batch the first, unless the log knows it.

        What was stored and comes again to a clock that refuses it now is stored: it must not be kept aside, too. And
        what came twice, by two lanes (as live, then as history), is one batch and kept once.
        """
        out: list[Refusal] = []
        met: set[Key] = set()
        for r in refusals:
            if not self._names_a_batch(r):
                out.append(r)
            elif (key := _key(r)) not in met:
                met.add(key)
                if not self._seen(key):
                    out.append(r)
        return out

    def _count(self, found: Admitted, fresh: Sequence[bool], now_ms: int) -> None:
        for entry, n, new in zip(found.entries, found.counts, fresh, strict=True):
            if not new:
                self.counts["batches_repeated"] += 1
                continue
            self.counts["batches_stored"] += 1
            self.counts["readings_stored"] += n
            if self._origins.said(entry.gateway) is None:
                before = self._origins.refused
                self._origins.took(entry.gateway)
                self._tell_refused(before)
            link = self._links[entry.gateway]
            link.batches += 1
            link.readings += n
            link.last_batch_ms = now_ms
        for r in found.refusals:
            self.counts[f"refused_{r.reason.value}"] += 1
            if r.gateway in self._links:
                self._links[r.gateway].refused += 1
            name = r.gateway if r.gateway in self._links else ""
            self._sparingly.warn(name, now_ms, "refused a batch on %s: %s", r.topic, r.detail)


def _key(refusal: Refusal) -> Key:
    return refusal.gateway, refusal.spool, refusal.seq
