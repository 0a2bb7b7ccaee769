"""What the commands of `headwater-cloud` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from contract.yaml_lines import ConfigError

if TYPE_CHECKING:
    from cloud.config import CloudConfig

ConfigPath = Annotated[Path, typer.Option("--config", help="The cloud's YAML file.", show_default=False)]


def load_or_exit(path: Path, now_ms: int | None = None) -> CloudConfig:
    """Says every mistake and ends the command when there is one. now_ms: see `load_config`."""
    from cloud.config import load_config

    try:
        return load_config(path, now_ms=now_ms)
    except ConfigError as error:
        refuse(error)


def refuse(error: ConfigError) -> NoReturn:
    for mistake in error.mistakes:
        typer.echo(str(mistake), err=True)
    typer.echo(f"{len(error.mistakes)} to mend; nothing was started", err=True)
    raise typer.Exit(2)


def note(config: CloudConfig, what: str, target: str, **detail: int) -> None:
    """Into the audit record, before it is done."""
    from cloud.ledger import audit
    from cloud.ledger.tables import open_ledger
    from contract.clock import SystemClock

    ledger = open_ledger(config.ledger_url)
    now_ms = SystemClock().now_ms()
    audit.record(ledger, now_ms=now_ms, who=operator(), what=what, target=target, source="shell", detail=detail)
    ledger.dispose()


def operator() -> str:
    """Who gives a command at the shell, for the audit record."""
    import getpass

    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "shell"
