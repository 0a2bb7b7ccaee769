"""The `egress:` part of the cloud's configuration. That of `delivery:` stands with each kind of sink."""

from __future__ import annotations

from typing import Annotated

from pydantic import IPvAnyNetwork, StringConstraints

from cloud.delivery.egress import Egress
from contract.settings_model import SettingsModel

Url = Annotated[str, StringConstraints(pattern=r"^https?://")]


class EgressSettings(SettingsModel):
    """The `egress:` part: what webhooks may reach beside public addresses over https.

    allow_networks: inner networks (`10.1.0.0/16`). allow_http: hosts, as they stand in the URL.
    """

    allow_networks: tuple[IPvAnyNetwork, ...] = ()
    allow_http: tuple[str, ...] = ()

    def rules(self) -> Egress:
        """As `cloud.delivery.egress` takes them."""
        return Egress(self.allow_networks, self.allow_http)
