"""`headwater-cloud import | imports`: history that others kept, as tables, into the log."""

from __future__ import annotations

import io
import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cloud.cli.common import ConfigPath, load_or_exit, note, refuse
from contract.documents import ConfigError
from host.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cloud.config import CloudConfig
    from cloud.imports.table import RefusedRow, Row
    from cloud.log.base import BatchLog, NewEntry

MOST_BYTES = 64 * 1024 * 1024
_MOST_MAPPING = 1024 * 1024
_AT_ONCE = 50  # batches in one append
_LISTED = 1000  # refused rows said one by one


def mount(app: typer.Typer) -> None:
    app.command("import")(import_table)
    app.command("imports")(imports)


def import_table(
    table: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, 64 MiB at most.")],
    config: ConfigPath,
    mapping: Annotated[Path, typer.Option(help="YAML: what its columns are.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and say all, and write nothing.")] = False,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Leave out rows that cannot be read, and take the others.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="For the record; without it the file's.")] = None,
) -> None:
    """Readings of the past out of a table. Stop the cloud before: while it runs, nothing is imported.

    They warn of nothing. The same file by the same mapping adds nothing a second time. Rows that cannot be read are
    listed; nothing is written then, exit 1, but with --skip-refused.
    """
    from cloud.imports.entries import digest_of, entries
    from cloud.imports.mapping import Mapping, channels_of
    from cloud.imports.table import NoTable, rows
    from cloud.log.believed_clock import BelievedClock
    from cloud.log.open import open_log
    from contract.documents import validate
    from host.files import read_given
    from host.yaml_config import read_yaml

    try:  # before root acts as the cloud's user: the files are whose they are that asks
        content = read_given(table, MOST_BYTES)
        text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    except OSError as error:
        _refuse(f"{table} cannot be read: {error.strerror}")
    document = read_yaml(mapping)
    found = load_or_exit(config)
    read = validate(document, Mapping)
    channels = [] if read is None else channels_of(read, found.catalogue, document)
    if document.mistakes or read is None:
        refuse(ConfigError(document.mistakes))
    label = (name or table.stem)[:128]
    digest = digest_of(content, document.content)
    place = None if dry_run else _place_of_the_cloud(found)
    log = None if dry_run else open_log(found.data_dir, found.file.log.engine)
    try:
        now_ms = found.clock.now_ms() if log is None else BelievedClock(found.clock, found.data_dir, log).now_ms()
        counted = _Counted()
        taken = counted.good(rows(text, read, now_ms))
        made = list(entries(taken, channels, digest, read.flags == "computed"))  # smaller than the table
        readings, added = sum(n for _, n in made), 0
        if writes := log is not None and (skip_refused or not counted.refused):
            note(found, "import", label, digest=digest, rows=counted.rows, refused=counted.refused, readings=readings)
            added = _append(log, made, now_ms)
    except (NoTable, UnicodeDecodeError) as error:
        _refuse(f"{table}: {error}")
    finally:
        if log is not None:
            log.close()
        if place is not None:
            place.close()
    result = {"rows": counted.rows, "refused": counted.refused, "readings": readings, "added": added}
    say(json.dumps({"name": label, "digest": digest, "written": writes, **result}))
    if counted.refused and not writes:
        say("nothing is written: mend these rows, or leave them out with --skip-refused", err=True)
        raise typer.Exit(1)


def _place_of_the_cloud(found: CloudConfig) -> socket.socket:
    """Where a cloud of this configuration listens, taken while the import lasts: none runs meanwhile. One that ran
    would hand its views what it appends itself, and pass over what is imported."""
    from cloud.app.listener import CannotListen, listening

    try:
        return listening(found.file.http, found.base)[0]
    except CannotListen as error:
        _refuse(f"a cloud runs: {error}. Stop it, and start it when the import is done")


def _append(log: BatchLog, made: Sequence[tuple[NewEntry, int]], now_ms: int) -> int:
    """How many readings the log did not have before."""
    added = 0
    for at in range(0, len(made), _AT_ONCE):
        some = made[at : at + _AT_ONCE]
        fresh = log.append([entry for entry, _ in some], now_ms)
        added += sum(n for (_, n), new in zip(some, fresh, strict=True) if new)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{min(at + _AT_ONCE, len(made)) * 100 // len(made)} % written")
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return added


def imports(config: ConfigPath) -> None:
    """What was imported, newest first, as JSON lines: when, by whom, how much."""
    from cloud.ledger import audit
    from cloud.ledger.open import open_ledger

    found = load_or_exit(config)
    ledger = open_ledger(found.ledger_url)
    for row in audit.newest(ledger, 1000, None, "import"):
        line = {"name": row.target, "at_ms": row.at_ms, "who": row.who, **row.detail}
        say(json.dumps(line, ensure_ascii=False))
    ledger.dispose()


class _Counted:
    def __init__(self) -> None:
        self.rows = self.refused = 0

    def good(self, found: Iterator[Row | RefusedRow]) -> Iterator[Row]:
        from cloud.imports.table import RefusedRow

        for one in found:
            self.rows += 1
            if not isinstance(one, RefusedRow):
                yield one
                continue
            self.refused += 1
            if self.refused <= _LISTED:
                say(f"line {one.line}: {one.why}", err=True)
            elif self.refused == _LISTED + 1:
                say("more rows are refused: they are counted", err=True)


def _refuse(why: str) -> NoReturn:
    say(why, err=True)
    raise typer.Exit(2)
