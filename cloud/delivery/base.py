"""What a kind of sink is made of: its settings, which make the sink, and the sink, which delivers."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import Field

from cloud.delivery.egress import Egress
from cloud.delivery.notice import Notice
from cloud.delivery.outgoing import Resolver
from cloud.delivery.queue import Policy
from cloud.warnings.codec import message_json
from cloud.warnings.model import Message
from contract.settings_model import Id, SettingsModel


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
    """

    name: Id
    parallel: Annotated[int, Field(ge=1, le=64)] = 1
    refusals: Annotated[int, Field(ge=1, le=1000)] = 5
    enabled: bool = True

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


def body_of(message: Message) -> dict[str, Any]:
    """What a consumer gets: the essentials as JSON, and the CAP message as it is. type: a notice has another."""
    return {"type": "warning", **message_json(message), "cap": message.cap_xml.decode()}
