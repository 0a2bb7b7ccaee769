"""The `access:` part of the cloud's configuration."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field

from contract.settings_model import LEAST_S, SettingsModel


class AccessSettings(SettingsModel):
    """mode: `required`, a key or a login for everything but health; `open`, for a demonstration on loopback.

    secure_cookie: mark the session's cookie Secure even where the request does not tell that TLS ended at a proxy.
    person_per_s: requests of one person, all their pages together. The bounds of a session are centuries: whoever wants
    one that never ends has written large numbers until now, and they still mean what they meant.
    """

    mode: Literal["open", "required"] = "required"
    session_idle_min: Annotated[float, Field(ge=LEAST_S, le=100_000_000)] = 30.0
    session_h: Annotated[float, Field(ge=LEAST_S, le=2_000_000)] = 12.0
    secure_cookie: bool = False
    person_per_s: float = Field(default=20.0, ge=1)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
