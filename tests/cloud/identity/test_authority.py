"""Certificates, their ends, and the registry: no server, a clock by hand."""

from __future__ import annotations

import fcntl
import io
import itertools
import json
import os
import stat
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509

from cloud.identity import bundle, ca, store
from cloud.identity.authority import RELOAD_S, Authority
from cloud.identity.broker_files import acl
from cloud.identity.registry import CertificateRole
from cloud.identity.settings import IdentitySettings
from cloud.identity.store import IdentityError
from contract.catalogue.catalogue import Catalogue
from contract.clock import from_ms

NOW_MS = 1_795_600_000_000
DAY_MS = 86_400_000


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def authority(tmp_path: Path, small_district: Catalogue, hand: Hand) -> Authority:
    settings = IdentitySettings(gateway_days=365, broker_files=Path("broker"), broker_names=("mqtt.example.org",))
    return Authority(settings, tmp_path, small_district, hand, "engineer")


def crl_serials(folder: Path) -> set[int]:
    return {r.serial_number for r in x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())}


def test_a_lock_that_somebody_holds_ends_the_command_with_who_it_is(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.add("gw-1")
    monkeypatch.setattr(store, "_WAIT_S", 0.2)
    (lock,) = tmp_path.rglob(".lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        who = rf"process {os.getpid()} .* changes .*: wait until that is done, or end it"
        with pytest.raises(IdentityError, match=who):
            authority.add("gw-2")
    authority.add("gw-2")


def test_a_certificate_says_who_how_long_and_what_for(authority: Authority) -> None:
    pair = authority.add("gw-1")
    cert = x509.load_pem_x509_certificate(pair.cert_pem)
    root = x509.load_pem_x509_certificate(authority.cert_pem)
    cert.verify_directly_issued_by(root)
    assert cert.subject.rfc4514_string() == "CN=gw-1.1"
    assert cert.not_valid_after_utc == from_ms(NOW_MS + 365 * DAY_MS)
    assert cert.not_valid_before_utc < from_ms(NOW_MS)
    usage = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ca.Purpose.CLIENT.value]
    assert not cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)


def test_a_certificate_never_outlives_its_authority(small_district: Catalogue) -> None:
    root = ca.make_authority("small", NOW_MS, 10)
    pair = ca.issue(root, "gw-1.1", NOW_MS + 9 * DAY_MS, 365, ca.Purpose.CLIENT)
    assert pair.expires_ms == NOW_MS + 10 * DAY_MS
    with pytest.raises(ValueError, match="authority has expired"):
        ca.issue(root, "gw-1.2", NOW_MS + 11 * DAY_MS, 365, ca.Purpose.CLIENT)


def test_a_name_that_x509_cannot_hold_is_refused(small_district: Catalogue) -> None:
    with pytest.raises(ValueError, match="64 characters"):
        ca.issue(ca.make_authority("small", NOW_MS, 10), "g" * 64 + ".1", NOW_MS, 1, ca.Purpose.CLIENT)


def test_expiry_ends_what_is_allowed_and_leaves_the_acl(authority: Authority, hand: Hand) -> None:
    authority.add("gw-1")
    end = authority.registry().of(CertificateRole.GATEWAY, "gw-1")[0].expires_ms
    assert authority.registry().allowed(end - 1) == {"gw-1"}
    assert authority.registry().allowed(end) == frozenset()
    known = frozenset({"gw-1"})
    assert "user gw-1.1" in acl(authority.registry(), "small", end - 1, known)
    assert "user gw-1.1" not in acl(authority.registry(), "small", end, known)


def test_renewal_overlaps_with_a_new_key(authority: Authority, hand: Hand) -> None:
    first = authority.add("gw-1")
    with pytest.raises(IdentityError, match="gateway renew"):
        authority.add("gw-1")
    hand.ms += 300 * DAY_MS
    second = authority.renew("gw-1")
    assert first.key_pem != second.key_pem
    assert second.expires_ms == NOW_MS + 665 * DAY_MS
    assert [i.common_name for i in authority.registry().valid(hand.ms) if i.gateway] == ["gw-1.1", "gw-1.2"]
    authority.revoke("gw-1", 1)
    assert authority.registry().allowed(hand.ms) == {"gw-1"}
    hand.ms += 66 * DAY_MS  # the first would have ended, the second has not
    assert authority.registry().allowed(hand.ms) == {"gw-1"}


def test_an_expired_gateway_gets_its_next_generation_by_add_or_renew(authority: Authority, hand: Hand) -> None:
    authority.add("gw-1")
    hand.ms += 400 * DAY_MS
    authority.add("gw-1")
    assert [i.generation for i in authority.registry().of(CertificateRole.GATEWAY, "gw-1")] == [1, 2]


def test_revocation_is_in_crl_acl_and_registry(authority: Authority, tmp_path: Path, hand: Hand) -> None:
    gone, kept = authority.add("gw-1"), authority.add("gw-2")
    authority.revoke("gw-1")
    folder = tmp_path / "broker"
    assert crl_serials(folder) == {gone.serial}
    assert kept.serial not in crl_serials(folder)
    text = (folder / "acl").read_text()
    assert "user gw-2.1" in text
    assert "gw-1" not in text
    assert authority.registry().allowed(hand.ms) == {"gw-2"}
    with pytest.raises(IdentityError, match="no valid identity"):
        authority.revoke("gw-1")


def test_the_broker_is_not_told_of_a_change_while_it_reads_the_one_before(
    tmp_path: Path, small_district: Catalogue, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that comes then is lost to mosquitto, and a revoked gateway would stay welcome."""
    (tmp_path / "pid").write_text("4711")
    told: list[tuple[float, str]] = []

    def told_to_reload(pid_file: Path, user: str) -> None:
        assert (pid_file, user) == (tmp_path / "pid", "mosquitto")
        told.append((time.monotonic(), (tmp_path / "broker" / "acl").read_text()))

    monkeypatch.setattr("cloud.identity.authority.reload", told_to_reload)
    settings = IdentitySettings(
        gateway_days=365, broker_files=Path("broker"), broker_names=("h",), broker_pid_file=Path("pid")
    )
    authority = Authority(settings, tmp_path, small_district, hand, "engineer")
    authority.add("gw-1")
    authority.add("gw-2")
    authority.revoke("gw-1")
    times = [at_s for at_s, _ in told]
    assert len(times) == 3
    assert min(b - a for a, b in itertools.pairwise(times)) >= RELOAD_S - 0.05  # a file's time is a tick coarse
    assert ["gw-1.1" in acl for _, acl in told] == [True, True, False]


def test_a_crl_is_signed_and_ends_with_its_authority(small_district: Catalogue) -> None:
    root = ca.make_authority("small", NOW_MS, 1000)
    crl = x509.load_pem_x509_crl(ca.revocation_list(root, [(77, NOW_MS)], NOW_MS))
    cert = x509.load_pem_x509_certificate(root.cert_pem)
    assert crl.is_signature_valid(cert.public_key())
    assert crl.next_update_utc == cert.not_valid_after_utc
    assert [r.serial_number for r in crl] == [77]


def test_only_gateways_of_the_catalogue_get_one(authority: Authority) -> None:
    with pytest.raises(IdentityError, match="there are gw-1, gw-2"):
        authority.add("gw-3")


def test_fresh_broker_files_revoke_the_old_keys_of_cloud_and_broker(authority: Authority, tmp_path: Path) -> None:
    authority.write_broker_files(tmp_path / "broker")
    first = (authority.folder / "cloud.crt").read_bytes()
    authority.write_broker_files(tmp_path / "broker")
    assert (authority.folder / "cloud.crt").read_bytes() == first
    authority.write_broker_files(tmp_path / "broker", fresh=True)
    assert ca.serial_of(first) in crl_serials(tmp_path / "broker")
    assert "user cloud:2" in (tmp_path / "broker" / "acl").read_text()
    assert "user cloud:1" not in (tmp_path / "broker" / "acl").read_text()
    lines = map(json.loads, (authority.folder / "changes.jsonl").read_text().splitlines())
    said = [(line["what"], line["target"]) for line in lines][-4:]
    assert said[:2] == [("cloud.revoke", "cloud:1"), ("broker.revoke", "broker:1")]
    assert said[2:] == [("cloud.issue", "cloud:2"), ("broker.issue", "broker:2")]


def test_the_brokers_certificate_follows_its_names_and_its_end(
    authority: Authority, tmp_path: Path, small_district: Catalogue, hand: Hand
) -> None:
    authority.write_broker_files(tmp_path / "broker")
    assert ca.server_names((tmp_path / "broker" / "broker.crt").read_bytes()) == ["mqtt.example.org"]
    moved = IdentitySettings(broker_names=("mqtt.example.org", "10.0.0.7"))
    Authority(moved, tmp_path, small_district, hand, "x").write_broker_files(tmp_path / "broker")
    assert ca.server_names((tmp_path / "broker" / "broker.crt").read_bytes()) == ["mqtt.example.org", "10.0.0.7"]
    before = (tmp_path / "broker" / "broker.crt").read_bytes()
    hand.ms += 680 * DAY_MS  # 50 days before its end
    Authority(moved, tmp_path, small_district, hand, "x").write_broker_files(tmp_path / "broker")
    assert (tmp_path / "broker" / "broker.crt").read_bytes() != before


def test_keys_are_closed_to_others_and_in_no_log(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    pair = authority.add("gw-1")
    authority.write_broker_files(tmp_path / "broker")
    keys = sorted(p.name for p in tmp_path.rglob("*.key"))
    assert keys == ["broker.key", "broker.key", "ca.key", "cloud.key"]
    modes = {p.relative_to(tmp_path): stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*.key")}
    assert modes.pop(Path("broker/broker.key")) in (0o600, 0o640)  # root's, and the broker's group, where root wrote it
    assert set(modes.values()) == {0o600}
    secret = pair.key_pem.decode().splitlines()[1]
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert secret not in path.read_text(), f"the gateway's key is in {path}"
    assert secret not in caplog.text
    assert secret not in repr(pair)
    assert "PRIVATE" not in caplog.text + repr(pair)


def test_every_change_is_on_record(authority: Authority) -> None:
    authority.add("gw-1")
    authority.renew("gw-1")
    authority.revoke("gw-1", 1)
    lines = [json.loads(x) for x in (authority.folder / "changes.jsonl").read_text().splitlines()]
    said = [(x["who"], x["what"], x["target"]) for x in lines if x["what"].startswith("gateway.")]
    names = [("add", "gw-1.1"), ("renew", "gw-1.2"), ("revoke", "gw-1.1")]
    assert said == [("engineer", f"gateway.{what}", target) for what, target in names]


def test_a_ledger_that_does_not_answer_keeps_nobody_from_revoking(
    tmp_path: Path, small_district: Catalogue, hand: Hand
) -> None:
    seen: list[tuple[str, str, str]] = []

    def audit(what: str, target: str, detail: Mapping[str, str]) -> str:
        seen.append((what, target, detail["serial"]))
        return "no route to the ledger" if what == "gateway.revoke" else ""

    authority = Authority(IdentitySettings(broker_names=("b",)), tmp_path, small_district, hand, "engineer", audit)
    authority.add("gw-1")
    authority.revoke("gw-1")
    serial = authority.registry().of(CertificateRole.GATEWAY, "gw-1")[0].serial
    assert seen[1:] == [("gateway.add", "gw-1.1", serial), ("gateway.revoke", "gw-1.1", serial)]
    assert authority.registry().allowed(NOW_MS) == frozenset()
    said = [n for n in authority.notes if "audit record" in n]
    assert len(said) == 1
    assert "no route to the ledger" in said[0]
    assert "gw-1.1" in said[0]


def test_a_bundle_holds_all_a_cabinet_needs(authority: Authority) -> None:
    pair = authority.add("gw-1")
    text = bundle.fragment("gw-1", "mqtt.example.org", 8883)
    data = bundle.tar("gw-1", bundle.files(authority.cert_pem, pair, text), NOW_MS)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        modes = {m.name: m.mode for m in archive.getmembers()}
        fragment = archive.extractfile("gw-1/agent.yaml")
        assert fragment is not None
        assert b"key_file: identity/gateway.key" in fragment.read()
    assert modes == {
        "gw-1/gateway.key": 0o600,
        "gw-1/gateway.crt": 0o644,
        "gw-1/ca.crt": 0o644,
        "gw-1/agent.yaml": 0o644,
    }


@pytest.mark.parametrize("text", ["", "[]", "{", '{"identities": [{"role": "king"}]}', '{"identities": 5}'])
def test_a_damaged_registry_is_named_and_never_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / store.FILE).write_text(text)
    with pytest.raises(IdentityError, match="bring it back from a backup"):
        store.read(tmp_path)


def test_half_a_folder_makes_no_second_authority(authority: Authority) -> None:
    authority.add("gw-1")
    (authority.folder / "ca.key").unlink()
    with pytest.raises(IdentityError, match=r"ca\.key is missing"):
        authority.renew("gw-1")
