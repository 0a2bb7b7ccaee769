"""`headwater-sim promise`: which campaign, how many seeds, with which mistake planted."""

from __future__ import annotations

import json
from types import ModuleType

import typer

from simulators.promise import bugs as bugs_of_readings
from simulators.promise import campaign as of_readings
from simulators.promise.warnings import bugs as bugs_of_warnings
from simulators.promise.warnings import campaign as of_warnings


def run(of: str, seeds: int, first: int, bug: str | None, workers: int, trace: bool) -> int:
    """The exit code: 0 when the promise held, 1 when a seed broke it, 2 for a bug that nobody has thought of."""
    campaigns: dict[str, tuple[ModuleType, list[str]]] = {
        "readings": (of_readings, list(bugs_of_readings.BUGS)),
        "warnings": (of_warnings, list(bugs_of_warnings.BUGS)),
    }
    campaign, bugs = campaigns[of]
    if bug is not None and bug not in bugs:
        typer.echo(f"no bug is called {bug}: take one of {', '.join(bugs)}", err=True)
        return 2
    if trace:
        outcome = campaign.one(first, bug, tracing=True)
        typer.echo("\n".join(outcome.lines or ()))
        said = {"seed": first, "broken": outcome.broken, "digest": outcome.digest}
        typer.echo(json.dumps(said))
        return 1 if outcome.broken else 0
    report = campaign.campaign(seeds, first, bug, workers)
    typer.echo(report.as_json())
    return 1 if report.broken else 0
