"""What a scan asks, from what the technician typed."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.technician.scan_plan import LineOptions, NoPlan, ScanPlan, plan_of


def plan(address: str, units: str = "", kind: str | None = None, whole: bool = False, **line: Any) -> ScanPlan:
    return plan_of(address, kind, LineOptions(**line), units, whole, {})


def test_the_quiet_default_on_a_serial_port() -> None:
    found = plan("/dev/ttyUSB0")
    assert [s.form for s in found.settings] == ["9600 8N1", "19200 8E1", "9600 8E1", "19200 8N1"]
    assert all(s.units == tuple(range(1, 33)) and s.kind == "modbus_rtu" for s in found.settings)
    assert not found.every


def test_all_is_every_speed_parity_and_unit() -> None:
    found = plan("/dev/ttyUSB0", whole=True)
    assert len(found.settings) == 32
    assert found.settings[0].units == tuple(range(1, 248))
    assert found.most_s > 3600


def test_what_is_known_is_all_that_is_asked() -> None:
    found = plan("/dev/ttyS1", units="1-3,40,2", baud_rates=(4800,), parities=("O",), stop_bits=2)
    assert [(s.form, s.units) for s in found.settings] == [("4800 8O2", (1, 2, 3, 40))]
    assert found.settings[0].options == "--kind modbus_rtu --baud-rate 4800 --parity O --stop-bits 2"
    assert [s.form for s in plan("/dev/ttyS1", baud_rates=(4800,)).settings] == ["4800 8N1", "4800 8E1"]
    assert [s.form for s in plan("/dev/x", kind="modbus_ascii", parities=("E",)).settings] == ["9600 7E1", "19200 7E1"]


@pytest.mark.parametrize(
    ("typed", "address"),
    [("10.0.0.7", "10.0.0.7:502"), ("plc:4001", "plc:4001"), ("[fe80::1]", "[fe80::1]:502"), ("[::1]:5", "[::1]:5")],
)
def test_an_address_without_a_port_is_modbus_own(typed: str, address: str) -> None:
    found = plan(typed)
    assert found.address == address
    assert [s.kind for s in found.settings] == ["modbus_tcp", "modbus_rtu_over_tcp"]
    assert found.settings[0].units[-2:] == (255, 0)
    assert found.settings[1].units == tuple(range(1, 33))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"address": "/dev/ttyS1", "units": "0-5"}, "on a serial line units are 1 to 247, not 0"),
        ({"address": "/dev/ttyS1", "units": "5-1"}, "no list of units"),
        ({"address": "/dev/ttyS1", "units": "a"}, "no list of units"),
        ({"address": "/dev/ttyS1", "parities": ("X",)}, "no parity 'X'"),
        ({"address": "/dev/ttyS1", "baud_rates": (7,)}, "greater than or equal to 300"),
        ({"address": "/dev/ttyS1", "kind": "modbus_tcp"}, "/dev/ttyS1 is a serial port"),
        ({"address": "h:1", "kind": "modbus_rtu"}, "h:1 is an address HOST:PORT"),
        ({"address": "h:1", "parities": ("N",)}, "speed and parity are of a serial port"),
        ({"address": "h:99999"}, "99999"),
    ],
)
def test_what_cannot_be_scanned_is_refused_with_what_can(given: dict[str, Any], words: str) -> None:
    with pytest.raises(NoPlan, match=words):
        plan(**given)
