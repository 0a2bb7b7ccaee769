"""The commands, the configuration, and the first start."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys

import httpx2
import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from cloud.access import keys
from cloud.cli.main import app
from cloud.config import load_config
from cloud.ledger.audit import audit_rows
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from contract.documents import ConfigError
from tests.cloud.cloud_with_logins import MENDED, STILL_BAD, fill_quarantine, write_config
from tests.servers import command

FROM_PAGE = {"x-headwater-page": "1"}


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def run(config):
    def run_it(*arguments: str, code: int = 0, typed: str | None = None):
        done = CliRunner().invoke(app, [*arguments, "--config", str(config)], input=typed)
        assert done.exit_code == code, done.output
        return done

    return run_it


def test_a_key_from_making_to_revoking(run, config):
    text = run("key", "create", "scada", "--scope", "read", "--scope", "operate").stdout.strip()
    number, secret = keys.parse(text)
    row = json.loads(run("key", "list").stdout)
    assert (row["id"], row["name"], row["scopes"], row["revoked"]) == (number, "scada", ["operate", "read"], None)
    new = run("key", "rotate", number, "--overlap-h", "1").stdout.strip()
    ledger = open_ledger(load_config(config).ledger_url)
    now_ms = SystemClock().now_ms()
    assert keys.find(ledger, text, now_ms)
    assert keys.find(ledger, new, now_ms)
    assert not keys.find(ledger, text, now_ms + 3_600_000)
    run("key", "revoke", number)
    assert not keys.find(ledger, new, now_ms)
    assert "key list" in run("key", "revoke", number, code=2).stderr
    assert "key list" in run("key", "rotate", "ffffffff", code=2).stderr
    shown = run("key", "list").output + run("audit").output
    assert secret not in shown
    assert keys.hash_of(secret) not in shown
    run("key", "create", "scada", "--scope", "everything", code=2)
    run("key", "create", "scada", code=2)


def test_people(run):
    password = run("person", "add", "ann", "--role", "duty-officer").stdout.strip()
    assert len(password) == 24
    assert json.loads(run("person", "list").stdout)["role"] == "duty-officer"
    assert "12 to 256" in run("person", "add", "bob", "--role", "viewer", "--stdin", typed="short\n", code=2).stderr
    run("person", "add", "bob", "--role", "viewer", "--stdin", typed="long enough for it\n")
    assert run("person", "password", "ann").stdout.strip() != password
    run("person", "role", "ann", "viewer")
    assert [json.loads(line)["role"] for line in run("person", "list").stdout.splitlines()] == ["viewer", "viewer"]
    assert "person list" in run("person", "role", "eve", "viewer", code=2).stderr
    run("person", "remove", "ann")
    assert "person list" in run("person", "remove", "ann", code=2).stderr
    assert [json.loads(line)["what"] for line in run("audit").stdout.splitlines()] == [
        "person.add",
        "person.add",
        "person.password",
        "person.role",
        "person.remove",
    ]


def test_the_record_believes_no_variable_of_the_shell(run, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    run("key", "create", "scada", "--scope", "read")
    assert json.loads(run("audit").stdout)["who"].startswith(f"shell:{pwd.getpwuid(os.getuid()).pw_name}")
    assert "somebody-else" not in run("audit").stdout


def test_the_audit_command_sees_a_removed_row(run, config):
    for name in ("a", "b", "c"):
        run("key", "create", name, "--scope", "read")
    whole = run("audit", "--limit", "2")
    assert len(whole.stdout.splitlines()) == 2
    assert re.search(r"whole: 3 rows, head [0-9a-f]{64}", whole.stderr)
    with open_ledger(load_config(config).ledger_url).begin() as db:
        db.execute(delete(audit_rows).where(audit_rows.c.number == 2))
    assert "row 2 is missing" in run("audit", code=1).stderr


def test_a_release_at_the_shell_is_in_the_record(run, config):
    found = load_config(config)
    found.data_dir.mkdir()
    fill_quarantine(found)
    assert json.loads(run("quarantine", "release").stdout) == {"stored": 1, "still_refused": 1}
    rows = [json.loads(line) for line in run("audit").stdout.splitlines()]
    assert [(r["what"], r["source"]) for r in rows] == [
        ("quarantine.release", "shell"),
        ("quarantine.released", "shell"),
    ]
    assert rows[1]["detail"] == {"stored": 1, "still_refused": 1}
    assert json.loads(run("quarantine", "list").stdout)["id"] == STILL_BAD != MENDED


def test_open_is_for_loopback_only(tmp_path):
    path = write_config(tmp_path, {"mode": "open"})
    assert load_config(path).file.access.mode == "open"
    path.write_text(path.read_text() + "\n")
    path.write_text(path.read_text().replace("http:\n", "http:\n  host: 0.0.0.0\n"))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert "open to anybody who reaches 0.0.0.0: write `required`" in str(caught.value.mistakes[0])


def test_required_is_what_a_file_without_a_word_gets(config):
    assert load_config(config).file.access.mode == "required"


def test_the_first_start_makes_an_administrator_and_says_so_once(tmp_path, config):
    log = tmp_path / "cloud.log"
    with command("cloud.cli", "serve", "--config", str(config), errors=log) as ready:
        said = re.search(r"log in as (\S+) with password (\S+)", log.read_text())
        name, password = said[1], said[2]
        assert httpx2.get(f"{ready['http']}/v1/latest").status_code == 401
        with httpx2.Client(base_url=ready["http"], headers=FROM_PAGE, timeout=60) as client:
            answer = client.post("/v1/session", json={"name": name, "password": password})
            assert answer.json()["role"] == "administrator"
            assert client.get("/v1/audit").json()[-1]["who"] == "first start"
    with command("cloud.cli", "serve", "--config", str(config), errors=log):
        pass
    assert log.read_text().count(password) == 1
    assert log.read_text().count("first start") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("log.sqlite", ("replay",)),
        ("quarantine.sqlite", ("quarantine", "list")),
        ("quarantine.sqlite", ("serve",)),
        ("series/manifest.sqlite", ("serve",)),
        ("ledger.sqlite", ("audit",)),
    ],
)
def test_a_damaged_file_is_said_in_one_line(run, config, name, words):
    path = load_config(config).data_dir / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    said = run(*words, code=2).stderr.splitlines()
    assert len(said) == 1
    assert f"{path} is damaged" in said[0]
    assert re.search(r": .*(move it away|view rebuild|put a copy)", said[0])


def test_the_remedy_for_a_damaged_manifest_works(run, config):
    path = load_config(config).data_dir / "series" / "manifest.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    assert "will follow the log" in run("view", "rebuild", "series").stdout
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_cloud_that_is_told_to_end_stops_in_order(config):
    with subprocess.Popen(
        [sys.executable, "-m", "cloud.cli", "serve", "--config", str(config)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline()
        process.terminate()
        assert process.wait(100) == 0  # not by the signal: then `stop` would never have been run
