"""The kinds of sink there are. A new kind is a module beside this one and a line in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from cloud.delivery.base import SinkSettings
from cloud.delivery.sinks.apprise import AppriseSettings
from cloud.delivery.sinks.email import EmailSettings
from cloud.delivery.sinks.log import LogSinkSettings
from cloud.delivery.sinks.mqtt import MqttSinkSettings
from cloud.delivery.sinks.webhook import WebhookSettings

KINDS: tuple[type[SinkSettings], ...] = (
    WebhookSettings,
    MqttSinkSettings,
    EmailSettings,
    AppriseSettings,
    LogSinkSettings,
)

# What an entry of `delivery:` may be: told apart by `kind`.
if TYPE_CHECKING:
    AnySinkSettings = SinkSettings
else:
    AnySinkSettings = Annotated[Union[KINDS], Field(discriminator="kind")]  # noqa: UP007 - made of the table
