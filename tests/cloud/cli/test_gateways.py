"""The commands, as an operator types them."""

from __future__ import annotations

import json
import shutil
import stat
import tarfile
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from cloud.cli.main import app as cloud_app
from cloud.identity import ca
from edge_agent.cli import app as edge_app
from edge_agent.uplink.identity_files import shown
from host.tls import TlsFiles
from tests.conftest import SMALL_DISTRICT

DAY_MS = 86_400_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.yaml"
    tls = {"ca_file": "identity/ca.crt", "cert_file": "identity/cloud.crt", "key_file": "identity/cloud.key"}
    settings = {
        "catalogue": str(SMALL_DISTRICT),
        "data_dir": "data",
        "broker": {"host": "mqtt.example.org", "port": 8883, **tls},
        "identity": {"broker_names": ["mqtt.example.org"]},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def cloud(*words: object) -> Result:
    return CliRunner().invoke(cloud_app, [str(w) for w in words])


def listed(config: Path) -> dict[str, str]:
    found = [json.loads(line) for line in cloud("gateway", "list", "--config", config).stdout.splitlines()]
    return {i["name"]: i["state"] for i in found}


def test_add_list_renew_revoke(config: Path, tmp_path: Path) -> None:
    tar = tmp_path / "gw-1.tar"
    assert cloud("gateway", "add", "gw-1", "--config", config, "--out", tar).exit_code == 0
    assert stat.S_IMODE(tar.stat().st_mode) == 0o600
    again = cloud("gateway", "add", "gw-1", "--config", config, "--out", tmp_path / "other.tar")
    assert again.exit_code == 2
    assert "gateway renew" in again.stderr
    assert cloud("gateway", "renew", "gw-1", "--config", config, "--out", tmp_path / "second.tar").exit_code == 0
    assert cloud("gateway", "revoke", "gw-1", "--generation", 1, "--config", config).exit_code == 0
    assert listed(config) == {"gw-1.1": "revoked", "gw-1.2": "valid"}
    assert cloud("gateway", "revoke", "gw-2", "--config", config).exit_code == 2


def test_every_change_is_in_the_one_audit_record(config: Path, tmp_path: Path) -> None:
    cloud("gateway", "add", "gw-1", "--config", config, "--out", tmp_path / "first.tar")
    cloud("gateway", "renew", "gw-1", "--config", config, "--out", tmp_path / "second.tar")
    cloud("gateway", "revoke", "gw-1", "--config", config)
    cloud("person", "add", "ann", "--role", "viewer", "--config", config)
    shown = cloud("audit", "--config", config)
    assert shown.exit_code == 0, shown.stderr
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    gateways = [(r["what"], r["target"]) for r in rows if r["what"].startswith("gateway.")]
    names = [("add", "gw-1.1"), ("renew", "gw-1.2"), ("revoke", "gw-1.1"), ("revoke", "gw-1.2")]
    assert gateways == [(f"gateway.{what}", target) for what, target in names]
    assert all(r["who"].startswith("shell") and r["source"] == "shell" and r["detail"]["serial"] for r in rows[:-1])
    assert rows[-1]["target"] == "ann"
    kept = (tmp_path / "identity" / "changes.jsonl").read_text().splitlines()
    assert [json.loads(x)["what"] for x in kept] == [r["what"] for r in rows[:-1]]


def test_a_bundle_is_never_written_over_and_no_key_is_made_for_nothing(config: Path, tmp_path: Path) -> None:
    (tmp_path / "gw-1.tar").write_text("somebody's")
    refused = cloud("gateway", "add", "gw-1", "--config", config, "--out", tmp_path / "gw-1.tar")
    assert refused.exit_code == 2
    assert "exists already" in refused.stderr
    assert not (tmp_path / "identity").exists()


def test_broker_files_name_the_place_where_they_will_lie(config: Path, tmp_path: Path) -> None:
    cloud("gateway", "add", "gw-1", "--config", config, "--out", tmp_path / "gw-1.tar")
    out = tmp_path / "out"
    done = cloud("broker", "files", "--config", config, "--out", out, "--installed", "/etc/mosquitto/headwater")
    assert done.exit_code == 0, done.stderr
    assert "acl_file /etc/mosquitto/headwater/acl" in (out / "mosquitto.conf").read_text()
    keys = {"ca.crt", "broker.crt", "broker.key"}
    assert {p.name for p in out.iterdir()} == {"mosquitto.conf", "acl", "crl.pem", "limits.conf", "firewall.nft", *keys}
    assert "LimitNOFILE=65536" in (out / "limits.conf").read_text()
    rules = (out / "firewall.nft").read_text()
    assert f"saddr ct count over {2 * 2 + 50} }}" in rules and "tcp dport 8883" in rules


def test_check_names_what_is_still_missing_in_the_cloud(config: Path, tmp_path: Path) -> None:
    before = cloud("check", "--config", config)
    assert before.exit_code == 2
    for word in ("ca.crt is not a file", "cloud.crt is not a file", "registry.json is missing", "cloud.yaml:"):
        assert word in before.stderr
    cloud("broker", "files", "--config", config, "--out", tmp_path / "out")
    after = cloud("check", "--config", config)
    assert after.exit_code == 0, after.stderr


def test_identities_need_a_broker_that_checks_them(config: Path) -> None:
    settings = yaml.safe_load(config.read_text())
    settings["broker"] = {"embedded": True}
    config.write_text(yaml.safe_dump(settings))
    refused = cloud("check", "--config", config)
    assert refused.exit_code == 2
    assert "identities need a broker that checks them" in refused.stderr


# --- at the cabinet ---


@pytest.fixture
def cabinet(config: Path, tmp_path: Path) -> Path:
    """The agent's file, with the bundle unpacked beside it as its words say."""
    tar = tmp_path / "gw-1.tar"
    cloud("gateway", "add", "gw-1", "--config", config, "--out", tar)
    folder = tmp_path / "cabinet"
    with tarfile.open(tar) as archive:
        archive.extractall(folder, filter="data")
    (folder / "gw-1").rename(folder / "identity")
    fragment = yaml.safe_load((folder / "identity" / "agent.yaml").read_text())
    (folder / "agent.yaml").write_text(yaml.safe_dump({**fragment, "catalogue": str(SMALL_DISTRICT), "data_dir": "d"}))
    return folder


def check(cabinet: Path) -> Result:
    return CliRunner().invoke(edge_app, ["check", str(cabinet / "agent.yaml")])


def test_a_bundle_unpacked_as_it_says_is_good(cabinet: Path) -> None:
    done = check(cabinet)
    assert done.exit_code == 0, done.stderr
    assert stat.S_IMODE((cabinet / "identity" / "gateway.key").stat().st_mode) == 0o600
    identity = cabinet / "identity"
    files = TlsFiles(identity / "ca.crt", identity / "gateway.crt", identity / "gateway.key")
    assert shown(files) == ("gw-1.1", pytest.approx(time.time() + 730 * 86_400, abs=120))


@pytest.mark.parametrize("name", ["gateway.key", "gateway.crt", "ca.crt"])
def test_a_missing_file_is_named(cabinet: Path, name: str) -> None:
    (cabinet / "identity" / name).unlink()
    done = check(cabinet)
    assert done.exit_code == 2
    assert f"{name} is not a file" in done.stderr


@pytest.mark.parametrize(
    ("days_ago", "days", "words"),
    [(10, 9, "certificate has expired"), (-10, 9, "not yet valid")],
)
def test_a_certificate_out_of_its_time_is_named(
    cabinet: Path, tmp_path: Path, days_ago: int, days: int, words: str
) -> None:
    own = ca.Pair((tmp_path / "identity" / "ca.crt").read_bytes(), (tmp_path / "identity" / "ca.key").read_bytes())
    now_ms = time.time_ns() // 1_000_000
    put(cabinet, ca.issue(own, "gw-1.1", now_ms - days_ago * DAY_MS, days, ca.Purpose.CLIENT))
    done = check(cabinet)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_certificate_of_another_authority_is_named(cabinet: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    put(cabinet, ca.issue(ca.make_authority("small", now_ms, 9), "gw-1.1", now_ms, 9, ca.Purpose.CLIENT))
    done = check(cabinet)
    assert done.exit_code == 2
    assert "gateway.crt will be refused" in done.stderr


def test_a_key_of_another_certificate_is_named(cabinet: Path, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "identity" / "ca.key", cabinet / "identity" / "gateway.key")
    done = check(cabinet)
    assert done.exit_code == 2
    assert "gateway.key cannot be used" in done.stderr


def test_another_gateways_bundle_is_named(cabinet: Path) -> None:
    text = (cabinet / "agent.yaml").read_text()
    (cabinet / "agent.yaml").write_text(text.replace("gateway: gw-1", "gateway: gw-2"))
    done = check(cabinet)
    assert done.exit_code == 2
    assert "this is gw-1's, not gw-2's" in done.stderr


def put(cabinet: Path, pair: ca.Pair) -> None:
    (cabinet / "identity" / "gateway.crt").write_bytes(pair.cert_pem)
    (cabinet / "identity" / "gateway.key").write_bytes(pair.key_pem)
