"""The cloud's time: what is believed, what is in doubt, and a person's word for it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from cloud.access.access import Access
from cloud.api.encoding import json_of
from cloud.api.guard import caller_of
from cloud.api.ports import Services
from cloud.api.problems import Problem
from contract.clock import iso


def mount(app: FastAPI, services: Services, access: Access) -> None:
    @app.get("/v1/clock")
    def clock() -> Response:
        """The time that is believed, and the step of the machine's clock that is not."""
        return json_of(clock_json(services))

    @app.post("/v1/clock/confirm")
    def confirm(request: Request) -> Response:
        """The machine's clock is right as it is now: its step is believed from here on. 409 when none is in doubt."""
        caller, state = caller_of(request), services.health.clock_state()
        if state.step is None and state.known:
            raise Problem(409, "Nothing in doubt", "the machine's clock is believed as it is; see /v1/clock")
        by_ms = 0 if state.step is None else state.step.by_ms
        access.record(caller, "clock.confirm", f"{by_ms} ms")
        services.health.confirm_clock(caller.who)
        return json_of(clock_json(services))


def clock_json(services: Services) -> dict[str, Any]:
    """now, machine: UTC; step: null while nothing is in doubt; known: false while the time is only guessed."""
    state = services.health.clock_state()
    step = None if state.step is None else {"seconds": state.step.by_ms / 1000, "at": iso(state.step.at_ms)}
    times = {"now": iso(state.now_ms), "machine": iso(state.wall_ms)}
    return {**times, "known": state.known, "step": step, "trouble": state.trouble}
