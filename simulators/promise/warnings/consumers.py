"""Consumers, each a sink: down, busy, gone, slow, without an answer, or choking on some messages.

Most want all warnings, some but those of a zone, a level, a kind or a status; an engineer wants maintenance notices
alone. Some want heartbeats."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple

from cloud.delivery.base import GivenUp, NotDelivered, Refused, body_of
from cloud.delivery.notice import Notice, NoticeType
from cloud.delivery.wants import Kind, Step, Wants
from cloud.warnings.model import Message
from contract.catalogue.rules import Level
from contract.clock import to_ms
from simulators.promise.warnings.district import PLACES
from simulators.promise.warnings.water import MINUTE_MS
from simulators.promise.world import World

SLOW_S = 4.0
WARNINGS = Wants(frozenset({Kind.WARNING, Kind.BLIND, Kind.CONSUMER}))
MAINTENANCE = Wants(frozenset({Kind.MAINTENANCE}))
_DEPUTIES = 0.25
_HEARTBEATS = 0.15  # of those that want warnings
_CHOOSY = 0.8  # of the radios
_ENGINEERS = 0.25  # of the seeds: finding what they are told takes a seed a tenth of its time


class Mood(StrEnum):
    """What a consumer does for a while."""

    DOWN = "down"
    BUSY = "busy"  # 429, with Retry-After 30
    GONE = "gone"  # 410
    MUTE = "mute"  # takes the message and does not answer
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A mood from one moment to another."""

    mood: Mood
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that has arrived. sure: the consumer's answer arrived, too, as far as it knows."""

    at_ms: int
    message: Message
    sure: bool


@dataclass(frozen=True, slots=True)
class NoticeReceipt:
    """A maintenance notice that has arrived. sure: as of `Receipt`."""

    at_ms: int
    notice: Notice
    sure: bool


class Beat(NamedTuple):
    """A heartbeat that has arrived. as_of_ms: up to when it says that warnings know what was measured; None: it does
    not say."""

    at_ms: int
    number: int
    as_of_ms: int | None


class Tried(NamedTuple):
    """The first that a consumer was asked to take of an incident: when, and which message."""

    at_ms: int
    message: str


class Consumer:
    """A `cloud.delivery.base.Sink`. chokes_on: refuses every message whose identifier ends in one of these digits.

    wants: what it asked to be told. languages: in which; empty: in all. heartbeat_s: between heartbeats; None: it wants
    none."""

    def __init__(
        self,
        world: World,
        name: str,
        chokes_on: str,
        troubles: Sequence[Trouble],
        wants: Wants = WARNINGS,
        languages: Sequence[str] = (),
        heartbeat_s: float | None = None,
    ) -> None:
        self._world, self._name, self.chokes_on = world, name, chokes_on
        self.troubles, self.wants = tuple(troubles), wants
        self.languages, self.heartbeat_s = tuple(languages), heartbeat_s
        self.has: list[Receipt] = []
        self.texts: dict[str, str] = {}  # by message, of who asked for some languages alone
        self.beats: list[Beat] = []
        self.notices: list[NoticeReceipt] = []  # of maintenance
        self.first_tried: dict[str, Tried] = {}  # by incident
        self.tried_ms: int | None = None  # when it was last asked to take something
        self.doubts: list[int] = []  # when the cloud fell and could not know what it had been told

    @property
    def name(self) -> str:
        return self._name

    def mood(self) -> Mood | None:
        """Now."""
        at = self._world.true_ms
        return next((t.mood for t in self.troubles if t.from_ms <= at < t.to_ms), None)

    def cut_off(self) -> None:
        """The cloud fell in the middle of telling it."""
        self.doubts.append(self._world.true_ms)

    def deliver(self, message: Message) -> str:
        mood = self.mood()
        self.tried_ms = self._world.true_ms
        self.first_tried.setdefault(message.incident, Tried(self._world.true_ms, message.id))
        match mood:
            case Mood.DOWN:
                raise NotDelivered("no answer: the connection was refused")
            case Mood.BUSY:
                raise NotDelivered("HTTP 429", wait_s=30.0)
            case Mood.GONE:
                raise GivenUp("HTTP 410")
        if self.refuses(message.id):
            raise Refused("HTTP 422")
        self._world.say(f"{self.name} gets {message.msg_type.value} {message.id[-20:]}")
        self.has.append(Receipt(self._world.true_ms, message, mood is not Mood.MUTE))
        if self.languages:
            self.texts[message.id] = body_of(message, self.languages)["cap"]
        if mood is Mood.MUTE:
            raise NotDelivered("no answer within 10 s", perhaps=True)
        return "thanks"

    def notify(self, notice: Notice) -> str:
        mood = self.mood()
        if mood is Mood.GONE:
            raise GivenUp("HTTP 410")
        if mood in (Mood.DOWN, Mood.BUSY):
            raise NotDelivered("no answer")
        if notice.type is NoticeType.HEARTBEAT:
            as_of = notice.more["warnings_as_of"]
            as_of_ms = None if as_of is None else to_ms(datetime.fromisoformat(as_of))
            self.beats.append(Beat(self._world.true_ms, notice.more["number"], as_of_ms))
        if notice.type is NoticeType.MAINTENANCE:
            self.tried_ms = self._world.true_ms
            self._world.say(f"{self.name} gets {notice.id}")
            self.notices.append(NoticeReceipt(self._world.true_ms, notice, mood is not Mood.MUTE))
            if mood is Mood.MUTE:
                raise NotDelivered("no answer within 10 s", perhaps=True)
        return f"thanks for {notice.id}"

    def close(self) -> None:
        """It goes on without us."""

    def refuses(self, message: str) -> bool:
        return message[-1] in self.chokes_on


def some_consumers(world: World, minutes: int) -> list[Consumer]:
    """One or two that want warnings; in some seeds an engineer, who wants maintenance notices. Each has random numbers
    of its own: who else there is alters nothing for it."""
    taste = random.Random(f"consumers {world.seed}")
    names = ("police", "radio")[: taste.choice((1, 1, 2))]
    out = []
    for name in names:
        troubles = _some_troubles(taste, world, minutes)
        chokes_on = "37" if taste.random() < 0.3 else ""
        own = random.Random(f"wishes of {name} {world.seed}")
        wants, languages = _some_wishes(own) if name == "radio" else (WARNINGS, ())
        heartbeat_s = 60.0 if own.random() < _HEARTBEATS else None
        out.append(Consumer(world, name, chokes_on, troubles, wants, languages, heartbeat_s))
    taste = random.Random(f"engineer {world.seed}")
    if taste.random() < _ENGINEERS:
        out.append(Consumer(world, "engineer", "", _some_troubles(taste, world, minutes), MAINTENANCE))
    taste = random.Random(f"deputy {world.seed}")
    if taste.random() < _DEPUTIES:
        out.append(Consumer(world, "deputy", "", _some_troubles(taste, world, minutes), _some_escalation(taste)))
    return out


def _some_wishes(rng: random.Random) -> tuple[Wants, tuple[str, ...]]:
    """What somebody wants, and in which languages."""
    if rng.random() > _CHOOSY:
        return WARNINGS, ()
    wants = WARNINGS
    match rng.choice(("level", "level", "zone", "zone", "kind", "status")):
        case "level":
            wants = replace(wants, levels=rng.choice((frozenset({Level.RED}), frozenset({Level.ORANGE, Level.RED}))))
        case "zone":
            wants = replace(wants, zones=frozenset(rng.sample(sorted(PLACES), rng.choice((1, 1, 2)))))
        case "kind":
            wants = replace(wants, kinds=frozenset({rng.choice((Kind.WARNING, Kind.BLIND))}))
        case "status":
            wants = replace(wants, statuses=frozenset({rng.choice(("Actual", "Exercise"))}))
    return wants, rng.choice(((), ("en",), ("zh",), ("fr",)))


def _some_escalation(rng: random.Random) -> Wants:
    """From the police, after a minute or ten, at all levels or the two worst, always or at night: runs are by day."""
    hours = rng.choice(((), (), (time(20), time(6))))
    levels = rng.choice((frozenset[Level](), frozenset({Level.ORANGE, Level.RED})))
    step = replace(Step("police", rng.choice((60.0, 600.0)), *hours), levels=levels)
    return replace(WARNINGS, steps=(step,), kin={"police": WARNINGS})


def _some_troubles(rng: random.Random, world: World, minutes: int) -> list[Trouble]:
    """None, one or two."""
    troubles: list[Trouble] = []
    at = 0.0
    for _ in range(rng.choice((0, 1, 1, 2))):
        at += rng.uniform(3, minutes / 2)
        length = rng.choice((1, 4, 15, 35))
        if at + length > minutes - 2:
            break
        from_ms = world.start_ms + int(at * MINUTE_MS)
        troubles.append(Trouble(rng.choice(list(Mood)), from_ms, from_ms + length * MINUTE_MS))
        at += length
    return troubles
