"""`headwater-cloud key | person | audit`. A running cloud heeds them with its next request."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cloud.access.scopes import Role, Scope
from cloud.cli.common import ConfigPath, load_or_exit, operator
from cloud.cli.owner import make_data_dir
from host.terminal import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

key = typer.Typer(no_args_is_help=True, help="API keys for machines.")
person = typer.Typer(no_args_is_help=True, help="People who log in.")
Name = Annotated[str, typer.Argument(metavar="NAME")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="See `key list`.")]
Typed = Annotated[bool, typer.Option("--stdin", help="Read the password from standard input; else one is made.")]


def mount(app: typer.Typer) -> None:
    app.add_typer(key, name="key")
    app.add_typer(person, name="person")
    app.command("audit")(show_audit)


@key.command("create")
def create_key(
    config: ConfigPath,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[list[Scope], typer.Option(help="May be repeated.")],
    per_s: Annotated[float, typer.Option(min=0.01, help="Requests a second.")] = 10.0,
    burst: Annotated[float, typer.Option(min=1, help="Requests at once.")] = 50.0,
) -> None:
    """Prints a new key. It is not shown again."""
    from cloud.access import keys
    from cloud.access.rate import Rate

    say(keys.create(_ledger(config), name[:64], scope, Rate(per_s, burst), _now_ms(), operator()))


@key.command("list")
def list_keys(config: ConfigPath) -> None:
    """As JSON lines, without the secrets: they are not kept."""
    from cloud.access import keys

    for k in keys.listed(_ledger(config)):
        line = {"id": k.id, "name": k.name, "scopes": sorted(k.scopes), "per_s": k.rate.per_s, "burst": k.rate.burst}
        times = {"created": k.created_ms, "rotated": k.rotated_ms, "revoked": k.revoked_ms}
        say(json.dumps({**line, **{n: _iso(t) for n, t in times.items()}}))


@key.command("rotate")
def rotate_key(
    config: ConfigPath,
    number: KeyId,
    overlap_h: Annotated[float, typer.Option(min=0, max=24 * 90, help="How long the old one is good.")] = 24.0,
) -> None:
    """Prints a new secret for a key; the old one goes on for a while, so that nothing stops."""
    from cloud.access import keys

    try:
        say(keys.rotate(_ledger(config), number, int(overlap_h * 3_600_000), _now_ms(), operator()))
    except keys.NoSuchKey:
        _no_key(number)


@key.command("revoke")
def revoke_key(config: ConfigPath, number: KeyId) -> None:
    """It stops working with the next request."""
    from cloud.access import keys

    try:
        keys.revoke(_ledger(config), number, _now_ms(), operator())
    except keys.NoSuchKey:
        _no_key(number)
    say(f"{number} is revoked")


@person.command("add")
def add_person(
    config: ConfigPath, name: Name, role: Annotated[Role, typer.Option(help="What they may do.")], stdin: Typed = False
) -> None:
    """Prints a password, unless one comes by standard input. It is not shown again."""
    from cloud.access import people

    password = _password(stdin)
    try:
        people.add(_ledger(config), name, role, password, _now_ms(), operator())
    except people.PeopleError as error:
        _fail(str(error))
    say(f"{name} may log in" if stdin else password)


@person.command("list")
def list_people(config: ConfigPath) -> None:
    """As JSON lines."""
    from cloud.access import people

    for p in people.listed(_ledger(config)):
        line = {"name": p.name, "role": p.role.value, "created": _iso(p.created_ms), "password": _iso(p.password_ms)}
        say(json.dumps(line))


@person.command("password")
def new_password(config: ConfigPath, name: Name, stdin: Typed = False) -> None:
    """A new password; it ends the person's sessions."""
    from cloud.access import people

    password = _password(stdin)
    try:
        people.set_password(_ledger(config), name, password, _now_ms(), operator())
    except people.PeopleError as error:
        _fail(str(error))
    say(f"{name} has the new password" if stdin else password)


@person.command("role")
def new_role(config: ConfigPath, name: Name, role: Annotated[Role, typer.Argument(help="What they may do.")]) -> None:
    """Another role; it ends the person's sessions."""
    from cloud.access import people

    try:
        people.set_role(_ledger(config), name, role, _now_ms(), operator())
    except people.PeopleError as error:
        _fail(str(error))
    say(f"{name} is {role.value} from the next login on")


@person.command("remove")
def remove_person(config: ConfigPath, name: Name) -> None:
    """Ends the person's sessions, too."""
    from cloud.access import people

    try:
        people.remove(_ledger(config), name, _now_ms(), operator())
    except people.PeopleError as error:
        _fail(str(error))
    say(f"{name} is removed")


def show_audit(config: ConfigPath, limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50) -> None:
    """The newest changes as JSON lines, then whether the whole record is whole; exit code 1 when it is not."""
    from cloud.ledger import audit

    ledger = _ledger(config)
    for r in reversed(audit.newest(ledger, limit)):
        line = {"number": r.number, "time": _iso(r.at_ms), "who": r.who, "what": r.what, "target": r.target}
        say(json.dumps({**line, "source": r.source, "detail": r.detail}))
    chain = audit.verify(ledger)
    if chain.broken:
        say(f"the audit record is broken: {chain.broken}: compare with a backup of the ledger", err=True)
        raise typer.Exit(1)
    say(f"whole: {chain.rows} rows, head {chain.head}", err=True)
    folder = load_or_exit(config, complete=False).data_dir / "archive"
    if any(folder.glob("*-*.jsonl")):
        _show_archive(folder, ledger)


def _show_archive(folder: Path, ledger: Engine) -> None:
    from cloud.ledger import audit_archive
    from cloud.retention import ended

    warned = 0
    try:
        chain = audit_archive.verify(folder, ledger)
        broken = chain.broken
        if not broken:
            warned, broken = ended.verify(folder, ledger)
    except (OSError, ValueError, LookupError) as error:
        broken = f"a line is no row ({error})"
    if broken:
        say(f"the archive {folder} is broken: {broken}: compare with a backup", err=True)
        raise typer.Exit(1)
    say(f"archive whole: {chain.rows} rows" + f", {warned} warnings" * bool(warned), err=True)


def _ledger(config: Path) -> Engine:
    from cloud.ledger.open import open_ledger

    found = load_or_exit(config, complete=False)  # the ledger needs no certificate
    make_data_dir(found.data_dir)
    return open_ledger(found.ledger_url)


def _now_ms() -> int:
    from contract.clock import SystemClock

    return SystemClock().now_ms()


def _iso(ms: int | None) -> str | None:
    from contract.clock import iso

    return None if ms is None else iso(ms)


def _password(stdin: bool) -> str:
    from cloud.access import people

    return sys.stdin.readline().rstrip("\r\n") if stdin else people.make_password()


def _no_key(number: str) -> NoReturn:
    _fail(f"no key {number!r} that is not revoked; see `headwater-cloud key list`")


def _fail(said: str) -> NoReturn:
    say(said, err=True)
    raise typer.Exit(2)
