"""The `egress:` and `feed:` parts of the cloud's configuration. That of `delivery:` stands with each kind of sink."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, StringConstraints

from cloud.delivery.egress import Egress
from contract.settings_model import Many, SettingsModel

PublicUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+[^\s?#/]$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://")]


class FeedSettings(SettingsModel):
    """The `feed:` part. public: /v1/feed, its index and the messages in it are open to all, without a key; then only
    warnings of status Actual stand in it. url: of this cloud as the public sees it (`https://warn.example`), for links;
    as the caller wrote it when empty. keep_h: how long a message stays in it that is no longer in force. statuses: of
    the messages in it; all when empty and not public. languages: of titles and of the messages; all when empty.
    """

    public: bool = False
    url: PublicUrl | Literal[""] = ""
    keep_h: Annotated[float, Field(ge=0.01, le=720)] = 24.0
    statuses: Many[Literal["Actual", "Exercise", "System", "Test"]] = ()
    languages: Many[str] = ()

    def wanted_statuses(self) -> tuple[str, ...]:
        """All when empty."""
        return self.statuses or (("Actual",) if self.public else ())


class EgressSettings(SettingsModel):
    """The `egress:` part: what webhooks may reach beside public addresses over https.

    allow_networks: inner networks (`10.1.0.0/16`). allow_http: hosts, as they stand in the URL.
    """

    allow_networks: tuple[IPvAnyNetwork, ...] = ()
    allow_http: tuple[str, ...] = ()

    def rules(self) -> Egress:
        """As `cloud.delivery.egress` takes them."""
        return Egress(self.allow_networks, self.allow_http)
