"""The device files that come with Headwater: each loads, and that of a maker's instrument says where it is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.documents import validate
from firmware_bridge.modbus import ModbusModel
from firmware_bridge.protocols import PROTOCOLS
from host.yaml_config import read_yaml

FILES = sorted((Path(__file__).parents[2] / "configs" / "devices").glob("*.yaml"))
# Of no maker: what the simulated plant has.
SIMULATED = {"hw-node-1", "plc-pump-2", "pt-level-20", "pt-stage-30", "tb-rain-01", "tb-rain-02", "us-level-60"}


def loaded(file: Path) -> object:
    document = read_yaml(file)
    model = validate(document, PROTOCOLS.by_name[document.data["protocol"]].device_file)
    assert not document.mistakes, [str(m) for m in document.mistakes]
    return model


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_it_loads_and_is_what_its_name_says(file: Path) -> None:
    assert getattr(loaded(file), "model", "") == file.stem


@pytest.mark.parametrize("file", [f for f in FILES if f.stem not in SIMULATED], ids=lambda f: f.stem)
def test_a_makers_instrument_names_its_document_and_has_an_example_of_each_register(file: Path) -> None:
    model = loaded(file)
    assert isinstance(model, ModbusModel)
    assert model.document is not None
    assert all((model.document.title, model.document.edition, model.document.page))
    assert {e.register_name for e in model.examples} == {r.name for r in model.registers}
    assert all(e.page for e in model.examples if e.origin == "example in the manual")


def test_there_are_some_of_every_kind() -> None:
    documented = [m for m in map(loaded, FILES) if isinstance(m, ModbusModel) and m.document is not None]
    quantities = {r.quantity.value for m in documented for r in m.registers}
    assert len(documented) >= 15
    assert {"rain_total", "depth", "stage", "flow", "pump_running", "pump_fault", "power", "voltage"} <= quantities
