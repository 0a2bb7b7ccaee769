"""`headwater-edge`: the agent on a gateway."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from contract.documents import ConfigError
from edge_agent.cli.asking import ask_silent, probe, read, tap
from edge_agent.cli.common import ConfigPath, refuse, refuse_with
from edge_agent.cli.dry import run_dry
from edge_agent.cli.scanning import scan
from edge_agent.cli.setting_up import init
from host.logs import LogForm
from host.terminal import say

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)


@app.command()
def run(
    config: ConfigPath,
    dry: Annotated[bool, typer.Option("--dry", help="Show what is read; spool, send and write nothing.")] = False,
    for_s: Annotated[
        float | None, typer.Option("--for", help="With --dry: end after so many seconds.", min=0.1, show_default=False)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="With --dry: end when every channel was asked.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry, for machines: one object a reading.")] = False,
    log: Annotated[
        LogForm, typer.Option("--log", envvar="HEADWATER_LOG", help="Lines for people, or JSON for a collector.")
    ] = LogForm.TEXT,
) -> None:
    """Read the buses, spool, and send, until SIGTERM. With --dry, exit code 1: a channel gave no value."""
    from edge_agent.config import load_config
    from edge_agent.own_folder import InUse
    from edge_agent.process import hand_over

    try:
        checked = load_config(config)
    except ConfigError as error:
        refuse(error)
    if dry:
        run_dry(checked, config, for_s, once, as_json)
    if for_s is not None or once or as_json:
        refuse_with("--for, --once and --json go with --dry: the agent runs until it is stopped")
    try:
        hand_over(checked, config, log)
    except InUse as error:
        refuse_with(str(error))


@app.command()
def check(config: ConfigPath) -> None:
    """Every mistake in the configuration and its catalogue at once; else the plan of reads."""
    from edge_agent.config import load_config
    from edge_agent.drivers.table import driver_module
    from host.secret_files import open_to_others

    try:
        checked = load_config(config, complete=True)
    except ConfigError as error:
        refuse(error)
    for bus in checked.gateway.buses:
        say(f"{bus.id}  {bus.kind}  {checked.address(bus.id)}")
        describe = driver_module(bus.protocol).describe
        for device in checked.devices(bus.id):
            head = f"  {device.device.id}  unit {device.device.unit}  {device.model.model}  every {device.period_s:g} s"
            say(f"{head}  {describe(device)}".rstrip())
    for secret in (checked.file.broker.key_file, checked.file.broker.password_file):
        if secret is not None and (said := open_to_others(secret)) is not None:
            say(said, err=True)
    if checked.simulated:
        say("SIMULATED: warnings that rest on its readings are exercises; take `simulated` out in a real place")
    say(f"good: {len(checked.catalogue.channels_by_gateway[checked.gateway.id])} channels")


@app.command()
def status(
    config: ConfigPath,
    ask: Annotated[bool, typer.Option("--ask", help="First ask silent devices, whatever their back-off.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Buses, devices, last values, spool, link. Exit code 1: not running; 2: never ran."""
    from edge_agent.config import load_config
    from edge_agent.status import NeverRan, as_text, read_status

    try:
        checked = load_config(config)
        if ask:
            ask_silent(checked)
        found = read_status(checked.status_path)
        said = json.dumps(found, indent=1) if as_json else as_text(found)
    except ConfigError as error:
        refuse(error)
    except NeverRan as error:
        say(str(error), err=True)
        raise typer.Exit(2) from error
    say(said)
    raise typer.Exit(0 if found["alive"] else 1)


@app.command()
def qc(
    series: Annotated[Path, typer.Argument(help="CSV with a time and a value; may be gzipped.", show_default=False)],
    config: Annotated[Path, typer.Option(help="YAML: quality settings, as a register has them.", show_default=False)],
    time: Annotated[
        str | None,
        typer.Option(help="Its column: a name, or a number from 1; date+time joins two.", show_default=False),
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="Its column: a name, or a number from 1.", show_default=False)
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="Which channel of several, or COLUMN=WHICH.", show_default=False)
    ] = None,
    tz: Annotated[
        str | None, typer.Option(help="Zone of times that have none: Asia/Shanghai, +08:00.", show_default=False)
    ] = None,
    sep: Annotated[str | None, typer.Option(help="What separates columns; \\t for a tab.", show_default=False)] = None,
    decimal: Annotated[str | None, typer.Option(help="The decimal point: . or ,", show_default=False)] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text: gbk, utf-16, ...", show_default=False)] = None,
) -> None:
    """The agent's quality tests over a recorded series; CSV to standard output, what was assumed to standard error."""
    from edge_agent.processing import qc_command as command
    from edge_agent.processing.csv_series import CsvForm

    form = CsvForm(time, value, channel, tz, sep, decimal, encoding)
    try:
        command.main(series, config, sys.stdout, sys.stderr, form)
    except ConfigError as error:
        refuse(error)


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(help="agent, device, gateways, district, rules or response_plan.", show_default=False)
    ],
) -> None:
    """JSON Schema of a kind of file, for an editor: what may stand in it. To standard output."""
    from contract.catalogue.json_schema import KINDS, schema_of, schema_of_model
    from contract.refusing import no_such
    from edge_agent.config import ConfigFile
    from firmware_bridge.protocols import PROTOCOLS

    if kind not in ("agent", *KINDS):
        say(no_such("kind of file", kind, ("agent", *KINDS)), err=True)
        raise typer.Exit(2)
    made = schema_of_model(ConfigFile) if kind == "agent" else schema_of(kind, PROTOCOLS)
    say(json.dumps(made, indent=1))


for command in (read, probe, scan, tap, init):
    app.command()(command)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
