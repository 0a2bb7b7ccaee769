"""An event's id leads on within one start of the cloud, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.api.event_ids import EventIds, event


@given(st.integers(0, 2**50), st.integers(0, 10**15 - 1))
def test_an_id_is_read_as_the_number_it_was_made_of(epoch_ms: int, number: int) -> None:
    ids = EventIds(epoch_ms)
    assert ids.number(ids.of(number)) == number
    assert EventIds(epoch_ms + 1).number(ids.of(number)) == -1


@pytest.mark.parametrize("event_id", ["", "6-3", "7-", "7--1", "7-٣", "7-3 ", "7-0x3", "nonsense", "7-" + "9" * 40])
def test_anything_else_is_no_place_to_go_on_from(event_id: str) -> None:
    assert EventIds(7).number(event_id) == -1


def test_an_event_is_three_lines_and_an_empty_one() -> None:
    assert event("readings", "7-3", b"[1]") == b"id: 7-3\nevent: readings\ndata: [1]\n\n"
