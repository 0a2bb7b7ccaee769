"""Identities for a whole district at once, laid out for processes on this machine.

<folder>/authority/      what `headwater-cloud gateway add` keeps
<folder>/broker/         mosquitto.conf and what it names
<folder>/gateways/<id>/  what a gateway's bundle unpacks to
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.identity import bundle, store
from cloud.identity.authority import Authority
from cloud.identity.ca import Pair
from cloud.identity.settings import IdentitySettings
from contract.catalogue.catalogue import Catalogue
from contract.clock import SystemClock


@dataclass(frozen=True)
class Identities:
    """Settings for the configuration files of cloud and agents."""

    folder: Path

    @property
    def conf(self) -> Path:
        return self.folder / "broker" / "mosquitto.conf"

    @property
    def pid_file(self) -> Path:
        return self.folder / "broker" / "mosquitto.pid"

    @property
    def port(self) -> int:
        """The broker's own, whatever proxy stands before it."""
        return int((self.folder / "port").read_text())

    def settings(self) -> IdentitySettings:
        return IdentitySettings(
            folder=self.folder / "authority",
            broker_names=("127.0.0.1", "localhost"),
            broker_port=self.port,
            broker_listen="127.0.0.1",
            broker_files=self.folder / "broker",
            broker_data=self.folder / "broker",
            broker_user=getpass.getuser(),
            broker_pid_file=self.pid_file,
            refresh_s=1.0,
        )

    def cloud_section(self) -> dict[str, Any]:
        """`identity:` of the cloud's file."""
        return self.settings().model_dump(mode="json")

    def cloud_tls(self) -> dict[str, str]:
        """For `broker:` of the cloud's file."""
        f = self.folder.resolve() / "authority"
        return {"ca_file": str(f / "ca.crt"), "cert_file": str(f / "cloud.crt"), "key_file": str(f / "cloud.key")}

    def gateway_tls(self, gateway: str) -> dict[str, str]:
        """For `broker:` of the agent's file."""
        f = self.folder.resolve() / "gateways" / gateway
        return {
            "ca_file": str(f / bundle.CA),
            "cert_file": str(f / bundle.CERT),
            "key_file": str(f / bundle.KEY),
        }

    def authority(self, catalogue: Catalogue) -> Authority:
        return Authority(self.settings(), self.folder, catalogue, SystemClock().now_ms, getpass.getuser())

    def unpack(self, gateway: str, authority_cert_pem: bytes, pair: Pair) -> None:
        """As an engineer does at the cabinet."""
        target = self.folder / "gateways" / gateway
        target.mkdir(parents=True, exist_ok=True)
        text = bundle.fragment(gateway, "127.0.0.1", self.port)
        for name, (data, mode) in bundle.files(authority_cert_pem, pair, text).items():
            store.write(target / name, data, mode)


def make(folder: Path, catalogue: Catalogue, port: int) -> Identities:
    """A new authority, an identity for every gateway, and a broker's files for 127.0.0.1:port. folder: absolute."""
    out = Identities(folder.resolve())
    out.pid_file.parent.mkdir(parents=True, exist_ok=True)
    (out.folder / "port").write_text(str(port))
    authority = out.authority(catalogue)
    for gateway in catalogue.gateways:
        pair = authority.add(gateway)
        out.unpack(gateway, authority.cert_pem, pair)
    return out
