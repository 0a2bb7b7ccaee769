"""`headwater-edge scan`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from contract.documents import ConfigError
from edge_agent.cli.common import progress, refuse, refuse_with
from host.terminal import say


def scan(
    port: Annotated[str, typer.Argument(help="A serial port, or HOST[:PORT].", show_default=False)],
    units: Annotated[str, typer.Option(help="Such as 1-32,40; else 1 to 32.", show_default=False)] = "",
    baud_rate: Annotated[
        list[int] | None,
        typer.Option(help="Of a serial line, again for more; else 9600, 19200.", show_default=False),
    ] = None,
    parity: Annotated[
        list[str] | None, typer.Option(help="N, E or O, again for more; else N and E.", show_default=False)
    ] = None,
    stop_bits: Annotated[int | None, typer.Option(help="1 or 2; else 1.", show_default=False)] = None,
    kind: Annotated[
        str | None, typer.Option(help="modbus_rtu, modbus_ascii, modbus_tcp, modbus_rtu_over_tcp.", show_default=False)
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Every unit, and on a serial port every speed and parity.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="How long a unit may take, s.", min=0.02, max=10)] = 0.3,
    tries: Annotated[int, typer.Option(help="Questions to a unit that is silent.", min=1, max=10)] = 2,
    pause: Annotated[float, typer.Option(help="Silence before each question, s.", min=0.0, max=10)] = 0.05,
    device: Annotated[
        Path | None, typer.Option(help="A device file: the texts by which units tell who they are.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one object at the end.")] = False,
) -> None:
    """Who is on a line: units, speeds, parities. Only reads. Exit code 1: nobody answered."""
    from edge_agent.drivers.base import DeviceFault
    from edge_agent.technician import scan_words as words
    from edge_agent.technician.asking import identity_of
    from edge_agent.technician.running_agents import holder
    from edge_agent.technician.scan import Scan, Told
    from edge_agent.technician.scan import scan as ask_all
    from edge_agent.technician.scan_plan import LineOptions, NoPlan, plan_of

    try:
        texts = identity_of(device) if device is not None else ()
        line = LineOptions(tuple(baud_rate or ()), tuple(p.upper() for p in parity or ()), stop_bits)
        plan = plan_of(port, kind, line, units, whole, {"timeout_s": timeout, "tries": tries, "pause_s": pause})
    except ConfigError as error:
        refuse(error)
    except NoPlan as error:
        refuse_with(str(error))
    if (agent := holder(plan.address)) is not None:
        refuse_with(words.held(plan.address, agent))
    if not as_json:
        say(words.before(plan))
    found, interrupted = Scan(plan), False
    try:
        with progress("scan", plan.most_s) as moved:
            told = Told(moved=moved)
            if not as_json:
                told = Told(lambda s: say(words.of_setting(s)), lambda _s, u: say(words.of_unit(u)), moved)
            asyncio.run(ask_all(plan, found, told, texts))
    except DeviceFault as fault:
        refuse_with(str(fault))
    except KeyboardInterrupt:
        interrupted = True
    say(json.dumps(found.as_json(), ensure_ascii=False) if as_json else words.after(found, interrupted))
    raise typer.Exit(130 if interrupted else 0 if found.found else 1)
