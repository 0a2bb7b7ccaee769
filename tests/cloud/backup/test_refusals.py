"""What is no backup, or no place for one, is refused in a line that says what to do, and nothing is touched."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from base64 import b64encode
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud.backup import document, taking
from cloud.backup.document import Backup, BackupError
from cloud.backup.putting_back import put_back
from cloud.backup.taking import left_out, take
from cloud.cli.main import app
from cloud.config import load_config
from cloud.ledger.open import open_ledger
from host.sqlite import connect
from tests.cloud.backup.running import Gateway, caught_up, config, running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stopped cloud, cloud.yaml, and its backup, copy."""
    folder = tmp_path_factory.mktemp("cloud")
    with running(config(folder)) as cloud:
        Gateway().send(cloud)
        caught_up(cloud)
    take(load_config(folder / "cloud.yaml"), folder / "copy", 1)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def said(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 2, done.output
    return done.stderr


def test_a_backup_holds_all_parts_and_says_what_it_lacks(folder: Path) -> None:
    backup = document.read(folder / "copy")
    assert set(backup.files) == {"log.sqlite", "ledger.sqlite", "quarantine.sqlite", "series/manifest.sqlite"}
    assert (backup.told, backup.undelivered) == (backup.end, 0)
    path = config(
        folder,
        identity={"folder": "identity"},
        broker={"host": "h", "ca_file": "ca", "cert_file": "c", "key_file": "k"},
        delivery=[
            {"kind": "webhook", "name": "office", "url": "https://example.org/", "secret_files": ["one", "two"]},
            {"kind": "log", "name": "file", "path": "told.jsonl"},
        ],
    )
    for name in ("one", "two"):
        (folder / name).write_text("whsec_" + b64encode(bytes(range(24))).decode())
    lacks = left_out(load_config(path, complete=False))
    wanted = ["cloud's", "district", "identity", "k", "one", "two", "told.jsonl"]
    for name in wanted[1:]:
        assert any(str(folder / name) in line for line in lacks), name
    assert len(lacks) == len(wanted)


def test_a_backup_goes_into_a_new_folder_only(folder: Path) -> None:
    before = names(folder)
    what = said("backup", "--config", folder / "cloud.yaml", "--to", folder / "copy")
    assert what == f"{folder / 'copy'} is there already: name a new folder for each backup\n"
    assert names(folder) == before


def test_no_log_no_backup(tmp_path: Path) -> None:
    path = config(tmp_path)
    assert "nothing to back up" in said("backup", "--config", path, "--to", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_two_at_once_are_refused_and_what_the_first_writes_is_left_alone(folder: Path) -> None:
    (folder / "other.part").mkdir()
    (folder / "other.part" / "log.sqlite").write_text("half of the first")
    with (folder / "data" / "backup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        what = said("backup", "--config", folder / "cloud.yaml", "--to", folder / "other")
    assert "another backup" in what
    assert (folder / "other.part" / "log.sqlite").read_text() == "half of the first"
    assert not (folder / "other").exists()


def test_a_ledger_of_another_age_is_not_brought_up_to_date_by_a_backup(folder: Path) -> None:
    ledger = open_ledger(f"sqlite:///{folder}/data/ledger.sqlite")
    with ledger.begin() as db:
        db.exec_driver_sql("update alembic_version set version_num = '0004'")
    assert "release that runs" in said("backup", "--config", folder / "cloud.yaml", "--to", folder / "other")
    with ledger.connect() as db:
        assert db.exec_driver_sql("select version_num from alembic_version").scalar() == "0004"
    ledger.dispose()


def test_a_full_folder_is_left_alone(folder: Path) -> None:
    before = names(folder)
    assert "is not empty" in said("restore", folder / "copy", "--config", folder / "cloud.yaml")
    assert names(folder) == before


@pytest.mark.parametrize("part", ["log.sqlite", "ledger.sqlite", "series/manifest.sqlite"])
def test_a_damaged_or_missing_part_is_named(folder: Path, part: str) -> None:
    shutil.rmtree(folder / "data")
    file = folder / "copy" / part
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert str(file) in said("restore", folder / "copy", "--config", folder / "cloud.yaml")
    file.unlink()
    assert str(file) in said("restore", folder / "copy", "--config", folder / "cloud.yaml")
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"version": 2}, "newer Headwater"),
        ({"files": {"/etc/x": [1, ""]}}, "outside"),
        ({"end": None, "x": 1}, "read"),
        ({"taken_ms": float("inf")}, "something else than whole numbers"),
        ({"end": "1"}, "something else than whole numbers"),
    ],
)
def test_a_document_that_is_none_of_ours(folder: Path, change: dict[str, object], what: str) -> None:
    shutil.rmtree(folder / "data")
    path = folder / "copy" / document.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert what in said("restore", folder / "copy", "--config", folder / "cloud.yaml")
    path.unlink()
    assert "not finished" in said("restore", folder / "copy", "--config", folder / "cloud.yaml")
    assert not (folder / "data").exists()


def test_a_disk_that_is_full_leaves_neither_half_a_backup_nor_half_a_cloud(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Backup:
        raise OSError(28, "No space left on device")

    found = load_config(folder / "cloud.yaml")
    with monkeypatch.context() as m:
        m.setattr(document, "write", full)
        with pytest.raises(OSError, match="No space"):
            take(found, folder / "other", 1)
        m.setattr("cloud.backup.putting_back.sync", full)
        (folder / "data").rename(folder / "dead")
        with pytest.raises(OSError, match="No space"):
            put_back(found, folder / "copy")
    assert not any(x.startswith(("other", "data", "dead/backup.links")) for x in names(folder))
    put_back(found, folder / "copy")


def test_a_segment_that_is_merged_away_meanwhile_is_looked_for_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = folder / "data" / "series"

    def name(*segments: str) -> None:
        db = connect(series / "manifest.sqlite")
        db.execute("delete from segment")
        for segment in segments:
            (series / segment).write_bytes(segment.encode())
            values = ("raw", "hour", 0, 1, segment, 1, 1)
            db.execute(
                "insert into segment (kind, span, start_ms, end_ms, path, rows, bytes) values (?,?,?,?,?,?,?)", values
            )
        db.close()

    linked = taking._link

    def merged(file: Path, link: Path) -> None:
        if file.name == "b.parquet" and file.exists():
            name("c.parquet")
            (series / "a.parquet").unlink()
            file.unlink()
        linked(file, link)

    name("a.parquet", "b.parquet")
    monkeypatch.setattr(taking, "_link", merged)
    backup = take(load_config(folder / "cloud.yaml"), folder / "other", 1)
    assert [f for f in backup.files if f.endswith(".parquet")] == ["series/c.parquet"]
    (series / "c.parquet").unlink()
    with pytest.raises(BackupError, match="view rebuild series"):
        take(load_config(folder / "cloud.yaml"), folder / "third", 1)


@pytest.mark.parametrize("kind", ["link", "pipe", "longer"])
def test_what_is_no_file_of_the_backup_is_not_put_back(folder: Path, kind: str) -> None:
    shutil.rmtree(folder / "data")
    file = folder / "copy" / "log.sqlite"
    if kind == "longer":
        file.write_bytes(file.read_bytes() + b"x")
    else:
        file.rename(folder / "elsewhere")
    if kind == "link":
        file.symlink_to(folder / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(file)
    what = said("restore", folder / "copy", "--config", folder / "cloud.yaml")
    assert what.startswith(f"{file} is not what was backed up")
    assert not (folder / "data").exists()


def test_what_is_put_back_is_its_owners_alone(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    for path in (folder / "copy").rglob("*"):
        path.chmod(0o777)
    put_back(load_config(folder / "cloud.yaml"), folder / "copy")
    assert {stat.S_IMODE(p.stat().st_mode) for p in (folder / "data").rglob("*") if p.is_file()} == {0o600}


def test_links_and_pipes_in_the_data_folder_are_not_taken_along(folder: Path) -> None:
    os.mkfifo(folder / "data" / "pipe.aside")
    (folder / "data" / "endless.aside").symlink_to("/dev/zero")
    (folder / "data" / "real.aside").write_text("a line")
    backup = take(load_config(folder / "cloud.yaml"), folder / "other", 1)
    assert [name for name in backup.files if name.endswith(".aside")] == ["real.aside"]


def test_a_copy_that_anybody_could_exchange_is_told_and_not_put_back(folder: Path) -> None:
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o777)
    done = CliRunner().invoke(
        app, ["backup", "--config", str(folder / "cloud.yaml"), "--to", str(folder / "shared" / "copy")]
    )
    assert done.exit_code == 0
    assert f"anybody may write in {folder}/shared, who could exchange the copy" in done.stderr
    shutil.rmtree(folder / "data")
    what = said("restore", folder / "shared" / "copy", "--config", folder / "cloud.yaml")
    assert what.startswith(f"anybody may write in {folder}/shared, who could have written another backup")
    assert not (folder / "data").exists()
