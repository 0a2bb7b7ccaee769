"""The sinks: each takes one message and says whether its consumer has it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from standardwebhooks.webhooks import Webhook

from cloud.delivery import outgoing
from cloud.delivery.egress import Egress, TargetRefused
from cloud.delivery.settings import LogSinkSettings, Sink, WebhookSettings
from cloud.warnings.model import Message, message_json


class NotDelivered(Exception):
    """Try again. The message says why."""


class GivenUp(Exception):
    """The consumer has said that it wants no more (HTTP 410)."""


class Consumer(Protocol):
    @property
    def name(self) -> str: ...

    def deliver(self, message: Message) -> str:
        """The consumer's receipt. Raises NotDelivered or GivenUp."""
        ...

    def close(self) -> None: ...


def body_of(message: Message) -> dict[str, Any]:
    """What a consumer gets: the essentials as JSON, and the CAP message as it is."""
    return {**message_json(message), "cap": message.cap_xml.decode()}


class WebhookSink:
    """Standard Webhooks: `webhook-id` is the message's id at every attempt, so that a consumer can tell doubles.

    Where it may go: see `cloud.delivery.egress`. Redirects are refused: a warning goes where the operator said, or
    nowhere. Keys, signatures and the URL's path are in no message of an error, and so in no log and no answer.
    """

    def __init__(
        self, settings: WebhookSettings, rules: Egress, resolver: outgoing.Resolver = outgoing.resolve
    ) -> None:
        self.name = settings.name
        self._url, self._rules, self._resolver = settings.url, rules, resolver
        self._timeout_s = settings.timeout_s
        self._context = outgoing.tls_context(str(settings.ca_file) if settings.ca_file else None)
        self._keys = [Webhook(path.read_text().strip()) for path in settings.secret_files]

    def deliver(self, message: Message) -> str:
        body = json.dumps(body_of(message), ensure_ascii=False)
        now = datetime.now(UTC)  # signatures are judged by real time, whatever clock the storm is played at
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(key.sign(message.id, now, body) for key in self._keys),
        }
        try:
            status = outgoing.post(
                self._url,
                headers,
                body.encode(),
                rules=self._rules,
                context=self._context,
                timeout_s=self._timeout_s,
                resolver=self._resolver,
            )
        except (outgoing.NoAnswer, TargetRefused) as error:
            raise NotDelivered(str(error)) from error
        if status == 410:
            raise GivenUp("the consumer answers 410 Gone")
        if 300 <= status < 400:
            raise NotDelivered(f"HTTP {status}: redirects are refused; set the final address as url")
        if not 200 <= status < 300:
            raise NotDelivered(f"HTTP {status}")
        return f"HTTP {status}"

    def close(self) -> None:
        """Nothing is open between messages."""


@dataclass(slots=True)
class LogSink:
    name: str
    path: Path

    def deliver(self, message: Message) -> str:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(body_of(message), ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotDelivered(f"{self.path}: {error}") from error
        return "written"

    def close(self) -> None:
        """Nothing is open between messages."""


def make_sink(settings: Sink, base: Path, rules: Egress) -> Consumer:
    """Relative paths count from `base`. Raises OSError when a key cannot be read."""
    if isinstance(settings, LogSinkSettings):
        return LogSink(settings.name, base / settings.path)
    absolute = tuple(base / path for path in settings.secret_files)
    ca_file = base / settings.ca_file if settings.ca_file else None
    return WebhookSink(settings.model_copy(update={"secret_files": absolute, "ca_file": ca_file}), rules)
