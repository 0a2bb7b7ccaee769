"""The table of protocols: whole, without contradictions, and what it says of names that are none."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest

from contract.catalogue.devices import Bus, DeviceModel, SerialBus, TcpBus, kind_of
from contract.catalogue.protocols import ProtocolDefinition, Protocols
from contract.refusing import no_such


class ABus(Bus):
    protocol: ClassVar[str] = "a"
    kind: Literal["a_line"] = "a_line"


class BBus(Bus):
    protocol: ClassVar[str] = "b"
    kind: Literal["a_line"] = "a_line"


A = ProtocolDefinition("a", DeviceModel, (ABus,))


def test_it_finds_a_protocol_by_name_and_a_bus_by_kind() -> None:
    table = Protocols((A,))
    assert (table.by_name, table.bus_models) == ({"a": A}, {"a_line": ABus})
    assert kind_of(ABus) == "a_line"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (ProtocolDefinition("a", DeviceModel, ()), "two protocols are named 'a'"),
        (ProtocolDefinition("b", DeviceModel, (BBus,)), "two protocols have buses of kind 'a_line'"),
        (ProtocolDefinition("c", DeviceModel, (BBus,)), "BBus.protocol is 'b', its definition's 'c'"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(second: ProtocolDefinition, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Protocols((A, second))


def test_what_is_near_a_name_is_offered() -> None:
    assert no_such("fish", "herrin", ["cod", "herring"]) == (
        "no fish 'herrin', did you mean 'herring'? There are 'cod', 'herring'"
    )
    assert no_such("fish", "x" * 1000, ["cod"]) == f"no fish '{'x' * 64}'; there are 'cod'"


@pytest.mark.parametrize(
    ("bus", "address", "said"),
    [
        (TcpBus, "10.0.0.1:502", ""),
        (TcpBus, "[fe80::1]:502", ""),
        (TcpBus, "plc.example:65535", ""),
        (TcpBus, "10.0.0.1", "'10.0.0.1' is not host:port, such as 192.168.10.11:502"),
        (TcpBus, "10.0.0.1:0", "'10.0.0.1:0' is not host:port, such as 192.168.10.11:502"),
        (TcpBus, "10.0.0.1:65536", "'10.0.0.1:65536' is not host:port, such as 192.168.10.11:502"),
        (TcpBus, "10.0.0.1:5o2", "'10.0.0.1:5o2' is not host:port, such as 192.168.10.11:502"),
        (TcpBus, ":502", "':502' is not host:port, such as 192.168.10.11:502"),
        (TcpBus, "", "'' is not host:port, such as 192.168.10.11:502"),
        (SerialBus, "/dev/ttyS1", ""),
        (SerialBus, "", "no address: say which port it is on"),
        (SerialBus, "socket://10.0.0.1:502", ""),
        (SerialBus, "/dev/serial/by-path/pci-0000:00:14", ""),
        (
            SerialBus,
            "10.0.0.1:502",
            "'10.0.0.1:502' is a host and a port: the kind of such a bus ends in _tcp; a serial port is /dev/...",
        ),
    ],
)
def test_where_a_bus_can_be(bus: type[Bus], address: str, said: str) -> None:
    assert bus.address_trouble(address) == said
