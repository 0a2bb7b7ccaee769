"""Commands that root gives act as the user that runs the cloud: the owner of its data folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cloud.cli.owner import act_as_owner, acting_as_owner, make_data_dir
from host.private import NotPrivate
from tests.another_user import NOBODY, needs_root, python
from tests.conftest import SMALL_DISTRICT

pytestmark = needs_root
SINK = {"kind": "webhook", "name": "centre", "url": "https://centre.example/", "secret_files": ["key"]}


@pytest.fixture
def site() -> Iterator[Path]:
    """/etc/headwater as an administrator makes it, with the data folder of the service beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(SMALL_DISTRICT, folder / "district")  # readable to everybody
        (folder / "data").mkdir(mode=0o700)
        os.chown(folder / "data", NOBODY, NOBODY)
        settings = {"catalogue": "district", "data_dir": "data"}
        more = {"broker": {"host": "127.0.0.1"}, "identity": {"broker_names": ["mqtt.example.org"]}}
        (folder / "cloud.yaml").write_text(yaml.safe_dump({**settings, **more}))
        yield folder


def cloud(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*python(), "-m", "cloud.cli", *words, "--config", str(site / "cloud.yaml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def owners(folder: Path) -> set[int]:
    return {path.stat().st_uid for path in folder.rglob("*")}


def test_what_a_command_leaves_in_the_data_folder_is_the_services(site: Path) -> None:
    before = os.umask(0)
    try:
        for words in (["broker", "files", "--out", str(site / "broker")], ["person", "add", "ann", "--role", "viewer"]):
            done = cloud(site, *words)
            assert done.returncode == 0, done.stderr
    finally:
        os.umask(before)
    assert {p.stat().st_mode & 0o077 for p in (site / "data").iterdir()} == {0}  # whatever root's umask is
    assert not [p for p in (site / "identity").iterdir() if p.stat().st_mode & 0o022]
    assert (site / "data" / "ledger.sqlite").exists()
    assert owners(site / "data") == {NOBODY}
    assert owners(site / "identity") == {0}
    rows = [json.loads(line) for line in cloud(site, "audit").stdout.splitlines()]
    assert {row["who"].partition(" ")[0] for row in rows} == {"shell:root"}


def test_check_looks_with_the_services_eyes(site: Path) -> None:
    broker = {"ca_file": "identity/ca.crt", "cert_file": "identity/cloud.crt", "key_file": "identity/cloud.key"}
    assert cloud(site, "broker", "files", "--out", str(site / "broker")).returncode == 0
    written = yaml.safe_load((site / "cloud.yaml").read_text())
    written["broker"] |= broker
    (site / "cloud.yaml").write_text(yaml.safe_dump({**written, "delivery": [SINK]}))
    (site / "key").write_text("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0\n")
    (site / "key").chmod(0o600)
    said = cloud(site, "check").stderr
    assert f"{site}/key cannot be read by the user nobody: give the file or its folder to it, chown nobody" in said
    assert "identity/cloud.key" in said
    assert "Traceback" not in said


def test_files_that_root_names_are_read_as_root(site: Path) -> None:
    (site / "read.key").write_text("hw_x")
    (site / "read.key").chmod(0o600)
    settings = yaml.safe_load((site / "cloud.yaml").read_text())
    settings.pop("identity")
    (site / "cloud.yaml").write_text(yaml.safe_dump(settings))
    done = cloud(site, "doctor", "--key-file", str(site / "read.key"))
    assert "read.key" not in done.stderr
    assert "broker" in done.stdout
    (site / "closed").mkdir(mode=0o700)
    assert cloud(site, "cap", "preview", "--out", str(site / "closed" / "cap")).returncode == 0
    assert owners(site / "data") <= {NOBODY}


def test_root_is_root_again_behind_it(site: Path) -> None:
    with acting_as_owner(site / "data"):
        assert (os.geteuid(), os.getegid(), os.getuid()) == (NOBODY, NOBODY, 0)
    assert (os.geteuid(), os.getegid()) == (0, 0)


def test_a_folder_that_root_makes_is_told(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_data_dir(site / "new")
    assert capsys.readouterr().err == (
        f"made {site}/new for root: if the cloud runs as another user, chown -R USER: {site}/new\n"
    )


def test_a_bundle_with_a_key_is_roots_wherever_it_is_put(site: Path) -> None:
    """And so nobody's who owns the folder, or laid a file of that name there meanwhile."""
    open_to_all = site / "carried"
    open_to_all.mkdir()
    os.chown(open_to_all, NOBODY, NOBODY)
    done = cloud(site, "gateway", "add", "gw-1", "--out", str(open_to_all / "gw-1.tar"))
    assert done.returncode == 0, done.stderr
    found = (open_to_all / "gw-1.tar").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o600)


@pytest.mark.parametrize("how", ["anothers", "anybodys", "a link in it", "not there yet"])
def test_root_works_in_no_folder_that_another_could_exchange(site: Path, how: str) -> None:
    """Else `data` becomes a link to a folder of root's, and root goes on as root there."""
    above = site / "above"
    above.mkdir()
    (site / "data").rename(above / "data")
    if how == "anybodys":
        above.chmod(0o777)
    else:
        os.chown(above, 1, 1)
    if how == "a link in it":
        (above / "data").rename(above / "real")
        (above / "data").symlink_to(site / "district")
    elif how == "not there yet":
        (above / "data").rmdir()
    with pytest.raises(NotPrivate, match=rf"{above}\b.* be put in the place of {above}/data .*chown root:"):
        act_as_owner(above / "data")
    assert os.geteuid() == 0
