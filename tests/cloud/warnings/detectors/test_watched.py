"""Rows of watched channels, turns in which none comes twice, and arrays as text."""

from __future__ import annotations

import numpy as np
import pytest

from cloud.warnings.detectors.watched import by_turns, packed, unpacked


@pytest.mark.parametrize("seed", range(5))
def test_each_turn_has_a_row_once_and_each_row_its_order(seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 6, 40)
    turns = by_turns(rows)
    assert sorted(np.concatenate(turns).tolist()) == list(range(40))
    taken: dict[int, list[int]] = {}
    for turn in turns:
        assert len(set(rows[turn].tolist())) == len(turn)
        for at in turn.tolist():
            taken.setdefault(int(rows[at]), []).append(at)
    assert all(places == sorted(places) for places in taken.values())
    assert by_turns(np.empty(0, np.int64)) == []


def test_arrays_come_back_as_they_were() -> None:
    array = np.array([[1.5, np.nan], [-3.0, 7.0]])
    np.testing.assert_array_equal(unpacked(packed(array), np.float64, 2), array)
    with pytest.raises(ValueError, match=r".+"):
        unpacked("no base64!", np.float64)
