"""What the cloud's file says about identities."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from contract.settings_model import Days, Id, Seconds, SettingsModel


class IdentitySettings(SettingsModel):
    """The section `identity` switches the receiver's check on.

    folder: authority, registry and the cloud's own certificate. broker_names: what gateways may call the broker by;
    the first goes into their bundles. broker_files: folder that every change rewrites (see `broker files`).
    broker_pid_file: the broker to tell (SIGHUP) after that. refresh_s: how soon a running cloud sees a change.
    """

    folder: Path = Path("identity")
    broker_names: tuple[str, ...] = Field(default=("localhost", "127.0.0.1"), min_length=1)
    broker_port: int = Field(default=8883, ge=1, le=65535)
    broker_listen: str = ""
    broker_files: Path | None = None
    broker_data: Path = Path("/var/lib/mosquitto")
    broker_user: Id = "mosquitto"
    broker_pid_file: Path | None = None
    gateway_days: Days = 730.0
    server_days: Days = 730.0
    authority_days: Days = 7300.0
    refresh_s: Seconds = 2.0
