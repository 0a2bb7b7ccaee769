"""Messages as JSON lines appended to a file, for whatever follows it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cloud.delivery.base import NotDelivered, Sink, SinkSettings, body_of
from cloud.delivery.egress import Egress
from cloud.delivery.notice import Notice
from cloud.warnings.model import Message
from contract.settings_model import Id


class LogSinkSettings(SinkSettings):
    """path: the file; it and its folder are made when there are none."""

    kind: Literal["log"]
    name: Id = "log"
    path: Path
    parallel: Annotated[int, Field(ge=1, le=1)] = 1  # lines must not run into one another

    def make(self, base: Path, egress: Egress) -> Sink:  # noqa: ARG002 - goes nowhere
        """See `SinkSettings`."""
        return LogSink(self.name, base / self.path, self.languages)


@dataclass(slots=True)
class LogSink:
    """One line a message, on the disk before it counts as delivered."""

    name: str
    path: Path
    languages: Sequence[str] = ()

    def deliver(self, message: Message) -> str:
        """See `Sink`. Raises NotDelivered when the file cannot be written."""
        return self._append(body_of(message, self.languages))

    def notify(self, notice: Notice) -> str:
        """See `TakesNotices`."""
        return self._append(notice.body())

    def _append(self, said: dict[str, Any]) -> str:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(said, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotDelivered(f"{self.path}: {error}") from error
        return "written"

    def close(self) -> None:
        """Nothing is open between messages."""
