"""What is wrong with the files by which the cloud shows itself, told by setting before anything starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud.identity import ca, check
from cloud.identity.client import trouble
from cloud.identity.settings import IdentitySettings
from contract.clock import iso
from contract.documents import Document
from host.broker_settings import BrokerSettings
from host.tls import TlsFiles

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    """An authority for 20 days, and the cloud's own certificate for 10."""
    authority = ca.make_authority("small", NOW_MS, 20)
    own = ca.issue(authority, "cloud", NOW_MS, 10, ca.Purpose.CLIENT)
    for name, data in (("ca.crt", authority.cert_pem), ("cloud.crt", own.cert_pem), ("cloud.key", own.key_pem)):
        (tmp_path / name).write_bytes(data)
    return TlsFiles(tmp_path / "ca.crt", tmp_path / "cloud.crt", tmp_path / "cloud.key")


def test_good_files(files: TlsFiles) -> None:
    assert trouble(files, NOW_MS) == {}
    assert trouble(TlsFiles(files.ca), NOW_MS) == {}


def test_each_file_that_is_not_there_is_named(files: TlsFiles, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").unlink()
    (tmp_path / "cloud.key").unlink()
    remedy = "is not a file: `headwater-cloud broker files` makes it"
    assert trouble(files) == {"ca_file": f"{files.ca} {remedy}", "key_file": f"{files.key} {remedy}"}


@pytest.mark.parametrize(
    ("days", "ended"),
    [(10 - 1e-6, []), (10, ["cert_file"]), (20 - 1e-6, ["cert_file"]), (20, ["ca_file", "cert_file"])],
)
def test_a_certificate_ends_at_its_moment(files: TlsFiles, days: float, ended: list[str]) -> None:
    found = trouble(files, NOW_MS + int(days * DAY_MS))
    assert sorted(found) == ended
    if "cert_file" in found:
        end = iso(NOW_MS + 10 * DAY_MS)
        assert found["cert_file"] == f"{files.cert} expired at {end}: `headwater-cloud broker files` makes a new one"
    assert trouble(files) == {}  # who does not ask is not told


def test_what_is_no_certificate(files: TlsFiles, tmp_path: Path) -> None:
    (tmp_path / "cloud.crt").write_text("hello")
    (said,) = trouble(files).values()
    assert said.startswith(f"{files.cert} is no certificate in PEM: ")


def test_a_key_that_is_another_s(files: TlsFiles, tmp_path: Path) -> None:
    (tmp_path / "cloud.key").write_bytes(ca.make_authority("other", NOW_MS, 1).key_pem)
    found = trouble(files)
    assert list(found) == ["key_file"]
    assert found["key_file"].startswith(f"{files.key} cannot be used with {files.cert}: ")


def test_a_certificate_without_its_key(files: TlsFiles) -> None:
    found = trouble(replace(files, key=None))
    assert found == {"cert_file": "cert_file and key_file go together: give both or neither"}


def mistakes(folder: Path, broker: dict[str, str], identity: IdentitySettings | None) -> list[tuple[int, str]]:
    """(line, what) of a file whose `broker` stands on line 2, with `ca_file` on 4, and `identity` on line 7."""
    lines = (1, {"broker": (2, {"host": 3, "ca_file": 4, "cert_file": 5, "key_file": 6}), "identity": 7})
    document = Document(folder / "cloud.yaml", {}, lines)
    settings = BrokerSettings.model_validate({"host": "h", **broker})
    return [(m.line, m.what) for m in check.mistakes(document, settings, identity, folder, NOW_MS)]


def test_the_cloud_s_file_without_tls_and_without_identities_is_right(tmp_path: Path) -> None:
    assert mistakes(tmp_path, {}, None) == []


def test_a_mistake_stands_on_the_line_of_its_setting(files: TlsFiles, tmp_path: Path) -> None:
    named = {"ca_file": "ca.crt", "cert_file": "cloud.crt", "key_file": "cloud.key"}
    assert mistakes(tmp_path, named, None) == []
    (tmp_path / "ca.crt").unlink()
    remedy = "is not a file: `headwater-cloud broker files` makes it"
    assert mistakes(tmp_path, named, None) == [(4, f"{files.ca} {remedy}")]


def test_identities_need_a_broker_that_checks_them_and_a_registry(tmp_path: Path) -> None:
    broker_checks, registry = mistakes(tmp_path, {}, IdentitySettings())
    assert broker_checks == (
        7,
        "identities need a broker that checks them: give broker.ca_file, cert_file and key_file",
    )
    assert registry[0] == 7
    assert registry[1].endswith("is missing: `headwater-cloud gateway add` starts it")
