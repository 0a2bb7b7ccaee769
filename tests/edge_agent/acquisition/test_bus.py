"""What a bus makes of its driver's answers: whole ones, parts, silence, a port that is gone, a defect."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contract.clock import SystemClock
from contract.readings import ReadingBatch
from edge_agent.acquisition import bus as bus_module
from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Fault, Heard, Missing
from tests.edge_agent.drivers.rtu import bus, device
from tests.waiting import until_async

REFUSED = DeviceFault(Fault.EXCEPTION, "unit 1 refuses holding 7+1: illegal data address (exception 2)")
LOST = DeviceFault(Fault.TIMEOUT, "unit 1 did not answer within 1 s")
GONE = DeviceFault(Fault.BUS_DOWN, "cannot open it")


class Scripted:
    """A driver, and the module that opens it: `answer` says what a read gives or raises, `listening` what it hears."""

    def __init__(self, answer: Callable[[DeviceInfo], Answer], silent_periods: int = 0) -> None:
        self.answer, self.silent_periods = answer, silent_periods
        self.opened = self.closed = self.listens = 0
        self.heard: Heard | None = None
        self.port_gone = False

    async def open_driver(self, *_: object) -> Scripted:
        self.opened += 1
        return self

    def describe(self, _device: DeviceInfo) -> str:
        return ""

    async def read(self, device: DeviceInfo) -> Answer:
        await asyncio.sleep(0)
        return self.answer(device)

    async def listen(self, heard: Heard) -> None:
        self.listens += 1
        if self.port_gone:
            raise GONE
        self.heard = heard
        await asyncio.Event().wait()

    def line_faults(self) -> dict[str, int]:
        return {"bad_crc": 3}

    def traffic(self) -> dict[str, int]:
        return {"questions": 7}

    async def close(self) -> None:
        self.closed += 1


INFO = device(1, [0, 7], timeout_s=0.1, period_s=0.05, name="u1")
FIRST, SECOND = (c.id for c in INFO.channels)


@asynccontextmanager
async def running(
    monkeypatch: pytest.MonkeyPatch, driver: Scripted
) -> AsyncIterator[tuple[BusTask, list[ReadingBatch]]]:
    monkeypatch.setattr(bus_module, "driver_module", lambda protocol: driver if protocol == "modbus" else None)
    monkeypatch.setattr(bus_module, "_REOPEN_S", 0.01)
    gathered: list[ReadingBatch] = []
    line = bus().model_copy(update={"back_off_first_s": 0.1, "back_off_max_s": 0.2})
    task = BusTask(line, [INFO], "somewhere", SystemClock(), gathered.append)
    run = asyncio.create_task(task.run())
    try:
        yield task, gathered
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    assert driver.closed == driver.opened


def rows(batches: list[ReadingBatch]) -> set[tuple[int, str]]:
    return {
        (c, "missing" if math.isnan(v) else str(v))
        for b in batches
        for c, v in zip(b.channel.tolist(), b.value.tolist(), strict=True)
    }


def raising(error: Exception) -> Callable[[DeviceInfo], Answer]:
    def answer(_: DeviceInfo) -> Answer:
        raise error

    return answer


async def test_an_answer_with_times_of_the_devices_own_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ReadingBatch.of([1000, 2000], [FIRST, FIRST], [0.5, 0.75])
    async with running(monkeypatch, Scripted(lambda _: Answer(old))) as (task, gathered):
        await until_async(lambda: gathered)
        assert gathered[0] is old
        status = task.status()
    assert (status["address"], status["trouble"], status["line_faults"]) == ("somewhere", "", {"bad_crc": 3})
    assert (status["devices"][0]["state"], status["devices"][0]["faults"]) == ("good", {})


async def test_of_an_answer_in_part_the_values_count_and_the_rest_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    part = Answer(ReadingBatch.of([1000], [FIRST], [0.5]), (Missing((SECOND,), REFUSED),))
    with caplog.at_level(logging.WARNING):
        async with running(monkeypatch, Scripted(lambda _: part)) as (task, gathered):
            await until_async(lambda: len(gathered) >= 6)
            (said,) = task.status()["devices"]
    assert rows(gathered) == {(FIRST, "0.5"), (SECOND, "missing")}
    assert (said["state"], said["back_off_s"], said["last_fault"]) == ("good", 0.0, str(REFUSED))
    assert said["faults"] == {"exception": said["reads"]}
    assert [r.message for r in caplog.records] == [f"u1 answers in part: {REFUSED}"]  # once


async def test_who_does_not_answer_is_missing_in_all_its_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, Scripted(raising(LOST))) as (task, gathered):
        await until_async(lambda: len(gathered) >= 3)
        (said,) = task.status()["devices"]
    assert rows(gathered) == {(FIRST, "missing"), (SECOND, "missing")}
    assert (said["state"], set(said["faults"])) == ("never", {"timeout"})
    assert said["back_off_s"] in (0.1, 0.2)
    assert said["back_off_max_s"] == 0.2
    assert 0 <= said["next_ask_s"] <= 0.2


async def test_a_port_that_is_gone_is_the_buss_trouble_until_somebody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Scripted(raising(GONE))
    async with running(monkeypatch, driver) as (task, _):
        await until_async(lambda: task.status()["trouble"] == str(GONE))
        driver.answer = lambda _: Answer(ReadingBatch.of([1], [FIRST], [1.0]))
        await until_async(lambda: task.status()["trouble"] == "")
    assert driver.opened == 1


async def test_a_port_to_listen_on_is_opened_again_and_silence_is_missed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Scripted(raising(LOST), silent_periods=3)
    driver.port_gone = True
    async with running(monkeypatch, driver) as (task, gathered):
        await until_async(lambda: driver.listens > 3 and gathered)
        assert task.status()["trouble"] == str(GONE)
        driver.port_gone = False
        await until_async(lambda: driver.heard is not None)
        assert driver.heard is not None
        driver.heard("u1", ReadingBatch.of([5000], [FIRST], [0.25]))
        assert task.status()["trouble"] == ""
        (said,) = task.status()["devices"]
    assert (FIRST, "0.25") in rows(gathered)
    assert (said["state"], said["last_good_ms"]) == ("good", 5000)
    assert driver.opened == 1


async def test_a_defect_is_told_and_the_driver_opened_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Scripted(raising(ZeroDivisionError("of a driver")))
    async with running(monkeypatch, driver) as (task, _):
        await until_async(lambda: driver.opened > 2)
        status = task.status()
    assert status["restarts"] >= 2
    assert status["trouble"] == "stopped by ZeroDivisionError: of a driver"
