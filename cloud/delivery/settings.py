"""The `delivery:` part of the cloud's configuration: one line a sink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contract.models import Id, Positive, Shape

Url = Annotated[str, StringConstraints(pattern=r"^https?://")]


class WebhookSettings(Shape):
    """secret_files: one key a file (`whsec_...`), the newest first; several while keys are changed."""

    kind: Literal["webhook"]
    name: Id
    url: Url
    secret_files: tuple[Path, ...] = Field(min_length=1)
    timeout_s: Positive = 10.0


class LogSettings(Shape):
    """Messages as JSON lines appended to a file."""

    kind: Literal["log"]
    name: Id = "log"
    path: Path


Sink = Annotated[WebhookSettings | LogSettings, Field(discriminator="kind")]
