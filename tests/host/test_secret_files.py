"""A secret that cannot be had is told before the start, with what to do; never the secret."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from host.broker_settings import BrokerSettings
from host.secret_files import open_to_others, secret_trouble
from tests.another_user import needs_root


def test_a_good_one_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("whsec_abc\n")
    assert secret_trouble(tmp_path / "key", "the key") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (b" \n\n", "is empty"), (b"\xff\xfe", "other bytes"), (b"x" * 5000, "more than 4096")],
)
def test_one_that_is_none(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "key").write_bytes(content)
    said = secret_trouble(tmp_path / "key", "the key")
    assert said is not None
    assert told in said
    assert "put the key there" in said


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", Path("/dev/zero")):
        assert secret_trouble(path, "the key") == f"{path} is not a file: put the key there"
    assert "cannot be read" in (secret_trouble(tmp_path / "loop", "the key") or "")


@needs_root
def test_one_of_another_user_names_the_user_that_is_to_have_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    key = Path("/tmp") / f"secret-{os.getpid()}"
    key.write_text("x")
    key.chmod(0o600)
    try:
        code = (
            "import os, sys, pathlib; from host.secret_files import secret_trouble; os.seteuid(65534);"
            "print(secret_trouble(pathlib.Path(sys.argv[1]), 'the key'))"
        )
        command = [sys.executable, "-c", code, str(key)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        key.unlink()
    assert said == f"{key} cannot be read by the user nobody: give the file or its folder to it, chown nobody\n"


def test_the_brokers_password_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "password").touch()
    named = BrokerSettings(host="h", username="u", password_file=Path("password")).under(tmp_path)
    assert named.password_trouble() == f"{tmp_path / 'password'} is empty: put the password there"
    assert BrokerSettings(host="h").password_trouble() is None


@pytest.mark.parametrize(
    ("mode", "folder_mode", "told"),
    [(0o644, 0o755, True), (0o604, 0o711, True), (0o640, 0o755, False), (0o600, 0o755, False), (0o644, 0o750, False)],
)
def test_one_that_every_user_can_read_is_told(mode: int, folder_mode: int, told: bool) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        Path(name).chmod(folder_mode)
        key = Path(name) / "key"
        key.write_text("whsec_abc")
        key.chmod(mode)
        said = open_to_others(key)
    assert (said is not None) is told
    assert said is None or (f"{key} can be read by every user" in said and "chmod 0600" in said and "whsec" not in said)
    assert open_to_others(key) is None  # gone
