"""What the commands of `headwater-edge` share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from contract.documents import ConfigError
from host.terminal import say

ConfigPath = Annotated[Path, typer.Argument(help="The agent's YAML file.", show_default=False)]


def refuse(error: ConfigError) -> NoReturn:
    """Names every mistake, and ends."""
    say(error.report(), err=True)
    raise typer.Exit(2)


def refuse_with(words: str) -> NoReturn:
    """Says why not, and ends."""
    say(words, err=True)
    raise typer.Exit(2)


def yaml_value(text: str) -> object:
    """As it would be read in a file: 3 is a number, true a switch."""
    import yaml

    return yaml.safe_load(text)


@contextmanager
def progress(what: str, total: float) -> Iterator[Callable[[float], None]]:
    """A bar on standard error, where that is a terminal. Gives a function that is told how much more is done."""
    if not sys.stderr.isatty():
        yield lambda _more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
