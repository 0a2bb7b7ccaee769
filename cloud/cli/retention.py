"""`headwater-cloud trim`: what `retention:` says may go, goes. For a timer, every night."""

from __future__ import annotations

import json

import typer

from cloud.cli.common import ConfigPath, load_or_exit, note, operator
from host.terminal import say


def trim(config: ConfigPath) -> None:
    """Let go what is older than `retention:` says, beside a running cloud. Prints what went, as JSON.

    Of the log nothing goes that a view would need; what people decided stays for ever.
    """
    from cloud.retention.night import Where, let_go
    from host.own_files import only_one

    found = load_or_exit(config, complete=False)
    if not found.file.retention.stated:
        say("retention: says nothing, so nothing may go: state log_days, raw_days and the rest", err=True)
        raise typer.Exit(2)
    if not found.data_dir.is_dir():
        say(f"there is no {found.data_dir}: no cloud has run here yet, or data_dir is another", err=True)
        raise typer.Exit(2)
    file = found.file
    where = Where(
        found.data_dir,
        found.base,
        file.log.engine,
        file.series,
        found.ledger_url,
        found.catalogue,
        tuple(sink.name for sink in file.delivery),
        operator(),
    )
    try:
        with only_one(found.data_dir / "trim.lock"):
            gone = let_go(file.retention, where)
    except BlockingIOError as error:
        say(f"another trim of {found.data_dir} is at work: wait for it", err=True)
        raise typer.Exit(2) from error
    note(found, "trim", "all", **gone)
    say(json.dumps(gone))
