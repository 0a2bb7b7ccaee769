"""Files that are given to the agent's commands: what is no regular file, too large, or elsewhere is refused at once."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli.main import app
from tests.conftest import SMALL_DISTRICT

REPO = Path(__file__).parents[3]
SECRET = "root:$6$hidden:19000:0:99999:7:::\nvalue,\x1b[2J: ["
MOST_BYTES = 1 << 30  # of address space, beyond what the libraries of the command take


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def link_to_a_secret(path: Path) -> None:
    secret = path.parent.parent / "shadow"
    secret.write_text(SECRET)
    path.symlink_to(secret)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def huge_line(path: Path) -> None:
    path.write_text("a: " + "," * (1 << 25))


def deep(path: Path) -> None:
    path.write_text("[" * 1_000_000)


def bomb(path: Path) -> None:
    path.write_text(
        "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))])
    )


KINDS = [fifo, device, folder, link_to_a_secret, link_to_itself, huge_line, deep, bomb]


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 * MOST_BYTES, 3 * MOST_BYTES))


def given(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process that may not take the machine's memory, ended if it hangs."""
    asked = [sys.executable, "-m", "edge_agent.cli", *words]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        asked, cwd=REPO, env=env, capture_output=True, text=True, timeout=240, check=False, preexec_fn=limited
    )


def refused(done: subprocess.CompletedProcess[str]) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "Traceback" not in said
    assert "MemoryError" not in said
    assert "hidden" not in said
    assert "\x1b" not in said


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("which", ["series", "tests"])
def test_qc(tmp_path: Path, make: Callable[[Path], None], which: str) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "series").write_text("time,value\n1626768000000,1\n")
    (inside / "tests").write_text("fail_range: [0, 5]\n")
    (inside / which).unlink()
    make(inside / which)
    refused(given("qc", str(inside / "series"), "--config", str(inside / "tests")))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("which", ["agent.yaml", "district/rules.yaml", "district/texts/en.jinja"])
def test_check(tmp_path: Path, make: Callable[[Path], None], which: str) -> None:
    if which.endswith(".jinja") and make in (huge_line, deep, bomb):
        pytest.skip("a template is bounded in size, and may say what it likes")
    inside = tmp_path / "in"
    shutil.copytree(SMALL_DISTRICT, inside / "district")
    (inside / "district" / "texts").mkdir()
    (inside / "agent.yaml").write_text(
        "gateway: gw-1\ncatalogue: district\ndata_dir: data\nbroker: {host: 127.0.0.1}\n"
    )
    (inside / which).unlink(missing_ok=True)
    make(inside / which)
    refused(given("check", str(inside / "agent.yaml")))


@pytest.mark.parametrize("make", [fifo, device, folder, link_to_a_secret])
def test_probe(tmp_path: Path, make: Callable[[Path], None]) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    make(inside / "device.yaml")
    words = ("--kind", "modbus_tcp", "--address", "127.0.0.1:9", "--unit", "1")
    refused(given("probe", "--device", str(inside / "device.yaml"), *words))


def test_check_names_a_key_that_every_user_can_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        site = Path(name)
        site.chmod(0o755)
        (site / "password").write_text("x")
        (site / "password").chmod(0o644)
        broker = "{host: 127.0.0.1, username: gw, password_file: password}"
        text = f"gateway: gw-1\ncatalogue: {SMALL_DISTRICT}\ndata_dir: data\nbroker: {broker}\n"
        (site / "agent.yaml").write_text(text)
        said = CliRunner().invoke(app, ["check", str(site / "agent.yaml")])
    assert said.exit_code == 0, said.output
    assert f"{site}/password can be read by every user of this machine (mode 0644): chmod 0600" in said.stderr
