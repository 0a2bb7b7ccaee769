"""`headwater-cloud clock …`: what time the cloud believes it is, and a person's word for it."""

from __future__ import annotations

import time

import typer

from cloud.cli.common import ConfigPath, load_or_exit, note, operator
from host.terminal import say

clock = typer.Typer(no_args_is_help=True, help="The cloud's time, where the machine's clock is in doubt.")

_TAKEN_S, _LOOK_S = 10.0, 0.1


@clock.command()
def status(config: ConfigPath) -> None:
    """What is in doubt; exit 1 when anything is."""
    from cloud.log.clock_files import ClockFiles

    found = ClockFiles(load_or_exit(config).data_dir).recall()
    trouble = "" if found is None else found[1]
    say(trouble or "nothing is in doubt")
    if trouble:
        raise typer.Exit(1)


@clock.command()
def confirm(config: ConfigPath) -> None:
    """The machine's clock is right as it is now: the cloud believes it, within seconds or at its next start."""
    from cloud.log.believed_clock import ask_to_confirm
    from cloud.log.clock_files import ClockFiles
    from contract.clock import iso

    found = load_or_exit(config)
    now = iso(found.clock.now_ms() // 1000 * 1000)
    note(found, "clock.confirm", now)
    try:
        ask_to_confirm(found.clock, found.data_dir, operator())
    except OSError as error:
        say(f"cannot tell the cloud: {error}", err=True)
        raise typer.Exit(2) from error
    files, until_s = ClockFiles(found.data_dir), time.monotonic() + _TAKEN_S
    while files.asked():
        if time.monotonic() > until_s:
            say(f"no cloud runs with this data folder: its next start takes {now} for right")
            return
        time.sleep(_LOOK_S)
    say(f"the cloud takes {now} for right")
