"""Secrets of the configuration that other users of the machine can read: told, and no reason not to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from contract.settings_model import SettingsModel
from host.secret_files import open_to_others

_SECRET = ("key_file", "password_file", "secret_files", "token_file", "url_file")


def exposed(settings: SettingsModel, base: Path) -> list[str]:
    """A line for each file, which says what to do. base: from where paths count."""
    named = dict.fromkeys(base / path for path in _named(settings))
    return [said for path in named if (said := open_to_others(path)) is not None]


def _named(value: object, secret: bool = False) -> Iterator[Path]:
    if isinstance(value, SettingsModel):
        for name, inner in value:
            yield from _named(inner, name in _SECRET)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _named(inner, secret)
    elif isinstance(value, Path) and secret:
        yield value
