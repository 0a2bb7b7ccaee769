"""Root writes in folders that others may write in: what they put there as a link is neither followed nor written."""

from __future__ import annotations

import os
import stat

import pytest

from cloud.identity import store, trace
from cloud.identity.authority import Authority
from cloud.identity.settings import IdentitySettings
from cloud.identity.store import IdentityError


def record(folder):
    trace.record(folder, now_ms=0, who="ann", what="gateway.add", target="g.1", source="shell", detail={})


@pytest.mark.parametrize("name", [".lock", "changes.jsonl"])
@pytest.mark.parametrize("kind", ["link", "dangling", "hard", "pipe", "folder"])
def test_what_is_no_file_of_its_own_is_refused_by_name_and_left_alone(tmp_path, name, kind):
    folder, precious = tmp_path / "identity", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("precious")
    at = folder / name
    if kind == "link":
        at.symlink_to(precious)
    elif kind == "dangling":
        at.symlink_to(tmp_path / "made")
    elif kind == "hard":
        os.link(precious, at)
    elif kind == "pipe":
        os.mkfifo(at)
    else:
        at.mkdir()
    with pytest.raises(IdentityError, match="is no file of its own"):
        if name == ".lock":
            with store.locked(folder):
                pass
        else:
            record(folder)
    assert precious.read_text() == "precious"
    assert not (tmp_path / "made").exists()


def test_a_link_in_the_place_of_what_is_replaced_goes(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for link in (store.FILE, f".{store.FILE}.part"):
        (tmp_path / link).unlink(missing_ok=True)
        (tmp_path / link).symlink_to(precious)
        store.write(tmp_path / store.FILE, b"{}")
        assert precious.read_text() == "precious"
        assert (tmp_path / store.FILE).read_bytes() == b"{}"
        assert not (tmp_path / store.FILE).is_symlink()


def test_the_record_grows_and_the_lock_is_not_written(tmp_path):
    for _ in range(2):
        with store.locked(tmp_path):
            record(tmp_path)
    assert len((tmp_path / "changes.jsonl").read_text().splitlines()) == 2
    assert stat.S_IMODE((tmp_path / ".lock").stat().st_mode) & 0o007 == 0


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "broker.crt", "broker.key", "cloud.crt"])
def test_what_root_reads_of_the_authority_is_no_link_of_anothers(tmp_path, small_district, name):
    """It would stand in the broker's folder or in a bundle, for others to read."""
    authority = Authority(IdentitySettings(), tmp_path, small_district, lambda: 1_795_600_000_000, "engineer")
    authority.write_broker_files(tmp_path / "broker")
    shadow = tmp_path / "shadow"
    (authority.folder / name).rename(shadow)
    shadow.write_bytes(shadow.read_bytes() + b"root:$6$hash\n")
    (authority.folder / name).symlink_to(shadow)
    with pytest.raises(IdentityError, match=f"{name} is no file of its own"):
        authority.write_broker_files(tmp_path / "broker")
    assert not [p for p in (tmp_path / "broker").iterdir() if b"root:" in p.read_bytes()]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_registry_is_no_link_out_of_its_folder_and_no_pipe(tmp_path, kind):
    folder = tmp_path / "identity"
    folder.mkdir()
    (tmp_path / "other").write_text('{"identities": []}')
    if kind == "link":
        (folder / store.FILE).symlink_to(tmp_path / "other")
    else:
        os.mkfifo(folder / store.FILE)
    with pytest.raises(IdentityError, match="cannot be read"):
        store.read(folder)


def test_a_careful_umask_shuts_neither_the_broker_nor_the_service_out(tmp_path, small_district):
    authority = Authority(IdentitySettings(), tmp_path, small_district, lambda: 1_795_600_000_000, "engineer")
    before = os.umask(0o077)
    try:
        authority.write_broker_files(tmp_path / "broker")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "broker", authority.folder)] == [0o755, 0o750]
