"""`headwater-edge scan`: who is on a line, told apart from silence, noise, echo and another master; played time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from contract.catalogue.devices import Bus
from edge_agent.drivers.base import DeviceFault, Fault
from edge_agent.drivers.modbus import line_of
from edge_agent.drivers.modbus_line import Line
from edge_agent.technician.scan import Scan, Told, scan
from edge_agent.technician.scan_plan import LineOptions, ScanPlan, plan_of
from edge_agent.technician.scan_words import after, before
from firmware_bridge.modbus import IdentityText
from tests.edge_agent.drivers.rude import FRAMINGS, Rude, RudePort, has, plain
from tests.played import play

PORT = "/dev/ttyUSB0"


def serial(**given: Any) -> ScanPlan:
    return plan_of(PORT, None, LineOptions((9600,), ("N",)), "1-8", False, given)


def scanned(
    rude: Rude, plan: ScanPlan, texts: Sequence[IdentityText] = (), meanwhile: Any = None
) -> tuple[Scan, list[str]]:
    """What came of it, and the settings in their order."""
    found, settings = Scan(plan), []
    ports: list[RudePort] = []

    def through(bus: Bus, address: str) -> Line:
        ports.append(RudePort(rude))
        return line_of(bus, address, ports[-1])

    async def main() -> None:
        beside = asyncio.create_task(meanwhile(ports)) if meanwhile else None
        await scan(plan, found, Told(lambda s: settings.append(s.words)), texts, through)
        if beside:
            beside.cancel()

    play(main())
    return found, settings


def live(*units: int) -> Any:
    """These units answer, the others are not there."""
    return lambda unit, pdu: plain(unit, pdu) if unit in units else None


def by_unit(found: Scan) -> dict[int, Any]:
    return {u.unit: u for _, u in found.found}


def test_who_answers_and_who_refuses_both_live_and_silence_is_counted() -> None:
    rude = Rude(answers=lambda unit, pdu: {1: plain, 4: has({300})}[unit](unit, pdu) if unit in (1, 4) else None)
    found, settings = scanned(rude, serial())
    assert settings == ["9600 8N1"]
    units = by_unit(found)
    assert [(u.unit, u.word, u.exception) for u in units.values()] == [(1, 256, None), (4, None, 2)]
    assert (found.heard[0].silent, found.heard[0].others, found.complete) == (6, {}, True)
    said = after(found, interrupted=False)
    assert (
        "headwater-edge probe --device FILE.yaml --kind modbus_rtu --baud-rate 9600 --parity N"
        f" --address {PORT} --unit 4" in said
    )
    assert "6 units silent" in said


def test_it_only_reads_one_holding_register_and_pauses_in_between() -> None:
    rude = Rude(answers=live(1))
    scanned(rude, serial())
    assert {pdu for _, _, pdu in rude.asked} == {b"\x03\x00\x00\x00\x01"}
    times = [at for at, _, _ in rude.asked]
    assert all(b - a >= 0.05 for a, b in pairwise(times))
    assert times[0] - rude.opened[0] >= 1.0  # it listens before it asks


def test_no_longer_than_was_said_when_nobody_answers() -> None:
    plan = plan_of(PORT, None, LineOptions(), "", False, {})
    rude = Rude(answers=live())
    found, settings = scanned(rude, plan)
    assert settings == ["9600 8N1", "19200 8E1", "9600 8E1", "19200 8N1"]
    took_s = rude.asked[-1][0] + plan.timeout_s - rude.opened[0]
    assert 0.8 * plan.most_s < took_s <= plan.most_s + 4 * plan.timeout_s
    assert "at most 97 s" in before(plan)
    assert "nobody answered: silence. See to its power, its wires (A and B swapped?)" in after(found, False)


def test_the_first_setting_that_is_answered_ends_it_unless_all_are_wanted() -> None:
    plan = plan_of(PORT, None, LineOptions(), "1-3", False, {})
    found, settings = scanned(Rude(answers=live(2)), plan)
    assert settings == ["9600 8N1"]
    assert "not tried, for units answered before: 19200 8E1, 9600 8E1, 19200 8N1 (--all does)" in after(found, False)
    whole = plan_of(PORT, None, LineOptions((9600, 19200), ("N",)), "1-3", True, {})
    found, settings = scanned(Rude(answers=live(2)), whole)
    assert settings == ["9600 8N1", "19200 8N1"]
    assert [u.unit for _, u in found.found] == [2, 2]


def test_a_unit_that_sleeps_is_found_by_its_second_question() -> None:
    seen: set[int] = set()

    def hears(unit: int, _pdu: bytes) -> bool:
        awake = unit in seen
        seen.add(unit)
        return awake

    assert list(by_unit(scanned(Rude(answers=live(3), hears=hears), serial())[0])) == [3]


def test_noise_and_damage_are_no_silence_and_no_unit() -> None:
    def bend(unit: int, _sent: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        if unit == 2:
            return [(0.0, bytes((reply[0] ^ 8, *reply[1:])))]
        return [(0.0, b"\xff\x00\x13\x37\x80\x80")] if unit == 5 else [(0.0, reply)]

    found, _ = scanned(Rude(answers=live(2, 5), bend=bend), serial())
    heard = found.heard[0]
    assert heard.found == []
    assert {unit: fault.fault for unit, fault in heard.others.items()} == {2: Fault.BAD_CRC, 5: Fault.NOISE}
    said = after(found, False)
    assert "unit 5: noise: unit 5: 6 bytes came, and no frame among them: see to speed and parity" in said
    assert "nobody answered: something speaks, but no reply came whole" in said


def test_noise_before_a_reply_does_not_hide_it() -> None:
    found, _ = scanned(Rude(answers=live(6), bend=lambda _u, _s, reply: [(0.0, b"\x00" + reply)]), serial())
    assert list(by_unit(found)) == [6]


@pytest.mark.parametrize("units", [(), (7,)])
def test_an_adapter_that_hears_itself_is_no_unit(units: tuple[int, ...]) -> None:
    def bend(_unit: int, sent: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        return [(-0.01, sent), (0.01, reply)] if reply else [(0.0, sent)]

    found, _ = scanned(Rude(answers=live(*units), bend=bend), serial())
    assert list(by_unit(found)) == list(units)
    if not units:
        assert "nobody answered: the adapter hears itself" in after(found, False)


def test_a_unit_that_answers_late_is_found_with_the_time_that_it_wants() -> None:
    rude = Rude(answers=live(2, 8), delay_s=lambda unit: 0.9 if unit == 2 else 0.01)
    found, _ = scanned(rude, serial(timeout_s=0.3))
    units = by_unit(found)
    assert sorted(units) == [2, 8]
    assert "answers after 0." in units[2].words and "timeout_s above that" in units[2].words
    assert found.heard[0].silent == 6


def test_another_master_ends_it_before_anything_is_asked() -> None:
    async def speaks(ports: list[RudePort]) -> None:
        while True:
            await asyncio.sleep(0.2)
            if ports:
                ports[-1].say_later(0.01, FRAMINGS["modbus_rtu"].encode(9, b"\x03\x00\x00\x00\x02"))

    rude = Rude(answers=live(1))
    found, _ = scanned(rude, serial(), meanwhile=speaks)
    assert rude.asked == []
    assert found.stopped is not None and found.stopped.fault is Fault.OTHER_MASTER
    assert not found.complete
    assert "stopped: other_master: somebody else asks on this line" in after(found, False)


def test_a_port_that_cannot_be_opened_is_told_at_once() -> None:
    with pytest.raises(DeviceFault, match="refused"):
        scanned(Rude(opens=lambda: False), serial())


def test_what_was_found_stands_when_it_is_ended() -> None:
    plan = serial()
    found = Scan(plan)

    async def main() -> None:
        task = asyncio.create_task(
            scan(plan, found, Told(), (), lambda bus, at: line_of(bus, at, RudePort(Rude(answers=live(1)))))
        )
        await asyncio.sleep(3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(main())
    assert list(by_unit(found)) == [1]
    assert "ended by Ctrl-C: 5 units of 9600 8N1 were not asked" in after(found, True)
    assert "--unit 1" in after(found, True)


def test_over_tcp_either_framing_is_found_out_and_a_gateway_speaks_for_the_absent() -> None:
    def answers(unit: int, pdu: bytes) -> bytes | None:
        return plain(unit, pdu) if unit == 3 else bytes((pdu[0] | 0x80, 11))

    plan = plan_of("10.0.0.7", "modbus_tcp", LineOptions(), "1-5", False, {})
    assert plan.address == "10.0.0.7:502"
    found, _ = scanned(Rude(kind="modbus_tcp", answers=answers), plan)
    assert (list(by_unit(found)), found.heard[0].behind_a_gateway) == ([3], 4)
    assert "nobody is there for 4 units" in after(found, False)


def test_a_device_that_answers_to_any_unit_is_one_device() -> None:
    found, _ = scanned(Rude(kind="modbus_tcp"), plan_of("h:502", "modbus_tcp", LineOptions(), "1-6", False, {}))
    said = after(found, False)
    assert "whichever unit is asked answers: one device that has h:502 to itself; take unit 1" in said
    assert "--unit 2" not in said


def test_a_server_that_hangs_up_after_every_reply_and_one_that_swallows_the_first_second() -> None:
    plan = plan_of("h:502", "modbus_tcp", LineOptions(), "1-5", False, {})
    rude = Rude(kind="modbus_tcp", answers=live(1, 2, 5), hangs_up=lambda: 0.0)
    assert list(by_unit(scanned(rude, plan)[0])) == [1, 2, 5]
    swallows = Rude(kind="modbus_tcp", answers=live(1))
    swallows.hears = lambda _u, _p: asyncio.get_running_loop().time() - swallows.opened[-1] > 1.0
    assert list(by_unit(scanned(swallows, plan)[0])) == [1]


def test_units_tell_who_they_are_where_a_device_file_says_how() -> None:
    def answers(unit: int, pdu: bytes) -> bytes | None:
        if unit != 4:
            return None
        return b"\x03\x04AB12" if pdu[1:] == b"\x01\x00\x00\x02" else plain(unit, pdu)

    texts = (IdentityText(name="serial", address=256, words=2),)
    found, _ = scanned(Rude(answers=answers), serial(), texts)
    assert by_unit(found)[4].identity == {"serial": "AB12"}
    assert found.as_json()["settings"][0]["units"][0]["identity"] == {"serial": "AB12"}


def test_one_unit_is_no_units() -> None:
    plan = plan_of(PORT, None, LineOptions((9600,), ("N",)), "7", False, {})
    assert before(plan).startswith(f"{PORT}: 1 unit (9600 8N1): at most ")
    assert "9600 8N1: 1 unit silent" in after(scanned(Rude(answers=live()), plan)[0], False)
    behind, _ = scanned(Rude(answers=lambda _u, pdu: bytes((pdu[0] | 0x80, 11))), plan)
    assert "nobody is there for 1 unit (exceptions 10 and 11)" in after(behind, False)
    several = plan_of(PORT, None, LineOptions((9600, 19200), ("N",)), "7", False, {})
    assert before(several).startswith(f"{PORT}: 1 unit in each of 2 settings (")
