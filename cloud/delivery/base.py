"""What a kind of sink is made of: its settings, which make the sink, and the sink, which delivers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

from pydantic import Field, StringConstraints, model_validator

from cloud.delivery.egress import Egress
from cloud.delivery.escalation import EscalationSettings
from cloud.delivery.maintenance_wants import MaintenanceSettings
from cloud.delivery.notice import Notice
from cloud.delivery.outgoing import Resolver
from cloud.delivery.readable import in_languages
from cloud.delivery.values import Policy
from cloud.delivery.wants import PUBLIC_KINDS, Kind, Wants
from cloud.warnings.codec import message_json
from cloud.warnings.model import Message
from contract.catalogue.rules import Level
from contract.refusing import refusals
from contract.settings_model import Id, Many, SettingsModel

LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]  # RFC 5646, in short


class NotDelivered(Exception):
    """The consumer takes no message for now: try again. The text says why, without secrets: it is shown.

    perhaps: it may have this one all the same, as when it took the request and did not answer. wait_s: how long it
    asks to be left alone, in real seconds.
    """

    def __init__(self, why: str, *, perhaps: bool = False, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.perhaps, self.wait_s = perhaps, wait_s


class Refused(Exception):
    """The consumer is there and does not take this message. After some tries it is set aside; others go on."""


class GivenUp(Exception):
    """The consumer has said that it wants no more (HTTP 410, RFC 9110, 15.5.11). The text says how."""


class Sink(Protocol):
    """Reaches one consumer. Used from as many threads at once as its settings' `parallel` says."""

    @property
    def name(self) -> str:
        """As in the configuration; deliveries are kept under it."""
        ...

    def deliver(self, message: Message) -> str:
        """Gives the consumer's receipt, for the record, once the consumer has the message for good.

        The same message may come again, after a power cut or a lost answer: `message.id` stays the same, for the
        consumer to tell. Blocks for as long as the sink's own time limit at most. Raises NotDelivered, GivenUp.
        """
        ...

    def close(self) -> None:
        """Nothing is delivered after it."""
        ...


@runtime_checkable
class TakesNotices(Protocol):
    """A sink whose consumer can be told of more than warnings, and be asked by a test whether it is back."""

    def notify(self, notice: Notice) -> str:
        """As `Sink.deliver`."""
        ...


class SinkSettings(SettingsModel):
    """One entry of `delivery:`. A kind adds `kind: Literal["..."]` and what it needs.

    name: of the sink, one of its own; what was delivered is remembered under it. parallel: how many messages, each of
    another incident, may be under way to it at once. refusals: how often a message that the consumer refuses is tried
    before it is set aside. enabled: false: it gets nothing.

    public: whoever may read what it gets. kinds: of what it gets; when not given, warnings and blind notices and how
    other consumers are, and in public warnings alone. levels, zones, statuses, languages: of the messages; all when
    empty, but in public of the statuses only Actual. escalate: who is told instead when nobody acts. heartbeat_s:
    between heartbeats; none when not given. maintenance: which notices, and when; as the file's own `maintenance:` says
    when not given.
    """

    name: Id
    parallel: Annotated[int, Field(ge=1, le=64)] = 1
    refusals: Annotated[int, Field(ge=1, le=1000)] = 5
    enabled: bool = True
    public: bool = False
    kinds: Many[Kind] = ()
    levels: Many[Level] = ()
    zones: Many[Id] = ()
    statuses: Many[Literal["Actual", "Exercise", "System", "Test"]] = ()
    languages: Many[LanguageTag] = ()
    escalate: tuple[EscalationSettings, ...] = ()
    heartbeat_s: Annotated[float, Field(ge=10, le=3600)] | None = None
    maintenance: MaintenanceSettings | None = None

    @model_validator(mode="after")
    def _public_is_public(self) -> Self:
        inner = [kind.value for kind in self.kinds if kind not in PUBLIC_KINDS]
        if self.public and inner:
            raise refusals(type(self).__name__, [(("kinds",), f"{', '.join(inner)}: not for the public: take it out")])
        if self.maintenance is not None and Kind.MAINTENANCE not in self.kinds:
            what = "it is told of no maintenance: write `maintenance` into its `kinds`, or take this out"
            raise refusals(type(self).__name__, [(("maintenance",), what)])
        return self

    def wants(self, zone: tzinfo, all_sinks: Sequence[SinkSettings]) -> Wants:
        """What its consumer is to be told of. zone: in which hours are meant. all_sinks: those that may escalate."""
        steps = [e.step(s.name) for s in all_sinks if s.enabled for e in s.escalate if e.to == self.name]
        kin = {s.name: s.filter() for s in all_sinks}
        return replace(self.filter(), steps=tuple(steps), zone=zone, kin=kin)

    def filter(self) -> Wants:
        """What it may be told of at all, whoever escalates to it."""
        kinds = self.kinds or ((Kind.WARNING,) if self.public else (Kind.WARNING, Kind.BLIND, Kind.CONSUMER))
        statuses = self.statuses or (("Actual",) if self.public else ())
        return Wants(frozenset(kinds), frozenset(self.levels), frozenset(self.zones), frozenset(statuses))

    def policy(self) -> Policy:
        """How its consumer is treated."""
        return Policy(parallel=self.parallel, refusals=self.refusals)

    @abstractmethod
    def make(self, base: Path, egress: Egress) -> Sink:
        """The sink. base: the folder that relative paths count from. Raises OSError when a file cannot be read."""

    def mistakes(self, base: Path, egress: Egress) -> list[tuple[str, str]]:  # noqa: ARG002 - kinds use them
        """(key, what is wrong with it and what to do) for all that would keep it from delivering; asks no network.

        The cloud does not start with any.
        """
        return []

    def unreachable(self, egress: Egress, resolver: Resolver) -> str | None:  # noqa: ARG002 - as above
        """Why the consumer cannot be reached as names resolve now, or None: asked by `headwater-cloud check`.

        Never at the start: a cloud that comes up after a power cut must not wait for name service.
        """
        return None


def body_of(message: Message, languages: Sequence[str] = ()) -> dict[str, Any]:
    """What a consumer gets: the essentials as JSON, and the CAP message, in these languages or as it is. type: a notice
    has another."""
    return {"type": "warning", **message_json(message), "cap": in_languages(message.cap_xml, languages).decode()}
