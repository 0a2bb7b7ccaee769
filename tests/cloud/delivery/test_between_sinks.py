"""Mistakes of `delivery:` that no entry shows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud.delivery.between_sinks import mistakes
from cloud.delivery.sinks.log import LogSinkSettings

Said = dict[str, Any]
OFF = {"enabled": False}


def found(first: Said, step: Said, to: Said) -> list[tuple[tuple[int | str, ...], str]]:
    """Of a consumer `a` that escalates to `b`."""
    step = {"to": "b", "after_s": 60, **step}
    settings = ({"name": "a", "escalate": [step], **first}, {"name": "b", **to})
    return mistakes([LogSinkSettings.model_validate({"kind": "log", "path": Path("x"), **s}) for s in settings])


@pytest.mark.parametrize(
    ("first", "step", "to"),
    [
        ({}, {}, {}),
        (OFF, {}, OFF),  # what is disabled hands nothing on
        (OFF, {}, {"kinds": ["maintenance"]}),
        ({"zones": ["north", "south"]}, {}, {"zones": ["south"]}),
        ({"levels": ["orange", "red"]}, {"levels": ["red"]}, {"levels": ["red"]}),
        ({"public": True}, {}, {"statuses": ["Actual", "Test"]}),
        # A blind notice heeds no filter by level, and is of the lowest in an escalation.
        ({"levels": ["red"]}, {}, {"levels": ["orange"]}),
    ],
)
def test_escalation_that_reaches_somebody(first: Said, step: Said, to: Said) -> None:
    assert found(first, step, to) == []


@pytest.mark.parametrize(
    ("first", "step", "to", "said"),
    [
        ({}, {}, OFF, "'b' is disabled: nobody would be told; name another one, or take out its `enabled: false`"),
        ({}, {"to": "bb"}, {}, "no other sink 'bb', did you mean 'b'? There are 'b'"),
        ({}, {"to": "a"}, {}, "no other sink 'a'; there are 'b'"),
        ({}, {}, {"kinds": ["maintenance"]}, "of the kinds"),
        ({"kinds": ["consumer"]}, {}, {}, "of the kinds"),
        ({}, {"levels": ["orange"]}, {"levels": ["red"]}, "of the levels"),
        ({"levels": ["yellow"], "kinds": ["warning"]}, {}, {"levels": ["red"]}, "of the levels"),
        ({"zones": ["north"]}, {}, {"zones": ["south"]}, "of the zones"),
        ({"statuses": ["Test"]}, {}, {"public": True}, "of the statuses"),
    ],
)
def test_escalation_that_reaches_nobody_is_refused_at_its_place(first: Said, step: Said, to: Said, said: str) -> None:
    [(place, what)] = found(first, step, to)
    assert place == (0, "escalate", 0, "to")
    assert said in what


def test_a_name_is_of_one_sink() -> None:
    assert ((1, "name"), "sink 'a' exists already") in found({}, {"to": "x"}, {"name": "a"})
