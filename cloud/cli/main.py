"""`headwater-cloud`: receives, keeps, warns, answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cloud.cli import access, backup, decisions, imports, retention
from cloud.cli.cap import cap
from cloud.cli.clock import clock
from cloud.cli.common import ConfigPath, Group, load_or_exit, note, operator, refuse
from cloud.cli.doctor import doctor
from cloud.cli.gateways import broker, gateway
from cloud.cli.sinks import sink, sinks
from contract.documents import ConfigError
from host.logs import LogForm
from host.sqlite import StoreDamaged
from host.terminal import say

app = typer.Typer(cls=Group, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
quarantine = typer.Typer(no_args_is_help=True, help="Refused batches, kept aside.")
view = typer.Typer(no_args_is_help=True, help="Views of the log.")
app.add_typer(quarantine, name="quarantine")
app.add_typer(view, name="view")
app.add_typer(clock, name="clock")
app.add_typer(gateway, name="gateway")
app.add_typer(broker, name="broker")
app.add_typer(cap, name="cap")
app.add_typer(sink, name="sink")
app.command("sinks")(sinks)
app.command("doctor")(doctor)
for command in (backup.backup, backup.restore, backup.lost, retention.trim):
    app.command()(command)

access.mount(app)
decisions.mount(app)
imports.mount(app)


@app.command()
def serve(
    config: ConfigPath,
    log: Annotated[
        LogForm, typer.Option("--log", envvar="HEADWATER_LOG", help="Lines for people, or JSON for a collector.")
    ] = LogForm.TEXT,
) -> None:
    """All roles in one process, until SIGTERM. Prints one JSON line when it is ready."""
    from cloud.app.allocator import keep_little

    keep_little()
    from cloud.app.listener import CannotListen
    from cloud.app.process import run

    try:
        run(load_or_exit(config), log)
    except CannotListen as error:
        say(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def check(config: ConfigPath) -> None:
    """Every mistake in the configuration and its catalogue at once."""
    from cloud.config import unproxied
    from cloud.delivery.outgoing import resolve
    from cloud.exposed import exposed
    from cloud.log.clock_files import ClockFiles
    from cloud.retention.outlook import outlook
    from cloud.warnings.situations import untellable
    from contract.catalogue.sense import watches_nothing
    from contract.clock import SystemClock

    found = load_or_exit(config, SystemClock().now_ms())
    remembered = ClockFiles(found.data_dir).recall()
    if remembered is not None and remembered[1]:
        say(remembered[1], err=True)
    if grows := outlook(found.file.retention, found.rolled_up, found.data_dir):
        say(grows, err=True)
    if unnamed := unproxied(found.file):
        say(unnamed, err=True)
    for readable in exposed(found.file, found.base):
        say(readable, err=True)
    c = found.catalogue
    egress = found.file.egress.rules()
    wanted = [sink for sink in found.file.delivery if sink.enabled]
    unreachable = [said for sink in wanted if (said := sink.unreachable(egress, resolve)) is not None]
    for said in unreachable:
        say(said, err=True)
    if unreachable:
        say("the cloud starts with these, but delivers nothing there", err=True)
        raise typer.Exit(2)
    if wrong := list(untellable(c, found.file.warnings)):
        for said in wrong:
            say(said, err=True)
        say("the cloud starts with these, and warns of the other zones alone: mend them", err=True)
        raise typer.Exit(2)
    for said in watches_nothing(c):
        say(said, err=True)
    say(f"good: {len(c.gateways)} gateways, {len(c.stations)} stations, {len(c.channels)} channels")


@app.command()
def schema() -> None:
    """JSON Schema of the cloud's file, for an editor: what may stand in it. To standard output."""
    from cloud.config import ConfigFile
    from contract.catalogue.json_schema import schema_of_model

    say(json.dumps(schema_of_model(ConfigFile), indent=1))


@app.command()
def replay(
    config: ConfigPath,
    catalogue: Annotated[Path | None, typer.Option(help="Another catalogue: what would its rules have done?")] = None,
) -> None:
    """The warnings that the recorded log gives, as JSON lines: id, incident, time, type, level.

    Of a log that was trimmed: those since its beginning.
    """
    from cloud.ledger.open import open_ledger
    from cloud.log.open import open_log
    from cloud.warnings.replay import replay as run
    from contract.clock import iso
    from host.district_folder import load

    try:  # before root acts as the cloud's user: the folder is whose it is that asks
        others = load(catalogue) if catalogue else None
    except ConfigError as error:
        refuse(error)
    found = load_or_exit(config)
    rules = others or found.catalogue
    ledger = open_ledger(found.ledger_url)
    for m in run(open_log(found.data_dir), rules, found.file.warnings, ledger):
        line = {"id": m.id, "incident": m.incident, "time_ms": m.sent_ms, "sent": iso(m.sent_ms)}
        say(json.dumps({**line, "msgType": m.msg_type.value, "level": None if m.level is None else m.level.value}))
    ledger.dispose()


@view.command()
def rebuild(config: ConfigPath, name: Annotated[str, typer.Argument(help="series, warnings or maintenance")]) -> None:
    """Forget a view; it is rebuilt from the log at the next start. Stop the cloud before.

    Where the log was trimmed it is rebuilt from there on, and what is older is kept.
    """
    from cloud.ledger.open import open_ledger
    from cloud.log.open import open_log
    from cloud.maintenance.view import forget as forget_maintenance
    from cloud.retention import base
    from cloud.series.open import open_series
    from cloud.series.parquet import forget_manifest
    from cloud.warnings.store import forget
    from contract.clock import iso

    found = load_or_exit(config)
    begins = base.read(found.data_dir)
    if name in ("series", "warnings", "maintenance"):
        note(found, "view.rebuild", name)
    if name == "series":
        open_log(found.data_dir).close()  # what cannot be read cannot be followed again: the series stays then
        try:
            series = open_series(found.file.series, found.base, found.data_dir)
        except StoreDamaged as error:  # this command is its remedy
            if begins is not None:
                what = f"{error}. The log was trimmed and has no longer all of it: put the folder back from a backup"
                raise StoreDamaged(what) from error
            forget_manifest(found.data_dir / "series")
            series = open_series(found.file.series, found.base, found.data_dir)
        if begins is None:
            series.reset()
        else:
            series.rewind(begins.cursor)
        series.close()
    elif name in ("warnings", "maintenance"):
        ledger = open_ledger(found.ledger_url, whole=True)
        with ledger.begin() as db:  # not through the view: this command is its remedy, too
            (forget if name == "warnings" else forget_maintenance)(db)
        ledger.dispose()
    else:
        say(f"no view {name!r} that is kept on disk: series, warnings or maintenance", err=True)
        raise typer.Exit(2)
    kept = "; what was told stays as it is and is not told again" if name != "series" else ""
    since = "its beginning" if begins is None else f"{iso(begins.at_ms)}, where it was trimmed; what is older is kept"
    say(f"{name} will follow the log from {since}{kept}")


@quarantine.command("list")
def list_kept(
    config: ConfigPath,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 1000,
    before: Annotated[int | None, typer.Option(min=1, help="Those with a smaller id.")] = None,
) -> None:
    """What was refused and waits, newest first, as JSON lines."""
    from cloud.ingest.quarantine import Quarantine

    found = load_or_exit(config)
    kept = Quarantine(found.data_dir / "quarantine.sqlite")
    for k in kept.listed(limit, before):
        line = {"id": k.id, "gateway": k.gateway, "seq": k.seq, "reason": k.reason.value, "detail": k.detail}
        say(json.dumps({**line, "received_ms": k.received_ms, "bytes": k.size}))
    for whose, count in kept.let_go().items():
        say(
            f"{count} batches of {whose or 'others than our gateways'} were let go: more than their quota here",
            err=True,
        )


@quarantine.command("release")
def release_kept(config: ConfigPath) -> None:
    """Put refused batches through the checks again, after the catalogue is mended. Stop the cloud before."""
    from cloud.identity.store import read as read_registry
    from cloud.ingest.admission import Admission
    from cloud.ingest.origins import Origins
    from cloud.ingest.quarantine import Quarantine
    from cloud.ingest.release import release
    from cloud.log.base import EntryKind
    from cloud.log.believed_clock import BelievedClock
    from cloud.log.open import open_log
    from contract.clock import SystemClock

    found = load_or_exit(config)
    kept = Quarantine(found.data_dir / "quarantine.sqlite")
    admission = Admission(found.catalogue, found.file.receive.admission())
    if found.identity_folder is not None:
        admission.allow(read_registry(found.identity_folder).allowed(SystemClock().now_ms()))
    note(found, "quarantine.release", "all", waiting=kept.count())
    batch_log = open_log(found.data_dir)
    admission.follow(Origins(found.catalogue, batch_log.notes(EntryKind.ORIGIN)))
    now_ms = BelievedClock(found.clock, found.data_dir, batch_log).now_ms()
    done = release(kept, admission, batch_log, now_ms, operator())
    note(found, "quarantine.released", "all", stored=done.stored, still_refused=done.still_refused)
    say(json.dumps({"stored": done.stored, "still_refused": done.still_refused}))
