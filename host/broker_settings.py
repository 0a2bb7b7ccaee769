"""Where the MQTT broker is and how either side shows itself to it: what both sides' `broker:` settings share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.refusing import refusal
from contract.settings_model import SettingsModel
from host.secret_files import secret_trouble
from host.tls import TlsFiles


class BrokerSettings(SettingsModel):
    """ca_file: TLS; the broker must show a certificate of that authority for `host`. cert_file, key_file: what we show.

    Relative paths count from the file that holds the settings: see `under`.
    """

    host: str
    port: Annotated[int, Field(ge=0, le=65535)] = 1883
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _trusts_somebody(self) -> Self:
        if self.ca_file is None and (self.cert_file or self.key_file):
            raise refusal("cert_file and key_file need ca_file: the authority whose broker is trusted")
        return self

    def tls(self) -> TlsFiles | None:
        """None without ca_file: then nothing is encrypted."""
        return TlsFiles(self.ca_file, self.cert_file, self.key_file) if self.ca_file is not None else None

    def under(self, folder: Path) -> Self:
        """The same with paths that count from `folder`."""
        paths = {n: getattr(self, n) for n in ("password_file", "ca_file", "cert_file", "key_file")}
        return self.model_copy(update={n: folder / p for n, p in paths.items() if p is not None})

    def password_trouble(self) -> str | None:
        """Why the password cannot be read, and what to do; None when it can, or none is named."""
        return None if self.password_file is None else secret_trouble(self.password_file, "the password")

    def credentials(self) -> tuple[str, str] | None:
        """User name and password; None without a user name. Raises OSError when the password cannot be read."""
        if self.username is None:
            return None
        return self.username, self.password_file.read_text().strip() if self.password_file else ""
