"""The log on standard error: lines for people, or one JSON object a line for a collector."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum

from host.terminal import shown


class LogForm(StrEnum):
    """text: for people and the journal. json: for a collector."""

    TEXT = "text"
    JSON = "json"


class Plain(logging.Formatter):
    """A message is one line, whoever wrote what stands in it; only a traceback has several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- the library's name
        record.message = shown(record.message, lines=False)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


class JsonLines(logging.Formatter):
    """`time` (UTC, RFC 3339, to the millisecond), `level`, `logger`, `message`; `exception`: a traceback, where there
    is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return shown(json.dumps(line, ensure_ascii=False))


def set_up(form: LogForm) -> None:
    """Of the whole process, from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    plain = Plain("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form is LogForm.JSON else plain)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
