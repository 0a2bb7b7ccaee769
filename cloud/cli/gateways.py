"""`headwater-cloud gateway …` and `headwater-cloud broker …`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cloud.cli.common import note, operator
from contract.clock import SystemClock, iso
from contract.documents import ConfigError
from host.terminal import say

if TYPE_CHECKING:
    from cloud.config import CloudConfig
    from cloud.identity.authority import Authority
    from cloud.identity.ca import Pair

gateway = typer.Typer(no_args_is_help=True, help="Identities of gateways: key, certificate, expiry, revocation.")
broker = typer.Typer(no_args_is_help=True, help="What mosquitto needs to tell gateways apart.")

ConfigPath = Annotated[Path, typer.Option("--config", help="The cloud's YAML file.", show_default=False)]
GatewayId = Annotated[str, typer.Argument(help="As in the catalogue.", show_default=False)]
Out = Annotated[Path | None, typer.Option(help="The bundle; ID.tar if not given.", show_default=False)]


@gateway.command()
def add(gateway_id: GatewayId, config: ConfigPath, out: Out = None) -> None:
    """Make a gateway's identity: one tar to carry to the cabinet. It holds the only copy of the key."""
    found, authority = _open(config)
    path = _free(out or Path(f"{gateway_id}.tar"))
    with _Refusing():
        _write_bundle(found, authority, gateway_id, authority.add(gateway_id), path)


@gateway.command()
def renew(gateway_id: GatewayId, config: ConfigPath, out: Out = None) -> None:
    """The next identity of a gateway, with a new key. The one before stays good until it ends or is revoked."""
    found, authority = _open(config)
    path = _free(out or Path(f"{gateway_id}.tar"))
    with _Refusing():
        _write_bundle(found, authority, gateway_id, authority.renew(gateway_id), path)


@gateway.command()
def revoke(
    gateway_id: GatewayId,
    config: ConfigPath,
    generation: Annotated[int | None, typer.Option(help="Only this one.", show_default="all")] = None,
) -> None:
    """End a gateway's identities now, at the broker and at the receiver."""
    _, authority = _open(config)
    with _Refusing():
        for gone in authority.revoke(gateway_id, generation):
            say(f"{gone.common_name} is revoked")
    _say_notes(authority)


@gateway.command("list")
def list_identities(config: ConfigPath) -> None:
    """Every identity ever issued, as JSON lines."""
    _, authority = _open(config)
    now_ms = SystemClock().now_ms()
    with _Refusing():
        for i in authority.registry().identities:
            days = round((i.expires_ms - now_ms) / 86_400_000, 1)
            line = {"name": i.common_name, "role": i.role.value, "gateway": i.gateway, "state": i.state(now_ms)}
            ends = {"issued": iso(i.issued_ms), "expires": iso(i.expires_ms), "days_left": days}
            revoked = iso(i.revoked_ms) if i.revoked_ms is not None else None
            say(json.dumps({**line, **ends, "revoked": revoked, "serial": i.serial}))


@broker.command("files")
def broker_files(
    config: ConfigPath,
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    installed: Annotated[
        Path | None, typer.Option(help="Where that folder will lie on the broker's machine.", show_default="--out")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="New keys for broker and cloud; the old are revoked.")] = False,
) -> None:
    """mosquitto.conf, ACL, CRL, authority, the broker's key and certificate; and the cloud's own certificate."""
    found, authority = _open(config)
    with _Refusing():
        for path in authority.write_broker_files(out, installed, fresh):
            say(str(path))
    settings = found.file.identity
    if installed is None and settings is not None and settings.broker_pid_file is not None:
        place = (found.base / settings.broker_pid_file).parent
        if not place.is_dir():
            said = f"{place} of identity.broker_pid_file is not there, and mosquitto would not start: make it"
            say(f"{said} (Debian's mosquitto.service does): install -d -o {settings.broker_user} {place}", err=True)
    say(f"the cloud's own: {authority.folder}/cloud.crt and cloud.key, for broker.cert_file and key_file")
    _say_notes(authority)


class _Refusing:
    """A mistake of the operator's ends the command with its words and code 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from cloud.identity.store import IdentityError

        if isinstance(error, IdentityError | OSError):
            _end(str(error))


def _open(path: Path) -> tuple[CloudConfig, Authority]:
    from cloud.config import load_config
    from cloud.identity.authority import Authority

    try:
        found = load_config(path, complete=False)
    except ConfigError as error:
        _end("\n".join(str(m) for m in error.mistakes))
    if found.file.identity is None:
        _end(f"{path} has no section `identity`: write e.g. `identity: {{broker_names: [mqtt.example.org]}}`")

    def audit(what: str, target: str, detail: Mapping[str, str]) -> str:
        from sqlalchemy.exc import SQLAlchemyError

        from host.sqlite import StoreDamaged

        try:
            note(found, what, target, **detail)
        except (SQLAlchemyError, StoreDamaged, OSError) as error:
            return str(error)
        return ""

    settings = found.file.identity
    return found, Authority(settings, found.base, found.catalogue, SystemClock().now_ms, operator(), audit)


def _free(path: Path) -> Path:
    """Looked at before the key is made: it is written once."""
    if path.exists():
        _end(f"{path} exists already: name another with --out")
    if not path.resolve().parent.is_dir():
        _end(f"{path.resolve().parent} is no folder")
    return path


def _write_bundle(config: CloudConfig, authority: Authority, gateway_id: str, pair: Pair, path: Path) -> None:
    from cloud.identity import bundle, store

    settings = config.file.identity
    assert settings is not None
    text = bundle.fragment(gateway_id, settings.broker_names[0], settings.broker_port)
    contents = bundle.files(authority.cert_pem, pair, text)
    # Not of whoever owns the folder, or made a file of that name since it was looked for: it holds a key.
    own = os.geteuid(), os.getegid()
    store.write(path, bundle.tar(gateway_id, contents, SystemClock().now_ms()), 0o600, own)
    say(f"{path}: until {iso(pair.expires_ms)}. It holds the gateway's key: carry it, then delete it")
    _say_notes(authority)


def _say_notes(authority: Authority) -> None:
    for said in authority.notes:
        say(said, err=True)


def _end(what: str) -> NoReturn:
    say(what, err=True)
    raise typer.Exit(2)
