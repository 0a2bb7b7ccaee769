"""A Unix socket in place of a port: the proxy alone comes in, and is believed."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.api.settings import HttpSettings
from cloud.app.listener import CannotListen, listening
from tests.cloud.api.test_http_protocol import served
from tests.cloud.backup.running import config

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n%s\r\n"


def test_the_socket_is_its_users_and_groups_and_one_that_was_left_is_replaced(tmp_path: Path) -> None:
    settings = HttpSettings(socket=Path("http.sock"))
    for _ in range(2):
        listener, url = listening(settings, tmp_path)
        assert url == f"unix:{tmp_path}/http.sock"
        assert stat.S_IMODE((tmp_path / "http.sock").stat().st_mode) == 0o660
        listener.close()


def test_what_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "http.sock"))
        other.listen()
        with pytest.raises(CannotListen, match="another program listens at"):
            listening(HttpSettings(socket=Path("http.sock")), tmp_path)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(CannotListen, match="is no socket"):
        listening(HttpSettings(socket=Path("file")), tmp_path)
    assert (tmp_path / "file").read_text() == "precious"
    with pytest.raises(CannotListen, match="its folder must be there"):
        listening(HttpSettings(socket=Path("none/http.sock")), tmp_path)


def test_a_cloud_whose_port_is_taken_has_done_nothing_yet(tmp_path: Path) -> None:
    """A second cloud would take the first one's place at the broker, and tell its consumers what the first tells."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = config(tmp_path, http={"port": port})
        (tmp_path / "data").mkdir()
        command = [sys.executable, "-P", "-m", "cloud.cli", "serve", "--config", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use: end the program that has it" in done.stderr
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "client", "scheme"),
    [
        (b"x-forwarded-for: 198.51.100.7, 203.0.113.9\r\nx-forwarded-proto: https\r\n", "203.0.113.9", "https"),
        (b"", "unix", "http"),
    ],
)
async def test_who_comes_by_it_is_believed_as_the_proxy(tmp_path: Path, said: bytes, client: str, scheme: str) -> None:
    settings = HttpSettings(socket=Path("http.sock"))
    listener, _ = listening(settings, tmp_path)
    async with served(settings, listener):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "http.sock"))
        writer.write(ASK % said)
        _, _, body = (await reader.readuntil(b"}")).partition(b"\r\n\r\n")
        writer.close()
    assert json.loads(body) == {"client": client, "scheme": scheme}
