"""Units that want rest before they hear, in played time: it is found, and they are read whole where there is room."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device
from tests.edge_agent.drivers.rude import Rude
from tests.played import play


def now_s() -> float:
    return asyncio.get_running_loop().time()


class Resting:
    """Units deaf to what comes sooner than `rest_s` after anything was on the line; or, of_own, after their own last
    question or reply."""

    def __init__(self, rest_s: float, of_own: bool = False) -> None:
        self.rest_s, self.of_own = rest_s, of_own
        self._busy_until_s: dict[int, float] = {}

    def hears(self, unit: int, _pdu: bytes) -> bool:
        whose = unit if self.of_own else 0
        heard = now_s() - self._busy_until_s.get(whose, -1.0) >= self.rest_s
        self._busy_until_s[whose] = now_s() + (0.01 if heard else 0.0)
        return heard


@pytest.mark.parametrize("kind", ["modbus_rtu", "modbus_tcp"])
@pytest.mark.parametrize("rest_s", [0.03, 0.05, 0.08])
def test_a_unit_that_wants_rest_gets_it(kind: str, rest_s: float) -> None:
    wants = Resting(rest_s)
    played = play(rude.run(Rude(kind, hears=wants.hears), [device(1, [0, 100], timeout_s=0.2)], 60.5))
    assert len(played.good(1, 0)) >= 60
    assert len(played.good(1, 100)) >= 60
    assert played.status["retries"] < 15  # then it is known


@pytest.mark.parametrize("of_own", [True, False])
@pytest.mark.parametrize(
    ("units", "rest_s", "period_s"), [(2, 0.03, 1.0), (2, 0.1, 1.0), (3, 0.15, 1.2), (5, 0.05, 1.0)]
)
def test_units_of_one_line_that_all_want_rest_are_read_whole_where_there_is_room(
    units: int, rest_s: float, period_s: float, of_own: bool
) -> None:
    devices = [device(u, [0, 100], timeout_s=0.2, period_s=period_s) for u in range(1, units + 1)]
    played = play(rude.run(Rude(hears=Resting(rest_s, of_own).hears), devices, 180.5))
    for unit in range(1, units + 1):
        for register in (0, 100):
            late = [at for at in played.good(unit, register) if at >= 60.0]
            assert len(late) >= 120 / period_s - 2, (unit, register)
    assert played.status["trouble"] == ""


def test_where_there_is_no_room_for_the_rests_the_bus_is_told_to_be_overloaded() -> None:
    devices = [device(u, [0, 100], timeout_s=0.2) for u in range(1, 6)]
    played = play(rude.run(Rude(hears=Resting(0.2).hears), devices, 120.5))
    assert "overloaded: what is asked of its devices takes " in played.status["trouble"]
    assert played.status["utilisation"] == pytest.approx(2.2, abs=0.6)


def test_a_line_of_two_units_that_wants_rest_gets_it_and_a_setting_spares_the_search() -> None:
    devices = [device(u, [0], timeout_s=0.2) for u in (1, 2)]
    played = play(rude.run(Rude(hears=Resting(0.01).hears), devices, 60.5))
    assert min(len(played.good(1)), len(played.good(2))) >= 60
    assert played.status["retries"] < 10
    played = play(rude.run(Rude(hears=Resting(0.01).hears), devices, 60.5, rest_s=0.02))
    assert played.status["retries"] == 0
