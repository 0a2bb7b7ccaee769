"""How far the order of a log is ahead of time."""

from __future__ import annotations

from cloud.log.ahead import Ahead


def test_it_holds_from_its_place_on_until_the_next():
    ahead = Ahead().then(10, 500).then(20, 0).then(30, 70)
    assert [ahead.at(offset) for offset in (0, 9, 10, 19, 20, 29, 30, 10**9)] == [0, 0, 500, 500, 0, 0, 70, 70]
    assert ahead.last_ms == 70
    assert (Ahead().last_ms, Ahead().at(5)) == (0, 0)
