"""What the cloud says of itself, put together from parts that say how they are."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import pytest

from cloud.app.health import CloudHealth
from cloud.ingest.quarantine import KeptBatch
from cloud.log.believed_clock import ClockState
from cloud.log.log_clock import Step
from cloud.views.base import ViewState
from contract.wire.envelope import RefusalReason


class Clock:
    """Whose machine's clock has stepped by 8 h, when it is said so."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble

    def now_ms(self) -> int:
        return 1234

    def state(self) -> ClockState:
        return ClockState(1234, 28_801_234, Step(28_800_000, 1000) if self.trouble else None, True, self.trouble)

    def counters(self) -> dict[str, int]:
        return {"clock_steps": 1}


class Ingest:
    """Releases batch 1, refuses batch 2, and knows no other."""

    def release(self, number: int, now_ms: int, who: str) -> str | None:
        assert (now_ms, who) == (1234, "person:ann")
        return {1: "", 2: "time_past: too old"}.get(number)

    def counters(self) -> dict[str, int]:
        return {"batches_stored": 7}

    def troubles(self) -> list[str]:
        return []


def view(name: str, trouble: str = "") -> Any:
    return SimpleNamespace(state=lambda: ViewState(name, 5, 0, trouble, 0))


def sink(name: str, trouble: str = "") -> Any:
    return SimpleNamespace(sink_name=name, trouble=lambda: trouble)


def health(
    receiver: str = "",
    watch: str | None = None,
    views: Any = (),
    sinks: Any = (),
    kept: Any = (),
    let_go: Any = MappingProxyType({}),
    clock: str = "",
) -> Any:
    parts: Any = {
        "clock": Clock(clock),
        "ingest": Ingest(),
        "receiver": SimpleNamespace(trouble=lambda: receiver, troubles=list, counters=lambda: {"live_deferred": 2}),
        "quarantine": SimpleNamespace(
            listed=lambda limit, before: list(kept)[:limit],
            count=lambda: len(kept),
            waits=lambda n: any(k.id == n for k in kept),
            let_go=lambda: let_go,
        ),
        "watch": None if watch is None else SimpleNamespace(trouble=lambda: watch, days_left=lambda: {"gw-1": 3.5}),
        "runners": views,
        "dispatchers": sinks,
    }
    return CloudHealth(**cast("Any", parts))


def test_ready_when_nothing_is_wrong() -> None:
    assert health(views=[view("latest")], watch="").ready() == (True, "")


def test_every_trouble_is_told_the_receiver_s_first() -> None:
    found = health("no broker", "the list is old", [view("latest"), view("series", "disk full")])
    assert found.ready() == (False, "no broker; the list is old; view series: disk full")


def test_a_sink_that_fails_is_a_trouble_and_no_reason_to_turn_away() -> None:
    found = health(sinks=[sink("duty"), sink("centre", "HTTP 500")])
    assert found.ready() == (True, "")
    assert found.troubles() == ["sink centre: HTTP 500"]


def test_counters_of_ingest_and_receiver_stand_together() -> None:
    assert health().counters() == {"batches_stored": 7, "live_deferred": 2, "clock_steps": 1}


def test_a_clock_in_doubt_is_the_first_trouble() -> None:
    found = health(sinks=[sink("centre", "HTTP 500")], clock="the clock stepped")
    assert found.ready() == (True, "")
    assert found.troubles() == ["the clock stepped", "sink centre: HTTP 500"]
    assert found.clock_state().step == Step(28_800_000, 1000)


def test_identities_only_where_they_are_checked() -> None:
    assert health().identities() == {}
    assert health(watch="").identities() == {"gw-1": 3.5}


@pytest.mark.parametrize(("number", "said"), [(1, ""), (2, "time_past: too old"), (3, "")])
def test_release(number: int, said: str) -> None:
    """Of what is there no more another has just stored the batch: that is no refusal."""
    assert health().release(number, "person:ann") == said


def test_what_was_let_go_from_quarantine_is_a_trouble() -> None:
    (said,) = health(let_go={"gw-1": 3, "gw-2": 0}).troubles()
    assert said.startswith("quarantine: 3 batches of gw-1 were let go")


def test_what_is_kept_aside_is_listed_by_what_it_is_and_not_by_its_bytes() -> None:
    kept = KeptBatch(4, 1000, "gw-1", 0xAB, 9, RefusalReason.TIME_PAST, "too old", 5)
    found = health(kept=[kept])
    assert found.quarantine_count() == 1
    assert (found.is_quarantined(4), found.is_quarantined(5)) == (True, False)
    assert found.quarantined(100) == [
        {
            "id": 4,
            "gateway": "gw-1",
            "spool": "00000000000000ab",
            "seq": 9,
            "reason": "time_past",
            "detail": "too old",
            "received_ms": 1000,
            "bytes": 5,
        }
    ]
