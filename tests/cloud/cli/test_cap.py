"""`headwater-cloud cap`: a line a fault, and exits that a script can use."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud.cap.check import check
from cloud.cli.main import app
from tests.cloud.cap.sound import SOUND

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
BROKEN = SOUND.replace("16:04:00+08:00</sent>", "08:04:00Z</sent>").replace("zh-CN", "chinese")


def run(*args: str, stdin: str | None = None) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["cap", *args], input=stdin)
    return result.exit_code, (result.stdout + result.stderr).splitlines()


def test_a_sound_file_is_good_and_a_broken_one_exits_with_a_line_a_fault(tmp_path: Path) -> None:
    (tmp_path / "sound.xml").write_text(SOUND)
    (tmp_path / "broken.xml").write_text(BROKEN)
    assert run("check", str(tmp_path / "sound.xml")) == (0, ["good: no fault found"])
    code, lines = run("check", str(tmp_path / "broken.xml"))
    assert code == 1
    assert [line.split(": ")[1] for line in lines] == ["alert/sent", "alert/info/language"]
    assert run("check", "-", stdin=BROKEN) == (1, lines)
    assert run("check", "--profile", "ipaws", str(tmp_path / "sound.xml"))[0] == 1


def test_what_cannot_be_read_exits_with_two(tmp_path: Path, url: str) -> None:
    assert run("check", str(tmp_path / "none.xml"))[0] == 2
    code, lines = run("check", f"{url}/none")
    assert (code, "answers 404" in lines[0]) == (2, True)
    assert run("check", "http://127.0.0.1:9/")[0] == 2


def test_a_message_is_fetched_by_its_address(url: str) -> None:
    assert run("check", f"{url}/broken")[0] == 1
    assert run("check", f"{url}/sound") == (0, ["good: no fault found"])


def test_what_a_message_says_does_not_act_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "escape.xml").write_text(SOUND.replace("zh-CN", "\x9b31mred"))
    code, lines = run("check", str(tmp_path / "escape.xml"))
    assert code == 1
    assert "\x9b" not in "".join(lines)


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"/sound": SOUND, "/broken": BROKEN}.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_preview_shows_every_language_and_writes_sound_files(tmp_path: Path) -> None:
    config = tmp_path / "cloud.yaml"
    head = f"catalogue: {JINSHUI}\ndata_dir: data\nbroker: {{embedded: true}}\naccess: {{mode: open}}\n"
    config.write_text(head)
    (tmp_path / "out").mkdir()  # in which another user may have laid links, for the files' names are known before
    (tmp_path / "out" / "01-opened.xml").symlink_to(tmp_path / "written through")
    code, lines = run("preview", "--config", str(config), "--zone", "jingguang", "--out", str(tmp_path / "out"))
    assert code == 0
    assert not (tmp_path / "written through").exists()
    assert "- **zh-CN**: 京广路红色内涝预警：京广路隧道积水60厘米，每分钟上涨6厘米" in lines
    assert any(line.startswith("- **en**: Red waterlogging warning, Jingguang Road") for line in lines)
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == sum(line.startswith("## ") for line in lines)
    for file in files:
        assert check(file.read_bytes(), ["google"]) == []
    assert run("preview", "--config", str(config), "--zone", "none")[0] == 2
    config.write_text(head + "warnings: {language: chinese}\n")
    code, lines = run("preview", "--config", str(config))
    assert (code, "cloud.yaml:5: warnings.language: 'chinese' is no language tag" in lines[0]) == (2, True)
