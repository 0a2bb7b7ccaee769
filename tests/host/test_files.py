"""What is synced reached the kernel's own call, and nothing stays open."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from host.files import read_given, read_secret, sync


def test_a_file_and_a_folder_go_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_text("water")
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((handle, os.fstat(handle).st_ino)))
    sync(file)
    sync(tmp_path)
    assert [inode for _, inode in synced] == [file.stat().st_ino, tmp_path.stat().st_ino]
    for handle, _ in synced:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nothing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("root:$6$hash:19000:0:99999:7:::\n")
    return tmp_path / "in"


def test_a_regular_file_is_read_up_to_its_bound(folder: Path) -> None:
    (folder / "f").write_bytes(b"x" * 4096)
    assert read_given(folder / "f", 4096) == b"x" * 4096
    with pytest.raises(OSError, match="larger than 3 KiB"):
        read_given(folder / "f", 3072)


def test_a_link_within_its_folder_is_followed_and_one_out_of_it_is_not(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "f").write_text("a: 1")
    (folder / "in.yaml").symlink_to("data/f")
    assert read_given(folder / "in.yaml", 100) == b"a: 1"
    for n, target in enumerate((folder.parent / "secret", Path("../secret"), Path("data/../../secret"))):
        (folder / f"out{n}").symlink_to(target)
        with pytest.raises(OSError, match="leads out of its folder"):
            read_given(folder / f"out{n}", 100)


def test_a_folder_that_is_a_link_itself_is_no_matter(folder: Path) -> None:
    (folder / "f").write_text("a: 1")
    (folder.parent / "other").symlink_to(folder)
    assert read_given(folder.parent / "other" / "f", 100) == b"a: 1"


def test_what_is_no_regular_file_is_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        for path, said in ((folder / "fifo", "a FIFO"), (folder, "a folder"), (Path("/dev/zero"), "a device")):
            with pytest.raises(OSError, match=said):
                read_given(path, 100)
        with pytest.raises(OSError):  # a socket cannot be opened at all
            read_given(folder / "s", 100)
    with pytest.raises(FileNotFoundError):
        read_given(folder / "none", 100)


@pytest.mark.parametrize("data", [b"", b"\n \n", b"a\nb", b"a\x1b[2J", b"\xff\xfe", b"\x00"])
def test_a_secret_is_one_line_and_what_it_is_is_not_told(folder: Path, data: bytes) -> None:
    (folder / "key").write_bytes(data)
    with pytest.raises(ValueError, match=r"empty|text|line"):
        read_secret(folder / "key")
    (folder / "key").write_bytes(b"  hw_1_2\r\n")
    assert read_secret(folder / "key") == "hw_1_2"
