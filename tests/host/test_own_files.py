"""Our files in folders in which another user may write: what that user put at their names harms nobody."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from host.files import put
from host.own_files import only_one, open_own, read_own

KINDS = ["link", "dangling", "hard", "pipe", "folder"]


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("precious")
    return path


def lay(kind: str, at: Path, precious: Path) -> None:
    """What another user put in a file's place."""
    match kind:
        case "link":
            at.symlink_to(precious)
        case "dangling":
            at.symlink_to(precious.with_name("made"))
        case "hard":
            os.link(precious, at)
        case "pipe":
            os.mkfifo(at)
        case "folder":
            at.mkdir()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_of_its_own_is_refused_by_name_and_left_alone(tmp_path, precious, kind):
    (tmp_path / "in").mkdir()
    at = tmp_path / "in" / "file"
    lay(kind, at, precious)
    for use in (open_own, read_own):
        with pytest.raises(OSError, match=f"{at} is no file of its own"):
            use(at)
    assert precious.read_text() == "precious"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", ["link", "dangling", "hard", "pipe"])
@pytest.mark.parametrize("name", ["file", "file.new"])
def test_what_is_written_takes_the_place_of_a_link(tmp_path, precious, kind, name):
    (tmp_path / "in").mkdir()
    lay(kind, tmp_path / "in" / name, precious)
    put(tmp_path / "in" / "file", b"ours")
    assert (tmp_path / "in" / "file").read_bytes() == b"ours"
    assert stat.S_ISREG((tmp_path / "in" / "file").lstat().st_mode)
    assert precious.read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "precious"]


def test_a_file_is_its_owners_alone_and_one_of_an_earlier_release_becomes_so(tmp_path):
    for name, mode in (("new", None), ("old", 0o664)):
        if mode is not None:
            (tmp_path / name).touch()
            (tmp_path / name).chmod(mode)
        handle = open_own(tmp_path / name)
        assert stat.S_IMODE(os.fstat(handle).st_mode) == 0o600
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)


def test_no_more_is_read_than_was_said(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_own(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_own(tmp_path / "file", 4)


def test_one_at_a_time_and_the_next_when_it_has_ended(tmp_path):
    for _ in range(2):
        with only_one(tmp_path / "lock"), pytest.raises(BlockingIOError), only_one(tmp_path / "lock"):
            pass
