"""Wrong device files and buses: each refuses at its line, in a sentence that says what to do; right ones load."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contract.catalogue.catalogue import Catalogue
from contract.documents import ConfigError
from host.district_folder import load
from tests.conftest import SMALL_DISTRICT

HEAD = "model: level\ndescription: d\nprotocol: {}\nperiod_s: 30\n"
NODE_BUS = "kind: node_serial\n        address: /dev/ttyS1"


def of_modbus(*registers: str, settings: str = "") -> str:
    """A device file with its first register on line 6 (later with settings); each is a YAML mapping's inside."""
    lines = "".join(f"  - {{{r}}}\n" for r in registers)
    return HEAD.format("modbus") + settings + ("registers:\n" + lines if lines else "registers: []\n")


def of_node(*registers: str) -> str:
    return of_modbus(*registers).replace("modbus", "node")


def with_level(tmp_path: Path, text: str, *, node: bool = False, gateways: tuple[str, str] = ("", "")) -> Path:
    """The small district with another file for its level gauges, on a radio bridge if it is a node's."""
    folder = tmp_path / "small"
    shutil.copytree(SMALL_DISTRICT, folder)
    (folder / "devices" / "level.yaml").write_text(text)
    path = folder / "gateways.yaml"
    said = path.read_text().replace(*gateways, 1)
    if node:  # the rain gauge beside u1 speaks Modbus: it goes to a bus of its own
        rain = "          - {id: r1-rain, model: rain, unit: 2}\n"
        said = said.replace(rain, "").replace("kind: modbus_rtu", "kind: node_serial")
        said = said.replace(
            "          - {id: u1-plc, model: plc, unit: 1}\n", "          - {id: u1-plc, model: plc, unit: 1}\n" + rain
        )
    path.write_text(said)
    return folder


def refused(folder: Path, file: str) -> list[str]:
    """Its mistakes as "line: what"; they all stand in that file."""
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert {m.file.name for m in caught.value.mistakes} == {file}, caught.value
    return [f"{m.line}: {m.what}" for m in caught.value.mistakes]


DEPTH = "name: depth, quantity: depth"


@pytest.mark.parametrize(
    ("registers", "said"),
    [
        # what it is
        (("name: depth, quantity: dept",), "6: registers.0.quantity: no quantity 'dept', did you mean 'depth'?"),
        (("name: depth, quantity: 7",), "6: registers.0.quantity: "),
        (("name: depth",), "6: registers.0.quantity: Field required"),
        (("quantity: depth",), "6: registers.0.name: Field required"),
        ((), "5: registers: "),
        ((DEPTH, "name: depth, quantity: code, address: 5"), "7: registers.1.name: another register is named 'depth'"),
        # where it stands
        ((f"{DEPTH}, address: -1",), "6: registers.0.address: Input should be greater than or equal to 0"),
        ((f"{DEPTH}, address: 65536",), "6: registers.0.address: Input should be less than or equal to 65535"),
        ((f"{DEPTH}, address: 65535, type: float32",), "6: registers.0.address: a float32 at 65535 ends at 65536"),
        ((f"{DEPTH}, address: 1.5",), "6: registers.0.address: "),
        ((f"{DEPTH}, address: yes",), "6: registers.0.address: true is no number"),
        ((f"{DEPTH}, address: .nan",), "6: registers.0.address: "),
        ((f"{DEPTH}, address: [1]",), "6: registers.0.address: "),
        ((f"{DEPTH}, table: holdings",), "6: registers.0.table: "),
        ((f"{DEPTH}, table: coil, type: float32",), "6: registers.0.type: a coil holds one bit, no float32"),
        # how it becomes a number
        ((f"{DEPTH}, type: uint24",), "6: registers.0.type: "),
        ((f"{DEPTH}, order: ABDC",), "6: registers.0.order: "),
        ((f"{DEPTH}, scale: 0",), "6: registers.0.scale: a scale of 0 would make every value the same"),
        ((f"{DEPTH}, scale: .nan",), "6: registers.0.scale: "),
        ((f"{DEPTH}, scale: .inf",), "6: registers.0.scale: "),
        ((f"{DEPTH}, offset: -.inf",), "6: registers.0.offset: "),
        ((f"{DEPTH}, decimals: 10",), "6: registers.0.decimals: "),
        ((f"{DEPTH}, decimals: -1",), "6: registers.0.decimals: "),
        ((f"{DEPTH}, missing_raw: [.nan]",), "6: registers.0.missing_raw.0: "),
        ((f"{DEPTH}, missing_raw: 65535",), "6: registers.0.missing_raw: "),
        ((f"{DEPTH}, missing_raw: [65536]",), "6: registers.0.missing_raw.0: a uint16 is never 65536: it holds whole"),
        ((f"{DEPTH}, missing_raw: [1, -1]",), "6: registers.0.missing_raw.1: a uint16 is never -1"),
        ((f"{DEPTH}, type: int16, missing_raw: [65536]",), "6: registers.0.missing_raw.0: a int16 is never 65536"),
        ((f"{DEPTH}, missing_raw: [0.5]",), "6: registers.0.missing_raw.0: a uint16 is never 0.5"),
        # what holds for its channels
        (
            (f"{DEPTH}, quality: {{fail_range: [5, 0]}}",),
            "6: registers.0.quality.fail_range: 5 to 0 leaves no value in",
        ),
        ((f"{DEPTH}, quality: {{fail_range: [0]}}",), "6: registers.0.quality.fail_range.1: "),
        ((f"{DEPTH}, quality: {{suspect_range: [1, 1]}}",), "6: registers.0.quality.suspect_range: 1 to 1 leaves"),
        ((f"{DEPTH}, quality: {{rate_per_s: -1}}",), "6: registers.0.quality.rate_per_s: "),
        ((f"{DEPTH}, reporting: {{deadband: -1}}",), "6: registers.0.reporting.deadband: "),
        ((f"{DEPTH}, reporting: {{deadband: .nan}}",), "6: registers.0.reporting.deadband: "),
        # two of them
        (
            (f"{DEPTH}, address: 0, type: float32", "name: other, quantity: stage, address: 1, type: float32"),
            "7: registers.1.address: 'other' begins within 'depth' (float32 at 0, to 1) and ends behind it",
        ),
        (
            (f"{DEPTH}, address: 8", "name: again, quantity: depth, address: 8"),
            "7: registers.1.address: 'depth' is the same value from the same place: give 'again' its own address",
        ),
        # numbers that YAML reads otherwise than they are written
        ((f"{DEPTH}, address: 010",), "6: 010 begins with 0 and would be read to base 8: write 10, or quotes"),
        ((f"{DEPTH}, missing_raw: [0017]",), "6: 0017 begins with 0"),
        # one typing error, one message
        ((f"{DEPTH}, adress: 5",), "6: registers.0.adress: there is no such setting here"),
        (("name: depth, quantitty: depth",), "6: registers.0.quantitty: there is no such setting here, did you mean"),
        ((f"{DEPTH}, missing_raw: [1, x, y]",), "6: registers.0.missing_raw.1: 'x' is no number"),
        ((f"{DEPTH}, calibration: [0, 1]",), "6: registers.0.calibration.0: this is a list"),
        ((f"{DEPTH}, quality: {{fail_range: [0 5]}}",), "6: registers.0.quality.fail_range.0: "),
        # a bit of a word, and settings that do not go together
        ((f"{DEPTH}, type: bit",), "6: registers.0.type: a register of table holding is a word of 16 bits: say which"),
        ((f"{DEPTH}, table: coil, bit: 3",), "6: registers.0.bit: a coil holds one bit: bit is for a word of holding"),
        ((f"{DEPTH}, address: 1, parts: [{{address: 2}}]",), "6: registers.0.address: a register with parts has no"),
        ((f"{DEPTH}, parts: []",), "6: registers.0.parts: the list is empty"),
        (
            (f"{DEPTH}, table: coil, valid_if: [{{address: 2, type: uint32, good: [0]}}]",),
            "6: registers.0.valid_if.0.t",
        ),
        ((f"{DEPTH}, valid_if: [{{address: 2}}]",), "6: registers.0.valid_if.0: say which codes are good: [...], or"),
        ((f"{DEPTH}, valid_if: [{{address: 2, good: [70000, x]}}]",), "6: registers.0.valid_if.0.good.1: 'x' is no"),
        ((f"{DEPTH}, values: {{}}",), "6: registers.0.values: the table is empty"),
        ((f"{DEPTH}, values: {{70000: 1}}",), "6: registers.0.values.70000: a uint16 is never 70000"),
        ((f"{DEPTH}, values: {{1: 1}}, scale: 2",), "6: registers.0.scale: values say what each raw value means"),
        ((f"{DEPTH}, type: float32, values: {{1: 1}}",), "6: registers.0.values: a float32 has no codes to name"),
        ((f"{DEPTH}, other: 0",), "6: registers.0.other: other is for raw values that `values` does not name"),
        (
            (f"{DEPTH}, scale_from: {{address: 9, power_of_ten: true, factors: {{0: 1}}}}",),
            "6: registers.0.scale_from.power_of_ten: a factor is either looked up or a power of ten",
        ),
        ((f"{DEPTH}, counts: tips",), "6: registers.0.counts: counts says what a rain gauge counts, and depth is no"),
        (
            (f"{DEPTH}, scale: 0.001, quality: {{fail_range: [100, 200]}}",),
            "6: registers.0.quality.fail_range: no value",
        ),
        ((f"{DEPTH}, quality: {{spike: {{suspect: 2, fail: 1}}}}",), "6: registers.0.quality.spike.fail: a spike of 1"),
        (
            (f"{DEPTH}, quality: {{flat_line: {{suspect_s: 60, fail_s: 30, tolerance: 0}}}}",),
            "6: registers.0.quality.flat_line.fail_s: 30 s would fail before 60 s are suspect",
        ),
        (
            ("name: r, quantity: rain_total, scale: 0.1, quality: {rain_gauge: {tip_mm: 0.1, wraps_at_mm: 13107.2}}",),
            "6: registers.0.quality.rain_gauge.wraps_at_mm: raw values end at 65535",
        ),
        (("name: rain, quantity: rain_total, mounting_height_m: 3",), "6: registers.0.mounting_height_m: "),
        # what belongs to another protocol
        ((f"{DEPTH}, field: depth",), "6: registers.0.field: there is no such setting here"),
    ],
)
def test_a_wrong_register_map_is_refused_at_its_line(tmp_path: Path, registers: tuple[str, ...], said: str) -> None:
    found = refused(with_level(tmp_path, of_modbus(*registers)), "level.yaml")
    assert [m for m in found if m.startswith(said)], found
    assert len(found) == 1, found


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "examples: [{register: depth, words: [0, 0], value: 1, origin: example in the manual}]",
            "5: examples.0.value: ",
        ),
        ("examples: [{register: dept, words: [0, 0], value: 0, origin: example in the manual}]", "5: examples.0.reg"),
        ("examples: [{register: depth, words: [0], value: 0, origin: example in the manual}]", "5: examples.0.words: "),
        ("examples: [{register: depth, words: [0, 0], value: 0, origin: guessed}]", "5: examples.0.origin: "),
        ("identity: [{name: serial, address: 9, words: 126}]", "5: identity.0.words: "),
        ("document: {title: t, edition: e}", "5: document.page: "),
        ("max_registers_per_read: 0", "5: max_registers_per_read: "),
        ("max_registers_per_read: 126", "5: max_registers_per_read: "),
        ("max_gap: 65", "5: max_gap: "),
        ("timeout_s: 0", "5: timeout_s: "),
        ("timeout_s: .nan", "5: timeout_s: "),
        ("timeout_s: soon", "5: timeout_s: "),
        (
            "max_registers_per_read: 1",
            "7: registers.0.type: a float32 takes 2 registers, and max_registers_per_read is 1",
        ),
        ("max_registres: 3", "5: max_registres: "),
    ],
)
def test_a_wrong_setting_of_a_device_file_is_refused_at_its_line(tmp_path: Path, setting: str, said: str) -> None:
    text = of_modbus(f"{DEPTH}, type: float32", settings=setting + "\n")
    (found,) = refused(with_level(tmp_path, text), "level.yaml")
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("modbuss", "3: protocol: no protocol 'modbuss', did you mean 'modbus'? There are 'modbus', 'node'"),
        ("Modbus", "3: protocol: no protocol 'Modbus', did you mean 'modbus'? There are 'modbus', 'node'"),
        ("profibus", "3: protocol: no protocol 'profibus'"),
        ("[modbus]", "3: protocol: say which protocol the device speaks: modbus, node"),
        ("", "3: protocol: say which protocol the device speaks: modbus, node"),
    ],
)
def test_an_unknown_protocol_is_refused_with_those_there_are(tmp_path: Path, protocol: str, said: str) -> None:
    text = of_modbus(DEPTH).replace("protocol: modbus", f"protocol: {protocol}")
    (found,) = refused(with_level(tmp_path, text), "level.yaml")
    assert found.startswith(said)


def test_a_file_that_names_no_protocol_is_told_so(tmp_path: Path) -> None:
    text = of_modbus(DEPTH).replace("protocol: modbus\n", "")
    (found,) = refused(with_level(tmp_path, text), "level.yaml")
    assert found == "1: protocol: say which protocol the device speaks: modbus, node"


@pytest.mark.parametrize(
    ("registers", "said"),
    [
        ((f"{DEPTH}, address: 4",), "6: registers.0.address: there is no such setting here"),
        ((f"{DEPTH}, field: level",), "6: registers.0.field: "),
        (("name: depth, quantity: stage",), "6: registers.0.quantity: which field of the node's frames is the stage?"),
        (
            ("name: cell, quantity: battery, field: battery",),
            "6: registers.0.field: field battery is in V, battery in %: name a quantity in V, or another field: depth",
        ),
        (
            (DEPTH, "name: river, quantity: stage, field: depth"),
            "7: registers.1: 'depth' takes the field depth already: leave one of the two out",
        ),
    ],
)
def test_a_wrong_file_of_a_node_is_refused_at_its_line(tmp_path: Path, registers: tuple[str, ...], said: str) -> None:
    (found,) = refused(with_level(tmp_path, of_node(*registers), node=True), "level.yaml")
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "kind: modbus_rtu",
            "kind: modbus_rtx",
            "6: gateways.0.buses.0.kind: no kind of bus 'modbus_rtx', did you mean",
        ),
        ("kind: modbus_rtu", "kind: 3", "6: gateways.0.buses.0.kind: no kind of bus '3'; there are 'modbus_tcp'"),
        ("kind: modbus_rtu", "kind: [modbus_rtu]", "6: gateways.0.buses.0.kind: no kind of bus"),
        (
            "        kind: modbus_rtu\n",
            "",
            "5: gateways.0.buses.0.kind: say which kind of bus it is: modbus_tcp, modbus_rtu",
        ),
        ("address: /dev/ttyS1", "address: /dev/ttyS1\n        baud_rate: 10", "8: gateways.0.buses.0.baud_rate: "),
        ("address: /dev/ttyS1", "address: /dev/ttyS1\n        baud_rate: .nan", "8: gateways.0.buses.0.baud_rate: "),
        ("address: /dev/ttyS1", "address: /dev/ttyS1\n        baud_rate: 5000000", "8: gateways.0.buses.0.baud_rate: "),
        ("address: /dev/ttyS1", "address: /dev/ttyS1\n        parity: X", "8: gateways.0.buses.0.parity: "),
        ("address: /dev/ttyS1", "address: /dev/ttyS1\n        stop_bits: 3", "8: gateways.0.buses.0.stop_bits: "),
        ("address: 127.0.0.1:1502", "address: 127.0.0.1:70000", "13: gateways.0.buses.1.address: no port 70000"),
        ("address: 127.0.0.1:1502", "address: localhost:655360", "13: gateways.0.buses.1.address: no port 655360"),
        ("model: rain, unit: 2", "model: rain, unit: 010", "10: 010 begins with 0"),
        ("model: rain, unit: 2", "model: rain, unitt: 2", "10: gateways.0.buses.0.devices.1.unitt: there is no such"),
        (
            "address: 127.0.0.1:1502",
            "address: 127.0.0.1:1502\n        baud_rate: 9600",
            "14: gateways.0.buses.1.baud_rate: ",
        ),
        (
            "model: rain, unit: 2",
            "model: rain, unit: 60000",
            "10: gateways.0.buses.0.devices.1.unit: no Modbus unit 60000",
        ),
        ("model: rain, unit: 2", "model: rain, unit: 0", "10: gateways.0.buses.0.devices.1.unit: no Modbus unit 0"),
        ("model: rain, unit: 2", "model: rain, unit: 248", "10: gateways.0.buses.0.devices.1.unit: no Modbus unit 248"),
        ("model: rain, unit: 2", "model: rain, unit: -1", "10: gateways.0.buses.0.devices.1.unit: no Modbus unit -1"),
        ("model: rain, unit: 2", "model: rain, unit: 1.5", "10: gateways.0.buses.0.devices.1.unit: "),
        ("model: rain, unit: 2", "model: rain, unit: yes", "10: gateways.0.buses.0.devices.1.unit: true is no number"),
        ("model: rain, unit: 2", "model: rain, unit: [2]", "10: gateways.0.buses.0.devices.1.unit: "),
        ("model: rain, unit: 2", "model: rain", "10: gateways.0.buses.0.devices.1.unit: Field required"),
        ("model: plc, unit: 1", "model: plc, unit: 254", "15: gateways.0.buses.1.devices.0.unit: no Modbus unit 254"),
        ("model: plc, unit: 1", "model: plc, unit: 256", "15: gateways.0.buses.1.devices.0.unit: no Modbus unit 256"),
    ],
)
def test_a_wrong_bus_or_address_is_refused_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    level = (SMALL_DISTRICT / "devices" / "level.yaml").read_text()
    (found,) = refused(with_level(tmp_path, level, gateways=(old, new)), "gateways.yaml")
    assert found.startswith(said)


def test_a_device_on_a_bus_that_does_not_carry_its_protocol_is_refused_at_its_line(tmp_path: Path) -> None:
    found = refused(with_level(tmp_path, of_node(DEPTH)), "gateways.yaml")
    assert found == [
        f"{line}: model 'level' speaks node, which does not run on bus '{bus}' of kind modbus_rtu: put '{device}' "
        "on a bus of kind node_serial, or name a model that speaks modbus"
        for line, bus, device in ((9, "gw-1-rtu", "u1-level"), (23, "gw-2-rtu", "s1-level"))
    ]


def level_of(folder: Path) -> tuple[Catalogue, object]:
    catalogue = load(folder)
    return catalogue, catalogue.channels[101].register


@pytest.mark.parametrize(
    "registers",
    [
        (DEPTH,),
        (f"{DEPTH}, address: 65534, type: float32",),
        (f"{DEPTH}, table: coil",),  # a word of a coil is its bit
        (f"{DEPTH}, type: float32, missing_raw: [-9999.5]",),
        (f"{DEPTH}, type: int16, missing_raw: [-1, -32768]",),
        (
            f"{DEPTH}, address: 4, type: uint32",
            "name: high, quantity: code, address: 4",
            "name: low, quantity: code, address: 5",
        ),
        (f"{DEPTH}, address: 4", "name: code, quantity: code, address: 4"),
        (f"{DEPTH}, address: 4", "name: input, quantity: depth, address: 4, table: input"),
        (f"{DEPTH}, scale: -0.001, offset: 3.5",),
        (f"{DEPTH}, address: '4'",),
    ],
)
def test_whatever_may_be_meant_loads(tmp_path: Path, registers: tuple[str, ...]) -> None:
    _, register = level_of(with_level(tmp_path, of_modbus(*registers)))
    assert getattr(register, "name", "") == "depth"


@pytest.mark.parametrize("unit", [1, 247, 255, 0])
def test_a_device_with_a_port_of_its_own_may_be_unit_0_or_255(tmp_path: Path, unit: int) -> None:
    level = (SMALL_DISTRICT / "devices" / "level.yaml").read_text()
    folder = with_level(tmp_path, level, gateways=("model: plc, unit: 1", f"model: plc, unit: {unit}"))
    assert load(folder).channels[102].device.unit == unit


def test_a_node_file_as_it_always_was_means_what_it_meant(tmp_path: Path) -> None:
    text = of_node(DEPTH, "name: battery, quantity: voltage")
    catalogue, register = level_of(with_level(tmp_path, text, node=True))
    assert [str(getattr(r, "source", "")) for r in catalogue.models["level"].registers] == ["depth", "battery"]
    assert catalogue.channels[101].unit == "m"
    assert register is catalogue.models["level"].registers[0]


def test_a_node_may_measure_a_stage(tmp_path: Path) -> None:
    _, register = level_of(with_level(tmp_path, of_node("name: depth, quantity: stage, field: depth"), node=True))
    assert str(getattr(register, "source", "")) == "depth"
