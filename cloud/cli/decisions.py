"""`headwater-cloud incident | mute | unmute | rain-signal`: what the duty officer decides, at the shell.

It is written to the log; a running cloud carries it out with the next entry, within `log.tick_s` at the latest, one
that stands still when it starts.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cloud.cli.common import ConfigPath, load_or_exit, note, operator
from cloud.log.decision import DecisionKind
from host.terminal import say

if TYPE_CHECKING:
    from cloud.config import CloudConfig
    from cloud.warnings.decisions import People
    from cloud.warnings.reader import LedgerReader

incident = typer.Typer(no_args_is_help=True, help="Incidents: what people decide about them.")
IncidentId = Annotated[str, typer.Argument(metavar="ID", help="See `incident list`.")]
DecisionId = Annotated[
    str | None, typer.Option("--id", help="Of the decision: who asks again with it does nothing again.")
]
Sensor = Annotated[str, typer.Argument(metavar="SENSOR", help="channel/NUMBER or station/ID")]


def mount(app: typer.Typer) -> None:
    app.add_typer(incident, name="incident")
    app.command("mute")(mute)
    app.command("unmute")(unmute)
    app.command("mutes")(mutes)
    app.command("rain-signal")(rain_signal)


@incident.command("list")
def list_incidents(
    config: ConfigPath, all_of_them: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False
) -> None:
    """The open ones, newest first, as JSON lines."""
    from cloud.warnings.codec import incident_json

    reader = _reader(load_or_exit(config))
    for found in reader.incidents(open_only=not all_of_them):
        say(json.dumps(incident_json(found), ensure_ascii=False))


@incident.command()
def acknowledge(config: ConfigPath, name: IncidentId, decision: DecisionId = None) -> None:
    """Somebody has seen it."""
    _decide(config, DecisionKind.ACKNOWLEDGE, name, {}, decision)


@incident.command("take-over")
def take_over(config: ConfigPath, name: IncidentId, decision: DecisionId = None) -> None:
    """Somebody deals with it from now on."""
    _decide(config, DecisionKind.TAKE_OVER, name, {}, decision)


@incident.command()
def end(
    config: ConfigPath,
    name: IncidentId,
    reason: Annotated[str, typer.Option(help="false: there was no water. over: it is dealt with.")],
    note: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    decision: DecisionId = None,
) -> None:
    """Ends an incident; water that stands on opens another when it gets worse, or comes again."""
    _decide(config, DecisionKind.END, name, {"reason": reason, "note": note}, decision)


def mute(
    config: ConfigPath,
    sensor: Sensor,
    reason: Annotated[str, typer.Option(help="Why it is not to be believed.")],
    until: Annotated[str | None, typer.Option(help="RFC 3339 with a zone; or --hours.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.01, max=24, help="From now; or --until.")] = None,
    decision: DecisionId = None,
) -> None:
    """A sensor, or all of a station's, is not believed for a while, 24 hours at most: unknown, never dry."""
    if (until is None) == (hours is None):
        _refuse("when does the mute end? Give --until or --hours, one of them")
    now_ms = load_or_exit(config).clock.now_ms()
    ends_ms = _moment(until, "--until") if until is not None else now_ms + round((hours or 0) * 3_600_000)
    if ends_ms <= now_ms:
        _refuse("the mute ends before it begins: give a later --until; `unmute` takes a mute back")
    _decide(config, DecisionKind.MUTE, sensor, {"until_ms": ends_ms, "reason": reason}, decision)


def unmute(config: ConfigPath, sensor: Sensor, decision: DecisionId = None) -> None:
    """A sensor is believed again."""
    found = load_or_exit(config)
    now_ms = found.clock.now_ms()
    if not any(m["target"] == sensor for m in _mutes(found, now_ms)):
        _refuse(f"{sensor} is not muted; see `headwater-cloud mutes`")
    _decide(config, DecisionKind.MUTE, sensor, {"until_ms": 0}, decision)


def mutes(config: ConfigPath) -> None:
    """What is not believed at present, and until when, as JSON lines."""
    found = load_or_exit(config)
    for line in _mutes(found, found.clock.now_ms()):
        say(json.dumps(line, ensure_ascii=False))


def rain_signal(
    config: ConfigPath,
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="none, blue, yellow, orange or red")],
    until: Annotated[str | None, typer.Option(help="RFC 3339 with a zone; without it until it is taken back.")] = None,
    decision: DecisionId = None,
) -> None:
    """The weather office's rain signal; none takes it back."""
    from cloud.warnings.decisions import RAIN_TARGET

    until_ms = None if until is None else _moment(until, "--until")
    _decide(config, DecisionKind.RAIN_SIGNAL, RAIN_TARGET, {"level": level, "valid_until_ms": until_ms}, decision)


def _decide(
    config: ConfigPath, kind: DecisionKind, target: str, detail: dict[str, str | int | None], decision_id: str | None
) -> None:
    from cloud.log.open import open_log
    from cloud.warnings.desk import Desk, NotDecided, made

    found = load_or_exit(config)
    log = open_log(found.data_dir, found.file.log.engine)
    now_ms = found.clock.now_ms()
    decision = made(kind, operator(), now_ms, target, detail, decision_id)
    desk = Desk(log, _reader(found), found.catalogue)
    try:
        if not desk.look(decision):
            note(found, f"decision.{kind.value}", target[:256], decision=decision.id)
        handed = desk.hand_in(decision, now_ms)
    except NotDecided as error:
        _refuse(str(error))
    finally:
        log.close()
    say(json.dumps({"id": decision.id, "kind": kind.value, "target": target, "repeated": handed.repeated}))


def _reader(config: CloudConfig) -> LedgerReader:
    from cloud.ledger.open import open_ledger
    from cloud.warnings.reader import LedgerReader
    from contract.conditions.latches import Conditions

    return LedgerReader(open_ledger(config.ledger_url), lambda: 0, Conditions({}).initial, lambda: _people(config))


def _people(config: CloudConfig) -> People:
    from cloud.ledger.open import open_ledger
    from cloud.warnings.store import load_people

    ledger = open_ledger(config.ledger_url)
    with ledger.connect() as db:
        return load_people(db)


def _mutes(config: CloudConfig, now_ms: int) -> list[dict[str, str]]:
    from cloud.warnings.codec import mute_json
    from cloud.warnings.decisions import lasting

    return [mute_json(m) for m in lasting(_people(config), now_ms)]


def _moment(text: str, name: str) -> int:
    from contract.clock import to_ms

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        _refuse(f"{name} {text!r} is no time with a zone: write e.g. 2021-07-20T16:00:00+08:00")
    return to_ms(found)


def _refuse(why: str) -> NoReturn:
    say(why, err=True)
    raise typer.Exit(2)
