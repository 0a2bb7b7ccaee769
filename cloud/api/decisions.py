"""What people decide about incidents, sensors and the rain signal. What the log has of it, the warnings carry out."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from fastapi import Body, FastAPI, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from cloud.access.access import Access
from cloud.api.encoding import json_of, moment
from cloud.api.guard import caller_of
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.log.decision import DecisionKind
from cloud.warnings.codec import mute_json
from cloud.warnings.decisions import RAIN_TARGET, lasting, signal_at
from cloud.warnings.desk import CannotBeMeant, Desk, IncidentIsClosed, NoSuchIncident, NotDecided, made
from cloud.warnings.model import Ending
from contract.clock import iso
from contract.settings_model import SettingsModel

log = logging.getLogger(__name__)

_Text = Annotated[str, StringConstraints(max_length=500)]
_DecisionId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_HOUR_MS = 3_600_000


class Asked(SettingsModel, defer_build=False):
    """id: of the decision, made by whoever asks: who asks again with it does nothing again."""

    id: _DecisionId | None = None


_NOTHING = Asked()


class AskedToEnd(Asked, defer_build=False):
    """reason: `false`: there was no water; `over`: it is dealt with. note: in the officer's own words."""

    reason: Ending
    note: _Text = ""


class AskedToMute(Asked, defer_build=False):
    """target: `channel/NUMBER` or `station/ID`. until: RFC 3339 with a zone, or epoch milliseconds; or hours."""

    target: Annotated[str, StringConstraints(min_length=3, max_length=200)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    until: str | None = None
    hours: Annotated[float, Field(gt=0, le=24)] | None = None


class AskedForRain(Asked, defer_build=False):
    """level: of the weather office's rain signal; `none` takes it back. valid_until: as `until` of a mute."""

    level: Literal["none", "blue", "yellow", "orange", "red"]
    valid_until: str | None = None


def mount(app: FastAPI, services: Services, access: Access) -> None:
    desk = Desk(services.log, services.warnings, services.catalogue)
    decide = _decider(desk, services, access)

    @app.post("/v1/incidents/{name}/acknowledge")
    def acknowledge(request: Request, name: str, asked: Annotated[Asked, Body()] = _NOTHING) -> Response:
        """Somebody has seen it. The first who says so since its last message is kept."""
        return decide(request, asked, DecisionKind.ACKNOWLEDGE, name, {})

    @app.post("/v1/incidents/{name}/take-over")
    def take_over(request: Request, name: str, asked: Annotated[Asked, Body()] = _NOTHING) -> Response:
        """Somebody deals with it from now on."""
        return decide(request, asked, DecisionKind.TAKE_OVER, name, {})

    @app.post("/v1/incidents/{name}/end")
    def end(request: Request, name: str, asked: AskedToEnd) -> Response:
        """Ends an incident: its consumers get a Cancel that says that a person did. Water that stands on opens another
        when it gets worse than it was, or comes again after it was gone."""
        detail = {"reason": asked.reason.value, "note": asked.note or None}
        return decide(request, asked, DecisionKind.END, name, detail)

    @app.get("/v1/mutes")
    def mutes() -> Response:
        """What is not believed at present, and until when; those that end first in front."""
        return json_of([mute_json(m) for m in lasting(services.warnings.people(), services.clock.now_ms())])

    @app.post("/v1/mutes")
    def mute(request: Request, asked: AskedToMute) -> Response:
        """A sensor, or all of a station's, is not believed for a while, 24 hours at most: unknown, never dry."""
        if (asked.until is None) == (asked.hours is None):
            raise Problem(422, "When does the mute end?", "give `until` or `hours`, one of them")
        now_ms = services.clock.now_ms()
        ends_ms = now_ms + round(asked.hours * _HOUR_MS) if asked.hours else moment(asked.until or "", "until")
        if ends_ms <= now_ms:
            raise Problem(422, "The mute ends before it begins", "give a later `until`; DELETE takes a mute back")
        return decide(request, asked, DecisionKind.MUTE, asked.target, {"until_ms": ends_ms, "reason": asked.reason})

    @app.delete("/v1/mutes/channel/{number}")
    def unmute_channel(request: Request, number: int) -> Response:
        """A channel is believed again."""
        return unmute(request, f"channel/{number}")

    @app.delete("/v1/mutes/station/{name}")
    def unmute_station(request: Request, name: str) -> Response:
        """A station's channels are believed again, but for those that are muted themselves."""
        return unmute(request, f"station/{name}")

    def unmute(request: Request, target: str) -> Response:
        if not any(m.target.text == target for m in lasting(services.warnings.people(), services.clock.now_ms())):
            raise Problem(404, "Not muted", f"{target} is not muted; see /v1/mutes")
        return decide(request, Asked(), DecisionKind.MUTE, target, {"until_ms": 0})

    @app.get("/v1/rain-signal")
    def rain_signal() -> Response:
        """The weather office's rain signal as it was entered; level `none` when there is none."""
        found = signal_at(services.warnings.people(), services.clock.now_ms())
        if found is None or found.level is None:
            return json_of({"level": "none", "who": None, "at": None, "valid_until": None})
        until = None if found.valid_until_ms is None else iso(found.valid_until_ms)
        return json_of({"level": found.level.value, "who": found.who, "at": iso(found.at_ms), "valid_until": until})

    @app.put("/v1/rain-signal")
    def enter_rain_signal(request: Request, asked: AskedForRain) -> Response:
        """Enters it, or takes it back with level `none`."""
        until_ms = None if asked.valid_until is None else moment(asked.valid_until, "valid_until")
        detail = {"level": asked.level, "valid_until_ms": until_ms}
        return decide(request, asked, DecisionKind.RAIN_SIGNAL, RAIN_TARGET, detail)


_Detail = Mapping[str, str | int | None]


def _decider(
    desk: Desk, services: Services, access: Access
) -> Callable[[Request, Asked, DecisionKind, str, _Detail], Response]:
    def decide(request: Request, asked: Asked, kind: DecisionKind, target: str, detail: _Detail) -> Response:
        caller = caller_of(request)
        decision = made(kind, caller.who, services.clock.now_ms(), target, detail, asked.id)
        try:
            if not desk.look(decision):
                # Written down first: what was done and is not in the record would be worse than the reverse.
                access.record(caller, f"decision.{kind.value}", target[:256], decision=decision.id)
            handed = desk.hand_in(decision, services.clock.now_ms())
        except NotDecided as error:
            raise _problem(error) from error
        except (sqlite3.Error, OSError) as error:
            log.error("a decision cannot be written: %s", error)
            raise Problem(503, "Not decided", "the log cannot store it: make room on the disk of the log") from error
        d = handed.decision
        said = {"id": d.id, "kind": d.kind.value, "who": d.who, "at": iso(d.at_ms), "target": d.target}
        return json_of({**said, "detail": dict(d.detail), "repeated": handed.repeated})

    return decide


def _problem(error: NotDecided) -> Problem:
    match error:
        case NoSuchIncident():
            return Problem(404, "No such incident", str(error))
        case IncidentIsClosed():
            return Problem(409, "Incident closed", str(error))
        case CannotBeMeant():
            return Problem(422, "Cannot be decided", str(error))
    return Problem(409, "Not decided", str(error))
