"""Whatever gateways, devices and callers write, a terminal shows it and a log keeps it in its line."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from host.logs import JsonLines, Plain
from host.terminal import say, shown

REPO = Path(__file__).parents[2]
ACTS = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\x00", "\x7f", "\b", "\u202e", "\u2028", "\ud800", "\ufffe"]


@pytest.mark.parametrize("text", ACTS)
def test_what_acts_on_a_terminal_is_written_out(text, capsys):
    said = shown(f"gw-1{text}gw-2\nnext\tone")
    assert said.startswith("gw-1\\")
    assert said.endswith("gw-2\nnext\tone")
    assert said.replace("\n", "").replace("\t", "").isprintable()
    say(f"gw{text}")
    say(f"gw{text}", err=True)
    out, err = capsys.readouterr()
    assert out == err == shown(f"gw{text}") + "\n"


@pytest.mark.parametrize("text", ["Kita-ku 北区", "depth ≥ 0.3 m", "Größe", "🌊"])
def test_what_people_write_stays_as_it_is(text):
    assert shown(text) == text


@pytest.mark.parametrize("text", ACTS)
def test_json_stays_json(text):
    assert json.loads(shown(json.dumps({"gateway": f"gw{text}"}, ensure_ascii=False))) == {"gateway": f"gw{text}"}


@pytest.mark.parametrize("form", [Plain("%(levelname)s %(name)s: %(message)s"), JsonLines()])
def test_nobody_begins_a_line_of_the_log(form):
    try:
        raise ValueError("topic \x1b[2J")
    except ValueError as error:
        trouble = (ValueError, error, error.__traceback__)
    forged = "x\n2026-01-01 ERROR cloud: the warnings are off\x1b[2J"
    record = logging.LogRecord("cloud", logging.WARNING, "f", 1, "refused a batch on %s", (forged,), None)
    assert form.format(record).count("\n") == 0
    assert "\x1b" not in form.format(record)
    record = logging.LogRecord("cloud", logging.WARNING, "f", 1, "it failed", (), trouble)
    assert "\x1b" not in form.format(record)
    assert "Traceback" in form.format(record)


def test_commands_say_nothing_by_another_way():
    for folder in ("cloud/cli", "edge_agent/cli", "edge_agent/technician"):
        for path in (REPO / folder).glob("*.py"):
            assert not re.search(r"\btyper\.s?echo\(|\bprint\(|stdout\.write", path.read_text()), path
