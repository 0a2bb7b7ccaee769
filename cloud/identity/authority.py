"""The folder in which a district's identities live: every change goes through here, one at a time.

    ca.crt, ca.key         the authority; whoever has the key can be any gateway
    registry.json          every identity ever issued (the receiver reads it)
    cloud.crt, cloud.key   what the cloud shows the broker
    broker.crt, broker.key what the broker shows everybody
    changes.jsonl          who changed what
Gateways' private keys are nowhere here: they are made, put into the bundle, and forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cloud.identity import ca, store, trace
from cloud.identity.broker_files import (
    ACL,
    CA,
    CERT,
    CONF,
    CRL,
    FIREWALL,
    KEY,
    LIMITS,
    Listener,
    acl,
    conf,
    firewall,
    limits,
)
from cloud.identity.broker_process import owner_for, reload
from cloud.identity.registry import CertificateRole, Identity, Registry, common_name
from cloud.identity.settings import IdentitySettings
from cloud.identity.store import IdentityError
from contract.catalogue.catalogue import Catalogue
from contract.clock import iso

_RENEW_OWN_MS = 60 * 86_400_000  # the cloud's own certificates are renewed so long before they end
RELOAD_S = 1.0  # a broker has read its files again by then


class Authority:
    """now_ms: the real clock's UTC milliseconds, because TLS knows no other. who: for the record of changes.

    audit: takes each change (what, target, detail) into the cloud's audit record, and says what kept it from that; a
    ledger that does not answer must not keep a lost gateway from being revoked.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        base: Path,
        catalogue: Catalogue,
        now_ms: Callable[[], int],
        who: str,
        audit: Callable[[str, str, Mapping[str, str]], str] = lambda *_: "",
    ) -> None:
        self._settings, self._base, self._catalogue = settings, base, catalogue
        self._now_ms, self._who, self._audit = now_ms, who, audit
        self.folder = base / settings.folder
        self.notes: list[str] = []  # what the operator must still do

    @property
    def cert_pem(self) -> bytes:
        return store.own_bytes(self.folder / "ca.crt")

    def registry(self) -> Registry:
        """Raises IdentityError."""
        return store.read(self.folder)

    def add(self, gateway: str) -> ca.Pair:
        """Its first identity. Raises IdentityError when it has a valid one, or the catalogue does not know it."""
        with store.locked(self.folder):
            self._wait_for_the_broker()
            registry = self._opened()
            valid = [i for i in registry.of(CertificateRole.GATEWAY, gateway) if i.state(self._now_ms()) == "valid"]
            if valid:
                until = iso(valid[-1].expires_ms)
                raise IdentityError(f"{gateway} has an identity until {until}: `gateway renew` makes the next one")
            return self._gateway(registry, gateway, "gateway.add")

    def renew(self, gateway: str) -> ca.Pair:
        """The next generation, with a new key; the one before stays good until it ends or is revoked."""
        with store.locked(self.folder):
            self._wait_for_the_broker()
            registry = self._opened()
            if not registry.of(CertificateRole.GATEWAY, gateway):
                raise IdentityError(f"{gateway} has no identity yet: `gateway add` makes one")
            return self._gateway(registry, gateway, "gateway.renew")

    def revoke(self, gateway: str, generation: int | None = None) -> list[Identity]:
        """All identities of a gateway that are valid, or the one generation. Raises IdentityError when none is."""
        with store.locked(self.folder):
            self._wait_for_the_broker()
            registry = self._opened()
            now_ms = self._now_ms()
            gone = [
                i
                for i in registry.of(CertificateRole.GATEWAY, gateway)
                if i.state(now_ms) == "valid" and generation in (None, i.generation)
            ]
            if not gone:
                what = "valid identity" if generation is None else f"valid generation {generation}"
                raise IdentityError(f"{gateway} has no {what}: see `gateway list`")
            registry = registry.with_revoked(gone, now_ms)
            store.save(self.folder, registry)
            for i in gone:
                self._record("gateway.revoke", i.common_name, {"serial": i.serial})
            self._tell_broker(registry)
            return gone

    def write_broker_files(self, out: Path, installed: Path | None = None, fresh: bool = False) -> list[Path]:
        """Everything mosquitto needs, and the cloud's own certificate. installed: where `out` will lie on the broker's
        machine. fresh: revoke the keys of broker and cloud and make new ones."""
        with store.locked(self.folder):
            self._wait_for_the_broker()
            registry = self._opened()
            now_ms = self._now_ms()
            if fresh:
                own = registry.of(CertificateRole.CLOUD) + registry.of(CertificateRole.BROKER)
                registry = registry.with_revoked(own, now_ms)
                store.save(self.folder, registry)
                for i in own:
                    if i.revoked_ms is None:
                        self._record(f"{i.role.value}.revoke", i.common_name, {"serial": i.serial})
            registry = self._own(registry, CertificateRole.CLOUD)
            registry = self._own(registry, CertificateRole.BROKER)
            written = self._broker_files(registry, out, installed)
            used = self._settings.broker_files
            if used is not None and (self._base / used).resolve() == out.resolve():
                self._reload()
            return written

    # --- the lock is held ---

    def _wait_for_the_broker(self) -> None:
        """Before a change, until the broker has read the one before.

        mosquitto (2.0.11) forgets a signal that comes while it reads its files again, which takes 0.15 s with 3,000
        gateways: whom a second change within that time revokes would stay welcome until a third.
        """
        s = self._settings
        if s.broker_files is None or s.broker_pid_file is None:
            return
        known = self._base / s.broker_files / ACL
        age_s = time.time() - known.stat().st_mtime if known.exists() else RELOAD_S
        if 0 <= age_s < RELOAD_S:
            time.sleep(RELOAD_S - age_s)

    def _opened(self) -> Registry:
        """The registry; a new authority when the folder is empty. Raises IdentityError on half a folder."""
        key, cert = self.folder / "ca.key", self.folder / "ca.crt"
        if not key.exists() and not cert.exists() and not (self.folder / store.FILE).exists():
            made = ca.make_authority(self._catalogue.district.id, self._now_ms(), self._settings.authority_days)
            store.write(key, made.key_pem, 0o600)
            store.write(cert, made.cert_pem)
            store.save(self.folder, Registry())
            self._record("authority.make", self._catalogue.district.id, {"serial": f"{made.serial:x}"})
        for path in (key, cert):
            if not path.exists():
                raise IdentityError(f"{path} is missing: bring it back from a backup, no identity can be made without")
        return store.read(self.folder)

    def _pair(self) -> ca.Pair:
        return ca.Pair(store.own_bytes(self.folder / "ca.crt"), store.own_bytes(self.folder / "ca.key"))

    def _gateway(self, registry: Registry, gateway: str, what: str) -> ca.Pair:
        if gateway not in self._catalogue.gateways:
            known = ", ".join(self._catalogue.gateways)
            raise IdentityError(f"the catalogue has no gateway {gateway!r}; there are {known}")
        registry, pair = self._issue(registry, CertificateRole.GATEWAY, gateway, what)
        self._tell_broker(registry)
        return pair

    def _issue(
        self, registry: Registry, role: CertificateRole, gateway: str | None, what: str
    ) -> tuple[Registry, ca.Pair]:
        s, now_ms = self._settings, self._now_ms()
        generation = registry.next_generation(role, gateway)
        name = common_name(role, gateway, generation)
        server = role is CertificateRole.BROKER
        days = s.gateway_days if role is CertificateRole.GATEWAY else s.server_days
        purpose = ca.Purpose.SERVER if server else ca.Purpose.CLIENT
        try:
            pair = ca.issue(self._pair(), name, now_ms, days, purpose, s.broker_names if server else ())
        except ValueError as error:
            raise IdentityError(str(error)) from error
        identity = Identity(
            role=role,
            gateway=gateway,
            generation=generation,
            serial=f"{pair.serial:x}",
            issued_ms=now_ms,
            expires_ms=pair.expires_ms,
        )
        registry = registry.with_new(identity)
        store.save(self.folder, registry)
        self._record(what, name, {"serial": identity.serial, "until": iso(identity.expires_ms)})
        return registry, pair

    def _own(self, registry: Registry, role: CertificateRole) -> Registry:
        """The cloud's or the broker's certificate: a new one when it is missing, near its end, or for other names."""
        cert, key = self.folder / f"{role.value}.crt", self.folder / f"{role.value}.key"
        mine = registry.of(role)
        good = mine and mine[-1].state(self._now_ms() + _RENEW_OWN_MS) == "valid" and cert.exists() and key.exists()
        names = set(self._settings.broker_names) if role is CertificateRole.BROKER else set()
        if good:
            pem = store.own_bytes(cert)
            # The serial tells a certificate that was made, but not yet written when the power went.
            if set(ca.server_names(pem)) == names and ca.serial_of(pem) == int(mine[-1].serial, 16):
                return registry
        registry, pair = self._issue(registry, role, None, f"{role.value}.issue")
        store.write(key, pair.key_pem, 0o600)
        store.write(cert, pair.cert_pem)
        return registry

    def _broker_files(self, registry: Registry, out: Path, installed: Path | None = None) -> list[Path]:
        s, now_ms = self._settings, self._now_ms()
        if not out.is_dir():
            out.mkdir(parents=True, exist_ok=True)
            out.chmod(0o755)  # whatever the umask: the broker reads it as its own user
        data = (self._base / s.broker_data).resolve()
        pid_file = (self._base / s.broker_pid_file).resolve() if s.broker_pid_file is not None else None
        lies_in = installed or out.resolve()
        listener = Listener(lies_in, data, s.broker_port, s.broker_listen, s.broker_user, pid_file)
        known = frozenset(self._catalogue.gateways)
        contents = {
            KEY: (store.own_bytes(self.folder / "broker.key"), 0o600),
            CERT: (store.own_bytes(self.folder / "broker.crt"), 0o644),
            CA: (self.cert_pem, 0o644),
            CRL: (ca.revocation_list(self._pair(), registry.revoked(), now_ms), 0o644),
            ACL: (acl(registry, self._catalogue.district.id, now_ms, known).encode(), 0o644),
            CONF: (conf(listener).encode(), 0o644),
            LIMITS: (limits().encode(), 0o644),
            FIREWALL: (firewall(s.broker_port, len(known)).encode(), 0o644),
        }
        # mosquitto starts as root and does what its configuration says: that is root's. The key it reads as its user.
        owner = owner_for(s.broker_user)
        if owner is not None:
            contents[KEY] = contents[KEY][0], 0o640
            if out.stat().st_uid != 0:
                self.notes.append(
                    f"{out} is not root's: who owns it can have mosquitto do as root what he likes: chown root:"
                )
        for name, (content, mode) in contents.items():
            store.write(out / name, content, mode, owner)
        return [out / name for name in contents]

    def _tell_broker(self, registry: Registry) -> None:
        s = self._settings
        if s.broker_files is None:
            self.notes.append("the broker does not know yet: run `headwater-cloud broker files`, then reload mosquitto")
            return
        out = self._base / s.broker_files
        registry = self._own(self._own(registry, CertificateRole.CLOUD), CertificateRole.BROKER)
        self._broker_files(registry, out)
        self._reload()

    def _reload(self) -> None:
        s = self._settings
        if s.broker_pid_file is None:
            self.notes.append("the files are written; the broker does not know yet: reload mosquitto (SIGHUP)")
            return
        path = self._base / s.broker_pid_file
        try:
            reload(path, s.broker_user)
        except (OSError, ValueError) as error:
            self.notes.append(f"the files are written, but the broker of {path} was not told ({error}): reload it")

    def _record(self, what: str, target: str, detail: Mapping[str, str]) -> None:
        trace.record(
            self.folder, now_ms=self._now_ms(), who=self._who, what=what, target=target, source="shell", detail=detail
        )
        missing = self._audit(what, target, detail)
        if missing:
            self.notes.append(f"{what} {target} is in changes.jsonl, but not in the audit record: {missing}")
