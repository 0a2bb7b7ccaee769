"""Over a recorded log the warnings are what they were live, however its entries are cut into steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.views.decode import without
from cloud.warnings.replay import replay
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from tests.cloud.warnings.city import city, history
from tests.cloud.warnings.test_view import SETTINGS, everything


class Recorded:
    """A log that is read and no more; `limit` is taken down to a few entries, so that there are many steps."""

    def __init__(self, entries: Sequence[Entry], at_once: int) -> None:
        self.entries, self.at_once = entries, at_once

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        return [e for e in self.entries if e.offset > after][: min(limit, self.at_once)]


def live(catalogue: Catalogue, log: Sequence[Entry]) -> WarningsView:
    """An entry at a time."""
    view = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    for each in log:
        view.apply([each])
    return view


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), cuts=st.sets(st.integers(1, 99), max_size=20))
def test_one_entry_at_a_time_says_what_several_at_once_say(
    small_district: Catalogue, seed: int, cuts: set[int]
) -> None:
    catalogue, log = city(small_district), history(seed, 100)
    grouped = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    for a, b in pairwise([0, *sorted(cuts), len(log)]):
        grouped.apply(log[a:b])
    alone = live(catalogue, log)
    assert everything(grouped) == everything(alone)
    for view in (grouped, alone):
        view.ledger.dispose()


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_a_replay_says_what_was_said_live_oldest_first(small_district: Catalogue, at_once: int) -> None:
    catalogue, log = city(small_district), history(4)
    view = live(catalogue, log)
    said = list(reversed(view.reader.messages(limit=10_000)))
    view.ledger.dispose()
    assert len(said) > 3
    assert replay(cast("Any", Recorded(log, at_once)), catalogue, SETTINGS) == said


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_an_entry_that_cannot_be_read_is_passed_over_as_the_live_view_does(
    small_district: Catalogue, at_once: int
) -> None:
    catalogue, log = city(small_district), history(4)
    torn = next(i for i, e in enumerate(log) if e.payload and i > 50)
    view = live(catalogue, without(log, {log[torn].offset}))
    said = list(reversed(view.reader.messages(limit=10_000)))
    view.ledger.dispose()
    log[torn] = log[torn]._replace(payload=b"torn")
    assert replay(cast("Any", Recorded(log, at_once)), catalogue, SETTINGS) == said
