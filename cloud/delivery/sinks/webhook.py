"""A webhook: each message is posted to a URL, signed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cloud.delivery import outgoing
from cloud.delivery.answers import Fault, fault_of, retry_after_s, said_of
from cloud.delivery.base import GivenUp, NotDelivered, Refused, Sink, SinkSettings, body_of
from cloud.delivery.egress import Egress, TargetRefused, permitted, target_of
from cloud.delivery.notice import Notice, NoticeType
from cloud.delivery.signing import Keys, key_trouble
from cloud.warnings.model import Message
from contract.settings_model import Seconds


class WebhookSettings(SinkSettings):
    """secret_files: one key a file (`whsec_...`), the newest first; several while keys are changed.

    timeout_s: of a whole attempt. ca_file: the consumer's own authority (PEM), instead of the public ones. notices:
    whether the consumer is told, too, when another one is gone or back.
    """

    kind: Literal["webhook"]
    url: Annotated[str, Field(repr=False)]  # judged by cloud.delivery.egress; a path may be a secret
    secret_files: tuple[Path, ...] = Field(min_length=1)
    timeout_s: Seconds = 10.0
    ca_file: Path | None = None
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    notices: bool = True

    def make(self, base: Path, egress: Egress) -> Sink:
        """See `SinkSettings`."""
        absolute = tuple(base / path for path in self.secret_files)
        ca_file = base / self.ca_file if self.ca_file else None
        return WebhookSink(self.model_copy(update={"secret_files": absolute, "ca_file": ca_file}), egress)

    def mistakes(self, base: Path, egress: Egress) -> list[tuple[str, str]]:
        """See `SinkSettings`: the URL as far as it can be judged without resolving it, and the files."""
        out = []
        try:
            target_of(self.url, egress)
        except TargetRefused as error:
            out.append(("url", f"sink {self.name!r}: {error}"))
        if self.ca_file is not None and not (base / self.ca_file).is_file():
            out.append(("ca_file", f"{self.ca_file} is not a file: put the authority's certificate there"))
        out += [("secret_files", said) for f in self.secret_files if (said := key_trouble(base / f)) is not None]
        return out

    def unreachable(self, egress: Egress, resolver: outgoing.Resolver) -> str | None:
        """See `SinkSettings`. What a name leads to can change within the hour: delivery judges again each time."""
        try:
            target = target_of(self.url, egress)
            permitted(target.host, resolver(target.host, target.port), egress)
        except TargetRefused as error:
            return f"sink {self.name!r}: {error}"
        except (OSError, UnicodeError) as error:
            return f"sink {self.name!r}: {target.host} does not resolve: {error}"
        return None


class WebhookSink:
    """Standard Webhooks 1.0.0 (standardwebhooks.com): `webhook-id` is the message's id at every attempt, so that a
    consumer can tell doubles.

    Where it may go: see `cloud.delivery.egress`. Redirects are refused: a warning goes where the operator said, or
    nowhere. Keys, signatures and the URL's path are in no message of an error, and so in no log and no answer.
    """

    def __init__(
        self, settings: WebhookSettings, rules: Egress, resolver: outgoing.Resolver = outgoing.resolve
    ) -> None:
        self.name = settings.name
        self._url, self._rules, self._resolver = settings.url, rules, resolver
        self._timeout_s, self._notices = settings.timeout_s, settings.notices
        self._context = outgoing.tls_context(str(settings.ca_file) if settings.ca_file else None)
        self._keys, self._languages = Keys.read(settings.secret_files), settings.languages

    def deliver(self, message: Message) -> str:
        """See `Sink` and the table in `cloud.delivery.answers`: any 2xx is a receipt, 410 is GivenUp."""
        return self._post(message.id, body_of(message, self._languages))

    def notify(self, notice: Notice) -> str:
        """See `TakesNotices`."""
        if notice.type is not NoticeType.TEST and not self._notices:
            return "not told: notices are off"
        return self._post(notice.id, notice.body())

    def _post(self, name: str, said: dict[str, Any]) -> str:
        body = json.dumps(said, ensure_ascii=False)
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            **self._keys.sign(name, body),
        }
        try:
            answer = outgoing.post(
                self._url,
                headers,
                body.encode(),
                rules=self._rules,
                context=self._context,
                timeout_s=self._timeout_s,
                resolver=self._resolver,
            )
        except TargetRefused as error:
            raise NotDelivered(str(error)) from error
        except outgoing.NoAnswer as error:
            raise NotDelivered(str(error), perhaps=error.sent) from error
        fault, status = fault_of(answer.status), said_of(answer.status)
        if fault is Fault.GONE:
            raise GivenUp("the consumer answers 410 Gone")
        if fault is Fault.MESSAGE:
            raise Refused(status)
        if fault is Fault.CONSUMER:
            wait_s = None
            if answer.status in (429, 503):
                wait_s = retry_after_s(answer.retry_after, round(time.time() * 1000))
            raise NotDelivered(status, wait_s=wait_s)
        return status

    def close(self) -> None:
        """Nothing is open between messages."""
