"""What the cloud accepts, refuses and acknowledges: a state machine without I/O.

A group of messages goes through `sort_out`: each becomes an entry to append or a refusal to keep aside. When both are
durable, `acks` says exactly which sequences are. One bad message never spoils its neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cloud.ingest.origins import Origins
from cloud.log.base import NewEntry
from contract.catalogue.catalogue import Catalogue
from contract.channel_rows import ChannelRows
from contract.readings import ReadingBatch
from contract.wire import wire_pb2 as pb
from contract.wire.ack import MAX_ACKED_SEQS, Ack
from contract.wire.batch import columns, parse_batch, said_simulated
from contract.wire.envelope import MAX_SEQ, Lane, RefusalReason, WireError
from contract.wire.topics import UP_KINDS, TopicKind, parse_topic

_LANE = dict(zip(UP_KINDS, (Lane.ALARM, Lane.LIVE, Lane.HISTORY), strict=True))
_DAY_MS = 86_400_000
_WHY = {RefusalReason.NO_IDENTITY: "its gateway has no identity that is valid now: see `headwater-cloud gateway list`"}


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A publication on one of the up topics, as it came."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not stored as readings. spool and seq are 0 when the bytes do not tell."""

    topic: str
    gateway: str
    spool: int
    seq: int
    reason: RefusalReason
    detail: str
    payload: bytes


@dataclass(slots=True)
class Admitted:
    """counts: readings of each entry, in step with `entries`. said: by gateway, whether its batches said that they are
    simulated: both when they differ, nothing of one that did not say."""

    entries: list[NewEntry] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    said: defaultdict[str, set[bool]] = field(default_factory=lambda: defaultdict(set))

    def keep(self, entry: Callable[[NewEntry], bool], refusal: Callable[[Refusal], bool]) -> None:
        """What these do not want is left out: neither stored nor kept aside, and so not acknowledged."""
        kept = [(e, n) for e, n in zip(self.entries, self.counts, strict=True) if entry(e)]
        self.entries, self.counts = [e for e, _ in kept], [n for _, n in kept]
        self.refusals = [r for r in self.refusals if refusal(r)]


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Readings older or newer than this, by the cloud's clock, are kept aside, not stored as history."""

    oldest_days: float = 400.0
    newest_s: float = 600.0


class Admission:
    """Whether a message from a gateway may enter the log: its form, its sender, its channels and its times.

    Pure: takes messages and `now`, gives entries to append, refusals and acknowledgements.
    """

    def __init__(self, catalogue: Catalogue, settings: AdmissionSettings | None = None) -> None:
        self._settings = settings or AdmissionSettings()
        self.catalogue = catalogue
        self._district = catalogue.district.id
        self._gateways = list(catalogue.gateways)
        self._number = {g: i for i, g in enumerate(self._gateways)}
        channels = sorted(catalogue.channels)
        self._rows = ChannelRows(np.array(channels, np.uint32))
        # by row the number of the gateway that owns the channel; the last, at -1, stands for a channel of nobody
        self._owner = np.array([*(self._number[catalogue.channels[c].gateway] for c in channels), -1], np.int32)
        self._topics: dict[str, tuple[str, Lane] | None] = {}
        self._allowed: frozenset[str] | None = None
        self.origins = Origins(catalogue)

    def allow(self, gateways: frozenset[str] | None) -> None:
        """From now on only these gateways are heard; None: identity is not checked. Safe from any thread."""
        self._allowed = gateways

    def allows(self, gateway: str) -> bool:
        allowed = self._allowed
        return allowed is None or gateway in allowed

    def follow(self, origins: Origins) -> None:
        """From now on the batches of gateways that these refuse are refused as simulated, each with its reason."""
        self.origins = origins

    def sort_out(self, messages: Sequence[InboundMessage], now_ms: int) -> Admitted:
        out = Admitted()
        good: list[tuple[InboundMessage, pb.Batch, Lane]] = []
        for m in messages:
            try:
                lane, parsed = self._parse(m, out.said)
            except WireError as error:
                out.refusals.append(self._refusal(m, None, error.reason, str(error)))
                continue
            if isinstance(parsed, RefusalReason):
                out.refusals.append(self._refusal(m, None, parsed, self._why(m, parsed)))
            else:
                good.append((m, parsed, lane))
        if good:
            try:
                self._accept(good, columns([p for _, p, _ in good]), now_ms, out)
            except WireError:  # one of them holds a bad flag or channel: find it alone
                for one in good:
                    try:
                        self._accept([one], columns([one[1]]), now_ms, out)
                    except WireError as error:
                        out.refusals.append(self._refusal(one[0], one[1], error.reason, str(error)))
        return out

    def acks(
        self, entries: Sequence[NewEntry], refusals: Sequence[Refusal], durable: Mapping[tuple[str, int], int]
    ) -> list[tuple[str, Ack]]:
        """(gateway, acknowledgement) for what has just become durable. durable: contiguous prefix of each spool."""
        seqs: dict[tuple[str, int], set[int]] = defaultdict(set)
        refused: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        for e in entries:
            seqs[e.gateway, e.spool].add(e.seq)
        for r in refusals:
            if r.seq and r.gateway in self._number:
                refused[r.gateway, r.spool][r.seq] = r.reason.value
        out: list[tuple[str, Ack]] = []
        for key in seqs.keys() | refused.keys():
            gateway, spool = key
            prefix = durable.get(key, 0)
            above = sorted(s for s in seqs[key] if s > prefix)
            pages = [above[i : i + MAX_ACKED_SEQS] for i in range(0, len(above), MAX_ACKED_SEQS)] or [[]]
            out.extend((gateway, Ack(spool, prefix, tuple(page), refused[key])) for page in pages)
        return out

    def _parse(self, m: InboundMessage, said: defaultdict[str, set[bool]]) -> tuple[Lane, pb.Batch | RefusalReason]:
        where = self._topics.get(m.topic)
        if where is None:
            where = self._topic(m.topic)
            if where is None:
                return Lane.LIVE, RefusalReason.BAD_TOPIC
            if len(self._topics) < 10_000:
                self._topics[m.topic] = where
        gateway, lane = where
        batch = parse_batch(m.payload)
        if batch.gateway != gateway:
            return lane, RefusalReason.WRONG_GATEWAY
        if gateway not in self._number:
            return lane, RefusalReason.UNKNOWN_GATEWAY
        if not self.allows(gateway):
            return lane, RefusalReason.NO_IDENTITY
        simulated = said_simulated(batch)
        denied = simulated is not None and self.origins.denied(gateway, simulated)
        if simulated is not None and not denied:
            said[gateway].add(simulated)
        if denied or gateway in self.origins.refused:
            return lane, RefusalReason.SIMULATED
        return lane, batch

    def _why(self, m: InboundMessage, reason: RefusalReason) -> str:
        topic = parse_topic(m.topic)
        if reason is RefusalReason.SIMULATED and topic is not None:
            of_before = f"{topic.gateway} says by now of itself whether it is simulated, and this batch says otherwise"
            return self.origins.refused.get(topic.gateway, of_before)
        return _WHY.get(reason, reason.value)

    def _topic(self, text: str) -> tuple[str, Lane] | None:
        topic = parse_topic(text)
        if topic is None or topic.kind not in _LANE or topic.district != self._district:
            return None
        return topic.gateway, _LANE[TopicKind(topic.kind)]

    def _accept(
        self, good: Sequence[tuple[InboundMessage, pb.Batch, Lane]], readings: ReadingBatch, now_ms: int, out: Admitted
    ) -> None:
        counts = np.fromiter((p.count for _, p, _ in good), np.int64, len(good))
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        gateway = np.fromiter((self._number[p.gateway] for _, p, _ in good), np.int32, len(good))
        foreign = np.add.reduceat(
            self._owner[self._rows.of(readings.channel)] != np.repeat(gateway, counts), starts, dtype=np.int64
        )
        first = np.minimum.reduceat(readings.time_ms, starts).tolist()
        last = np.maximum.reduceat(readings.time_ms, starts).tolist()
        oldest_ms = now_ms - int(self._settings.oldest_days * _DAY_MS)
        newest_ms = now_ms + int(self._settings.newest_s * 1000)
        for i, (m, p, lane) in enumerate(good):
            if foreign[i]:
                reason, detail = RefusalReason.FOREIGN_CHANNEL, f"{foreign[i]} readings of channels it does not own"
            elif p.clock_unsynchronised:
                reason, detail = RefusalReason.CLOCK_UNSYNCHRONISED, "the gateway never learnt when these were read"
            elif first[i] < oldest_ms:
                reason, detail = RefusalReason.TIME_PAST, f"its first reading is at {first[i]} ms"
            elif last[i] > newest_ms:
                reason, detail = RefusalReason.TIME_FUTURE, f"its last reading is at {last[i]} ms"
            else:
                out.entries.append(NewEntry(p.gateway, p.spool, p.seq, lane, first[i], last[i], m.payload))
                out.counts.append(p.count)
                continue
            out.refusals.append(self._refusal(m, p, reason, detail))

    def _refusal(self, m: InboundMessage, parsed: pb.Batch | None, reason: RefusalReason, detail: str) -> Refusal:
        if parsed is None:
            parsed = _envelope(m.payload)
        topic = parse_topic(m.topic)
        gateway = topic.gateway if topic else ""
        spool, seq = (parsed.spool, parsed.seq) if parsed is not None else (0, 0)
        return Refusal(m.topic, gateway, spool, seq, reason, detail, m.payload)


def _envelope(payload: bytes) -> pb.Batch | None:
    """Spool and sequence of a message that is otherwise no good, so that its sender can be told."""
    if len(payload) > 1024 * 1024:
        return None
    try:
        found = pb.Batch.FromString(payload)
    except Exception:  # the parser's error is no type of its own in every implementation
        return None
    return found if found.seq <= MAX_SEQ else None
