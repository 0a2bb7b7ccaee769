"""Data folders and files that others of the machine can neither read nor lock."""

from __future__ import annotations

import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from host.private import GROUP_LOOKS_IN, NotPrivate, close_file, close_folder, closed_to_others
from host.sqlite import connect
from tests.another_user import NOBODY, needs_root, python

LOCKED = """
import fcntl, os, sys
os.setgroups([]); os.setegid(65534); os.seteuid(65534)
for path in sys.argv[1:]:
    try:
        with open(path) as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        print("locked", path)
    except OSError:
        pass
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that others may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(folder: Path) -> list[Path]:
    """A store as an earlier release left it: open to all, and in use."""
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    db = connect(folder / "log.sqlite")
    db.execute("create table if not exists x (y)")
    files = [folder / f"log.sqlite{end}" for end in ("", "-wal", "-shm")]
    for file in files:
        file.chmod(0o644)
    opened.kept = db  # type: ignore[attr-defined]
    return files


def test_what_was_open_is_closed_and_what_was_closed_stays_so(tmp_path):
    files = opened(tmp_path / "data")
    close_folder(tmp_path / "data")
    assert [mode(x) for x in (tmp_path / "data", *files)] == [0o700, 0o600, 0o600, 0o600]
    (tmp_path / "data").chmod(0o500)
    files[0].chmod(0o400)
    close_folder(tmp_path / "data")
    assert (mode(tmp_path / "data"), mode(files[0])) == (0o500, 0o400)
    close_folder(tmp_path / "new" / "er", GROUP_LOOKS_IN)
    assert mode(tmp_path / "new" / "er") == 0o750


def test_what_is_made_meanwhile_is_the_owners_alone_and_then_as_before(tmp_path):
    for name, wanted in (("before", 0o644), ("meanwhile", 0o600), ("after", 0o644)):
        with closed_to_others() if name == "meanwhile" else nullcontext():
            (tmp_path / name).touch()
        assert mode(tmp_path / name) & ~0o644 == 0
        assert (mode(tmp_path / name) == 0o600) is (wanted == 0o600)


def test_no_link_is_followed(tmp_path):
    outside = tmp_path / "outside.sqlite"
    outside.write_bytes(b"")
    outside.chmod(0o644)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.sqlite").symlink_to(outside)
    close_folder(tmp_path / "data")
    assert mode(outside) == 0o644
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(NotPrivate, match="cannot be opened"):
        close_file(tmp_path / "link" / ".." / "data" / "x.sqlite")


def test_a_file_alone_with_those_beside_it(tmp_path):
    files = opened(tmp_path / "data")
    close_file(files[0])
    assert [mode(f) for f in files] == [0o600] * 3
    close_file(tmp_path / "none.sqlite")


@needs_root
def test_another_user_cannot_lock_what_the_service_writes(open_folder):
    folder = open_folder / "data"
    files = [str(f) for f in opened(folder)]
    before = subprocess.run([*python(), "-c", LOCKED, *files], capture_output=True, text=True).stdout
    assert before.count("locked") == 3  # as it was
    close_folder(folder)
    after = subprocess.run([*python(), "-c", LOCKED, *files], capture_output=True, text=True).stdout
    assert after == ""
    folder.chmod(0o755)  # and the files by themselves
    assert subprocess.run([*python(), "-c", LOCKED, *files], capture_output=True, text=True).stdout == ""


@needs_root
def test_who_cannot_close_it_does_not_start(open_folder):
    folder = open_folder / "data"
    folder.mkdir()
    folder.chmod(0o777)
    said = (
        f"import os; os.setgroups([]); os.setegid({NOBODY}); os.seteuid({NOBODY})\n"
        "from pathlib import Path\nfrom host.private import *\n"
        f"try: close_folder(Path({str(folder)!r}))\nexcept NotPrivate as error: print(error)"
    )
    found = subprocess.run([*python(), "-c", said], capture_output=True, text=True)
    assert "mode 0777" in found.stdout and "chown it to the user that runs this" in found.stdout, found.stderr
