"""What a run leaves for the checks: what the log took when, what was said when, and what stood in the way."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cloud.log.base import START, Cursor
from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.model import Evidence, Message, MsgType, Why
from cloud.warnings.reader import WarningsReader
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import NameText
from contract.catalogue.rules import Level
from contract.readings import Flag
from simulators.promise.warnings.district import Edition
from simulators.promise.warnings.features import on
from simulators.promise.warnings.sensors import Row
from simulators.promise.world import Broken, World

_ALL_CLEAR = b"<responseType>AllClear</responseType>"
_AREA = re.compile("<areaDesc>(.*?)</areaDesc>")
_NEWEST = 4  # messages, of which one step of the view seldom tells


@dataclass(frozen=True, slots=True)
class Heard:
    """One reading, in the log since `came_ms` (true time). place: among those of its channel, in the log's order."""

    came_ms: int
    time_ms: int
    value: float
    flag: int
    place: int = 0

    @property
    def usable(self) -> bool:
        return not math.isnan(self.value) and self.flag not in (Flag.FAIL, Flag.MISSING)


@dataclass(frozen=True, slots=True)
class Told:
    """One message. seen_ms: the true time at which it was first found in the ledger. level: None once it has ended.

    catalogue: by which it was made.
    """

    id: str
    incident: str
    zone: str
    msg_type: MsgType
    said_level: Level
    sent_ms: int
    seen_ms: int
    text: bytes
    catalogue: Catalogue
    why: Why | None = None
    expires_ms: int | None = None
    evidence: Sequence[Evidence] = ()

    @property
    def level(self) -> Level | None:
        return None if self.msg_type is MsgType.CANCEL else self.said_level

    @property
    def all_clear(self) -> bool:
        return _ALL_CLEAR in self.text


@dataclass(frozen=True, slots=True)
class Notice:
    """One message that nothing is known of some zones. zones: as its text names them; otherwise as of `Told`."""

    id: str
    incident: str
    zones: frozenset[str]
    msg_type: MsgType
    sent_ms: int
    seen_ms: int
    text: bytes
    catalogue: Catalogue
    why: Why | None
    expires_ms: int | None

    @property
    def all_clear(self) -> bool:
        return _ALL_CLEAR in self.text


@dataclass(slots=True)
class Era:
    """From one start to the next with other rules. cursor: up to where in the log the era before made messages.

    snapshot: up to where conditions were known when it began; what lies between was applied to them again. `START`: the
    view was made again from the log.
    """

    from_ms: int
    cursor: Cursor
    edition: Edition
    snapshot: Cursor


@dataclass(slots=True)
class Witness:
    """heard: by channel, as it came. said: in the order in which it was found; told: what of it tells of water.
    down: when the cloud did not run. legs: the eras, and from each making of the view from a log that other rules had
    judged: what comes of it is not what those made of it. handled: when heartbeats were made, true time, and up to
    where in the log the warnings had come by then."""

    world: World
    heard: dict[int, list[Heard]] = field(default_factory=dict)
    said: list[Told | Notice] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    eras: list[Era] = field(default_factory=list)
    legs: list[Era] = field(default_factory=list)
    down: list[tuple[int, int]] = field(default_factory=list)
    decided: list[tuple[int, Decision]] = field(default_factory=list)
    handled: list[tuple[int, Cursor]] = field(default_factory=list)
    _ids: dict[str, str] = field(default_factory=dict)
    _down_from_ms: int | None = None

    def logged(self, rows: Iterable[Row], came_ms: int) -> None:
        for row in rows:
            mine = self.heard.setdefault(row.channel, [])
            mine.append(Heard(came_ms, row.time_ms, row.value, row.flag, len(mine)))

    def began(self, edition: Edition, cursor: Cursor, snapshot: Cursor) -> None:
        """The cloud runs. cursor: up to where in the log messages were made. snapshot: see `Era`."""
        if self._down_from_ms is not None:
            self.down.append((self._down_from_ms, self.world.true_ms))
            self._down_from_ms = None
        leg = Era(self.world.true_ms, cursor, edition, snapshot)
        if not self.eras or self.eras[-1].edition is not edition:
            self.eras.append(leg)
            self.legs.append(leg)
        elif len(self.eras) > 1 and snapshot == START < cursor and self.legs[-1].cursor < cursor:
            self.legs.append(leg)

    def ended(self) -> None:
        """The cloud runs no more."""
        if self._down_from_ms is None:
            self._down_from_ms = self.world.true_ms

    def look_back(self, reader: WarningsReader) -> None:
        """Whatever the ledger says by now. Raises Broken when a message that was there is gone or reads otherwise."""
        found = list(reversed(reader.messages(limit=10_000)))
        now_ids = {m.id for m in found}
        gone = [name for name in self._ids if name not in now_ids]
        if gone and on("told-is-a-record"):
            raise Broken(f"told-is-a-record: {gone[0]} was told, and the ledger has it no more")
        self._note(found, reader)

    def look(self, reader: WarningsReader) -> None:
        """What is new in the ledger; the rest is looked at when the cloud starts again, and at the end."""
        found = list(reversed(reader.messages(limit=_NEWEST)))
        if len(found) == _NEWEST and found[0].id not in self._ids:  # there may be more
            self.look_back(reader)
        else:
            self._note(found, reader)

    def _note(self, found: Sequence[Message], reader: WarningsReader) -> None:
        """Some of the last messages, in the order in which they were told."""
        for m in found:
            text = hashlib.sha256(m.cap_xml).hexdigest()
            known = self._ids.get(m.id)
            if known is None:
                self._ids[m.id] = text
                self._hear(m, reader)
            elif known != text:
                raise Broken(f"one-id-one-text: {m.id} has another text than when it was told")

    def _hear(self, m: Message, reader: WarningsReader) -> None:
        now_ms, catalogue = self.world.true_ms, self.eras[-1].edition.catalogue
        why = m.why.value if m.why is not None else "?"
        if m.level is None:
            named = (*_zones_in(m.cap_xml, catalogue),)
            times = (m.sent_ms, now_ms, m.cap_xml, catalogue)
            self.said.append(Notice(m.id, m.incident, frozenset(named), m.msg_type, *times, m.why, m.expires_ms))
            self.world.say(f"TOLD {m.msg_type.value} blind {' '.join(named)} {why} {m.id[-20:]} of {m.incident}")
            return
        incident = reader.incident(m.incident)
        zone = incident.zone if incident is not None else ""
        more = (m.why, m.expires_ms, tuple(m.evidence))
        told = Told(m.id, m.incident, zone, m.msg_type, m.level, m.sent_ms, now_ms, m.cap_xml, catalogue, *more)
        self.said.append(told)
        self.told.append(told)
        self.world.say(f"TOLD {m.msg_type.value} {zone} {m.level_word} {why} {m.id[-20:]} of {m.incident}")

    def decision(self, decision: Decision, came_ms: int, new: bool) -> None:
        """It is in the log since `came_ms`, true time; not new: since an earlier try, about when it was made."""
        if all(d.id != decision.id for _, d in self.decided):
            self.decided.append((came_ms if new else decision.at_ms, decision))

    def mutes(self, channel: int, station: str) -> list[tuple[int, int]]:
        """From when to when a channel was muted, by itself or with its station; true time."""
        out = []
        for target in (f"channel/{channel}", f"station/{station}"):
            mine = [(ms, d) for ms, d in self.decided if d.kind is DecisionKind.MUTE and d.target == target]
            for n, (came_ms, d) in enumerate(mine):
                until_ms = int(d.detail["until_ms"] or 0)
                next_ms = mine[n + 1][0] if n + 1 < len(mine) else until_ms
                out.append((came_ms, min(until_ms, next_ms)))
        return [(a, b) for a, b in out if b > a]

    def ends(self, zone: str, until_ms: int) -> list[int]:
        """When people ended incidents of a zone, true time."""
        of_zone = {t.incident for t in self.told if t.zone == zone}
        return [ms for ms, d in self.decided if ms <= until_ms and d.kind is DecisionKind.END and d.target in of_zone]

    def at(self, ms: int) -> str:
        """As the trace counts."""
        return f"{(ms - self.world.start_ms) / 1000:.1f}"

    def ran_ms(self, from_ms: int, until_ms: int) -> int:
        """How much of that time the cloud ran."""
        down_ms = sum(max(0, min(b, until_ms) - max(a, from_ms)) for a, b in self.down)
        return until_ms - from_ms - down_ms

    def undisturbed_from(self, from_ms: int, need_ms: int) -> int:
        """When the cloud has run for `need_ms` on end, at the earliest after `from_ms`."""
        at = from_ms
        for down_from, down_to in sorted(self.down):
            if down_from < at + need_ms and down_to > at:
                at = down_to
        return at + need_ms


def _zones_in(text: bytes, catalogue: Catalogue) -> list[str]:
    """Which zones a message names, or by their identifiers those that are in the catalogue no longer."""
    areas = _AREA.findall(text.decode())
    names = {zone: NameText.of(z.name).into("en") for zone, z in catalogue.zones.items()}
    listed = areas[-1].split(", ") if areas else []
    return [next((zone for zone, name in names.items() if name == x), x) for x in listed]
