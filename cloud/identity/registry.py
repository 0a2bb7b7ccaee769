"""Which identities there are, and which of them are good now. No clock, no files.

A certificate's common name is `<gateway>.<generation>`, so that each line of the broker's ACL belongs to one
certificate. The cloud's own are `cloud:<n>` and `broker:<n>`: no gateway's id holds a colon.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contract.settings_model import Id, SettingsModel


class CertificateRole(StrEnum):
    """Whose certificate it is."""

    GATEWAY = "gateway"
    CLOUD = "cloud"
    BROKER = "broker"


class Identity(SettingsModel):
    """One certificate. serial: hexadecimal. Times are UTC milliseconds of the real clock, never a scenario's."""

    role: CertificateRole
    gateway: Id | None = None
    generation: int
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{1,40}$")]  # RFC 5280, 4.1.2.2: at most 20 octets
    issued_ms: int
    expires_ms: int
    revoked_ms: int | None = None

    @property
    def common_name(self) -> str:
        """What the certificate shows as its name."""
        return common_name(self.role, self.gateway, self.generation)

    def state(self, now_ms: int) -> str:
        if self.revoked_ms is not None:
            return "revoked"
        return "expired" if self.expires_ms <= now_ms else "valid"


@dataclass(frozen=True, slots=True)
class Registry:
    """All identities ever issued, in order of issue."""

    identities: tuple[Identity, ...] = ()

    def of(self, role: CertificateRole, gateway: str | None = None) -> list[Identity]:
        return [i for i in self.identities if i.role is role and i.gateway == gateway]

    def valid(self, now_ms: int) -> list[Identity]:
        return [i for i in self.identities if i.state(now_ms) == "valid"]

    def allowed(self, now_ms: int) -> frozenset[str]:
        """Gateways with at least one valid identity."""
        return frozenset(i.gateway for i in self.valid(now_ms) if i.gateway is not None)

    def ends_ms(self) -> dict[str, int]:
        """When the last identity of each gateway ends, or ended. A gateway with none but revoked ones is not there."""
        kept = [i for i in self.identities if i.gateway is not None and i.revoked_ms is None]
        return {str(i.gateway): i.expires_ms for i in sorted(kept, key=lambda i: i.expires_ms)}

    def revoked(self) -> list[tuple[int, int]]:
        """(serial, when) for the CRL; an expired one stays on it, which costs nothing and hides nothing."""
        return [(int(i.serial, 16), i.revoked_ms) for i in self.identities if i.revoked_ms is not None]

    def next_generation(self, role: CertificateRole, gateway: str | None = None) -> int:
        return max((i.generation for i in self.of(role, gateway)), default=0) + 1

    def with_new(self, identity: Identity) -> Registry:
        return Registry((*self.identities, identity))

    def with_revoked(self, gone: list[Identity], now_ms: int) -> Registry:
        names = {i.common_name for i in gone}
        return Registry(
            tuple(
                i.model_copy(update={"revoked_ms": now_ms}) if i.common_name in names and i.revoked_ms is None else i
                for i in self.identities
            )
        )


def common_name(role: CertificateRole, gateway: str | None, generation: int) -> str:
    """What a certificate shows as its name: of a gateway `<id>.<generation>`, of the others `<role>:<generation>`."""
    return f"{gateway}.{generation}" if role is CertificateRole.GATEWAY else f"{role.value}:{generation}"
