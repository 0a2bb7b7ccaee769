"""What stands in every entry of `delivery:`."""

from __future__ import annotations

from datetime import UTC, time
from pathlib import Path

import pytest
from pydantic import ValidationError

from cloud.delivery.sinks.log import LogSinkSettings
from cloud.delivery.wants import Kind, Step
from contract.catalogue.rules import Level


def sink(**more: object) -> LogSinkSettings:
    return LogSinkSettings.model_validate({"kind": "log", "path": Path("x"), **more})


def test_inside_a_consumer_is_told_of_warnings_and_of_other_consumers() -> None:
    wants = sink().wants(UTC, [])
    assert wants.kinds == {Kind.WARNING, Kind.BLIND, Kind.CONSUMER}
    assert (wants.statuses, wants.levels, wants.zones, wants.steps) == (set(), set(), set(), ())


def test_in_public_there_are_warnings_alone_and_none_that_is_not_actual() -> None:
    wants = sink(public=True).wants(UTC, [])
    assert (wants.kinds, wants.statuses) == ({Kind.WARNING}, {"Actual"})
    assert sink(public=True, kinds=["warning", "blind"], statuses=["Actual", "Exercise"]).wants(UTC, []).statuses == {
        "Actual",
        "Exercise",
    }


@pytest.mark.parametrize("kind", ["maintenance", "consumer"])
def test_what_is_not_for_the_public_is_refused_for_it(kind: str) -> None:
    with pytest.raises(ValidationError, match=f"{kind}: not for the public"):
        sink(public=True, kinds=["warning", kind])


def test_escalation_reaches_the_sink_that_it_names() -> None:
    step = {"to": "second", "after_s": 60, "from": "20:00", "until": "08:00", "levels": ["orange"]}
    first, second = sink(name="first", escalate=[step], zones=["north"]), sink(name="second")
    wants = second.wants(UTC, [first, second])
    assert wants.steps == (Step("first", 60.0, time(20), time(8), frozenset({Level.ORANGE})),)
    assert wants.kin["first"].zones == {"north"}
    assert first.wants(UTC, [first, second]).steps == ()
    off = first.model_copy(update={"enabled": False})  # it hands nothing on, so the second is told itself
    assert second.wants(UTC, [off, second]).steps == ()
