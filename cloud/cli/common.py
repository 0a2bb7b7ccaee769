"""What the commands of `headwater-cloud` share."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from cloud.cli.owner import act_as_owner, acting_as_owner, make_data_dir
from cloud.ledger.errors import LedgerTooNew
from contract.documents import ConfigError
from host.private import NotPrivate, closed_to_others
from host.sqlite import StoreDamaged
from host.terminal import say

if TYPE_CHECKING:
    from cloud.config import CloudConfig


_NO_FILE = "unable to open database file"  # what SQLite says
_NO_LOGIN = 2**32 - 1  # of a service or a timer: nobody logged in


class Group(TyperGroup):
    """What an operator can mend is said in one line, with what to do about it: a file that is damaged or too new, a
    ledger out of reach."""

    def invoke(self, ctx: Any) -> Any:
        umask = os.umask(0o077)
        os.umask(umask)  # until a command asks for the data folder: see `load_or_exit`
        try:
            return super().invoke(ctx)
        except (StoreDamaged, LedgerTooNew, NotPrivate) as error:
            say(" ".join(str(error).split()), err=True)
            raise typer.Exit(2) from error
        except Exception as error:
            if (said := unreachable(error)) is None:
                raise
            say(said, err=True)
            raise typer.Exit(2) from error
        finally:
            os.umask(umask)


def unreachable(error: Exception) -> str | None:
    """What a ledger out of reach is told as; None where the error is another one. It names no password."""
    known = sys.modules.get("sqlalchemy.exc")  # a command that asked no ledger has not imported it
    if known is None or not isinstance(error, known.OperationalError):
        return None
    why = " ".join(str(error.orig).split())
    if why == _NO_FILE:
        return "there is no ledger, or it cannot be read: has a cloud run by this file yet? See data_dir, ledger_url"
    return f"the ledger is out of reach: {why}: start its server, or mend ledger_url; then give the command again"


ConfigPath = Annotated[Path, typer.Option("--config", help="The cloud's YAML file.", show_default=False)]


def load_or_exit(path: Path, now_ms: int | None = None, complete: bool = True, asks_data: bool = True) -> CloudConfig:
    """Says every mistake and ends the command when there is one. now_ms, complete: see `load_config`.

    Where the command asks anything of the data folder, what it writes from here on is closed to others, and root acts
    as the user that runs the cloud: see `cloud.cli.owner`.
    """
    from cloud.config import data_dir_of, load_config

    if asks_data:
        os.umask(0o077)
    if asks_data and (data_dir := data_dir_of(path)) is not None:
        act_as_owner(data_dir)
    try:
        return load_config(path, complete, now_ms)
    except ConfigError as error:
        refuse(error)


def refuse(error: ConfigError) -> NoReturn:
    say(error.report(), err=True)
    raise typer.Exit(2)


def note(config: CloudConfig, what: str, target: str, **detail: int | str) -> None:
    """Into the audit record."""
    from cloud.ledger import audit
    from cloud.ledger.open import open_ledger
    from contract.clock import SystemClock

    with closed_to_others(), acting_as_owner(config.data_dir):
        make_data_dir(config.data_dir)
        ledger = open_ledger(config.ledger_url)
        now_ms = SystemClock().now_ms()
        audit.record(ledger, now_ms=now_ms, who=operator(), what=what, target=target, source="shell", detail=detail)
        ledger.dispose()


def operator() -> str:
    """Who gives a command at the shell, for the audit record; and who logged in, where sudo or su made that another.

    By the kernel's numbers, not by $USER or $LOGNAME, in which anybody can write another's name.
    """
    now, first = os.getuid(), None
    with suppress(OSError, ValueError):  # no such file outside Linux
        first = int(Path("/proc/self/loginuid").read_text())
    said = f"shell:{_user(now)}"
    return said if first is None or first in (now, _NO_LOGIN) else f"{said} logged in as {_user(first)}"


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):  # a container's user without a name
        return f"uid-{number}"
