"""A line of the log as JSON: one object, whatever the message holds."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from host.logs import JsonLines, LogForm


def record(message: str, *args: object, exc_info: object = None) -> logging.LogRecord:
    made = logging.LogRecord("cloud.app", logging.WARNING, "f.py", 1, message, args, exc_info)  # type: ignore[arg-type]
    made.created = 1_626_768_000.25
    return made


def test_a_line_is_one_object_with_time_level_logger_and_message() -> None:
    line = JsonLines().format(record('zone %s\nis "wet"', "沙口路"))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2021-07-20T08:00:00.250Z",
        "level": "WARNING",
        "logger": "cloud.app",
        "message": 'zone 沙口路\nis "wet"',
    }


def test_a_traceback_goes_along_in_the_same_line() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        line = JsonLines().format(record("it broke", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["exception"].splitlines()[-1] == "ValueError: no"


@pytest.mark.parametrize("form", list(LogForm))
def test_a_process_logs_in_the_form_that_it_was_told(form: LogForm) -> None:
    code = f"import logging; from host.logs import *; set_up(LogForm('{form}')); logging.getLogger('a').info('b')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.strip()
    if form is LogForm.JSON:
        assert json.loads(said)["message"] == "b"
    else:
        assert said.endswith(" INFO a: b")
