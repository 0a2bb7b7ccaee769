"""The `delivery:` part of the cloud's configuration: one line a sink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, StringConstraints

from cloud.delivery.egress import Egress
from contract.settings_model import Id, Positive, SettingsModel

Url = Annotated[str, StringConstraints(pattern=r"^https?://")]


class WebhookSettings(SettingsModel):
    """secret_files: one key a file (`whsec_...`), the newest first; several while keys are changed.

    timeout_s: of a whole attempt. ca_file: the consumer's own authority (PEM), instead of the public ones.
    """

    kind: Literal["webhook"]
    name: Id
    url: Annotated[str, Field(repr=False)]  # judged by cloud.delivery.egress; a path may be a secret
    secret_files: tuple[Path, ...] = Field(min_length=1)
    timeout_s: Positive = 10.0
    ca_file: Path | None = None


class LogSinkSettings(SettingsModel):
    """Messages as JSON lines appended to a file."""

    kind: Literal["log"]
    name: Id = "log"
    path: Path


class EgressSettings(SettingsModel):
    """The `egress:` part: what webhooks may reach beside public addresses over https.

    allow_networks: inner networks (`10.1.0.0/16`). allow_http: hosts, as they stand in the URL.
    """

    allow_networks: tuple[IPvAnyNetwork, ...] = ()
    allow_http: tuple[str, ...] = ()

    def rules(self) -> Egress:
        return Egress(self.allow_networks, self.allow_http)


Sink = Annotated[WebhookSettings | LogSinkSettings, Field(discriminator="kind")]
