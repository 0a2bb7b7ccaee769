"""`headwater-cloud`: receives, keeps, warns, answers."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cloud.identity.commands import broker, gateway
from contract.yaml_lines import ConfigError

if TYPE_CHECKING:
    from cloud.config import CloudConfig

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
quarantine = typer.Typer(no_args_is_help=True, help="Refused batches, kept aside.")
view = typer.Typer(no_args_is_help=True, help="Views of the log.")
app.add_typer(quarantine, name="quarantine")
app.add_typer(view, name="view")
app.add_typer(gateway, name="gateway")
app.add_typer(broker, name="broker")

ConfigPath = Annotated[Path, typer.Option("--config", help="The cloud's YAML file.", show_default=False)]


@app.command()
def serve(config: ConfigPath) -> None:
    """All roles in one process, until SIGTERM. Prints one JSON line when it is ready."""
    from cloud.serve import Cloud

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    cloud = Cloud(_load(config))
    cloud.start()
    try:
        cloud.serve_http()
    finally:
        cloud.stop()


@app.command()
def check(config: ConfigPath) -> None:
    """Every mistake in the configuration and its catalogue at once."""
    from cloud.delivery.resolving import lead_astray
    from contract.clock import SystemClock

    found = _load(config, SystemClock().now_ms())
    c = found.catalogue
    astray = lead_astray(found.file)
    for said in astray:
        typer.echo(said, err=True)
    if astray:
        typer.echo("the cloud starts with these, but delivers nothing there", err=True)
        raise typer.Exit(2)
    typer.echo(f"good: {len(c.gateways)} gateways, {len(c.stations)} stations, {len(c.channels)} channels")


@app.command()
def replay(
    config: ConfigPath,
    catalogue: Annotated[Path | None, typer.Option(help="Another catalogue: what would its rules have done?")] = None,
) -> None:
    """The warnings that the recorded log gives, as JSON lines: id, incident, time, type, level."""
    from cloud.log.sqlite import open_log
    from cloud.warnings.replay import replay as run
    from contract.clock import iso
    from contract.loading import load

    found = _load(config)
    try:
        rules = load(catalogue) if catalogue else found.catalogue
    except ConfigError as error:
        _refuse(error)
    for m in run(open_log(found.data_dir), rules, found.file.warnings):
        line = {"id": m.id, "incident": m.incident, "time_ms": m.sent_ms, "sent": iso(m.sent_ms)}
        typer.echo(json.dumps({**line, "msgType": m.msg_type.value, "level": m.level.value}))


@view.command()
def rebuild(config: ConfigPath, name: Annotated[str, typer.Argument(help="series or warnings")]) -> None:
    """Forget a view; it is rebuilt from the log at the next start. Stop the cloud before."""
    from cloud.log.sqlite import open_log
    from cloud.serve import open_series
    from cloud.warnings.view import open_view

    found = _load(config)
    if name == "series":
        open_series(found, open_log(found.data_dir)).reset()
    elif name == "warnings":
        open_view(found.ledger_url, found.catalogue, found.file.warnings).reset()
    else:
        typer.echo(f"no view {name!r} that is kept on disk: series or warnings", err=True)
        raise typer.Exit(2)
    typer.echo(f"{name} is empty and will follow the log from its beginning")


@quarantine.command("list")
def list_kept(config: ConfigPath) -> None:
    """What was refused and waits, as JSON lines."""
    from cloud.quarantine import Quarantine

    found = _load(config)
    for k in Quarantine(found.data_dir / "quarantine.sqlite").waiting():
        line = {"id": k.id, "gateway": k.gateway, "seq": k.seq, "reason": k.reason.value, "detail": k.detail}
        typer.echo(json.dumps({**line, "received_ms": k.received_ms, "bytes": len(k.payload)}))


@quarantine.command("release")
def release_kept(config: ConfigPath) -> None:
    """Put refused batches through the checks again, after the catalogue is mended. Stop the cloud before."""
    from cloud.identity.store import read as read_registry
    from cloud.log.sqlite import open_log
    from cloud.quarantine import Quarantine
    from cloud.receiver import Receiver
    from cloud.release import release
    from contract.clock import SystemClock

    found = _load(config)
    kept = Quarantine(found.data_dir / "quarantine.sqlite")
    receiver = Receiver(found.catalogue, found.file.receive.receiver())
    if found.identity_folder is not None:
        receiver.allow(read_registry(found.identity_folder).allowed(SystemClock().now_ms()))
    done = release(kept, receiver, open_log(found.data_dir), found.clock.now_ms())
    typer.echo(json.dumps({"stored": done.stored, "still_refused": done.still_refused}))


def _load(path: Path, now_ms: int | None = None) -> CloudConfig:
    """Says every mistake and ends the command when there is one. now_ms: see `load_config`."""
    from cloud.config import load_config

    try:
        return load_config(path, now_ms=now_ms)
    except ConfigError as error:
        _refuse(error)


def _refuse(error: ConfigError) -> NoReturn:
    for mistake in error.mistakes:
        typer.echo(str(mistake), err=True)
    typer.echo(f"{len(error.mistakes)} to mend; nothing was started", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
