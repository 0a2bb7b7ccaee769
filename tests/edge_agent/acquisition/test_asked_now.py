"""Somebody asks a device now: past its back-off, and told request by request."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.acquisition.asked_now import asked_now
from edge_agent.acquisition.bus import BusTask
from tests.edge_agent.drivers import rude
from tests.edge_agent.drivers.rtu import device, says
from tests.edge_agent.drivers.rude import Rude, RudePort, has
from tests.played import play


def test_who_said_nothing_has_missing_values() -> None:
    said = asked_now(device(1, [7], timeout_s=0.2), [], []).as_json()
    assert said["values"] == [{"name": "r7", "value": None, "unit": "1", "flag": 9}]


@pytest.mark.parametrize("kind", ["modbus_rtu", "modbus_tcp"])
def test_asking_now_cuts_the_back_off_short_and_tells_request_by_request(kind: str) -> None:
    dead, told = [True], []

    async def technician(_port: RudePort, task: BusTask) -> None:
        await asyncio.sleep(200)
        dead[0] = False
        began_s = asyncio.get_running_loop().time()
        said = await task.ask_now("unit-2")
        told.append((asyncio.get_running_loop().time() - began_s, said.as_json()))
        with pytest.raises(KeyError):
            await task.ask_now("unit-9")

    line = Rude(kind, hears=lambda u, _p: u != 2 or not dead[0], answers=has({0}))
    devices = [device(u, [0, 100], timeout_s=0.5, period_s=1.0) for u in (1, 2)]
    play(rude.run(line, devices, 201.0, meanwhile=technician))
    ((took_s, said),) = told
    assert took_s < 1.0
    assert (said["device"], said["unit"]) == ("unit-2", 2)
    first, second = sorted(said["reads"], key=lambda r: int(r["address"]))
    assert {k: first[k] for k in ("table", "address", "count", "words", "fault")} == {
        "table": "holding",
        "address": 0,
        "count": 1,
        "words": [says(2, 0)],
        "fault": None,
    }
    assert (second["address"], second["words"]) == (100, None)
    assert "illegal data address (exception 2)" in second["fault"]
    assert said["values"] == [
        {"name": "r0", "value": float(says(2, 0)), "unit": "1", "flag": said["values"][0]["flag"]},
        {"name": "r100", "value": None, "unit": "1", "flag": 9},
    ]
