"""Every example of docs/device-files.md loads and comes out, every key is explained, every refusal is as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from contract.catalogue.devices import SourceDocument
from contract.catalogue.instruments import Instrument
from contract.documents import Document, validate
from firmware_bridge.modbus import Example, IdentityText, ModbusModel, RtuDevice
from firmware_bridge.modbus_register import Condition, ModbusRegister, Part, ScaleFrom
from host.yaml_config import read_yaml

PAGE = (Path(__file__).parents[2] / "docs" / "device-files.md").read_text()
HEAD = "model: m\ndescription: d\nprotocol: modbus\nperiod_s: 30\n"
FILES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
REFUSED = re.findall(r"^\| `([^|]*)` \| `([^|]*)` \|$", PAGE.split("## What check refuses")[1], re.MULTILINE)


def document_of(text: str, tmp_path: Path) -> Document:
    file = tmp_path / "m.yaml"
    file.write_text(text if text.startswith("model:") else HEAD + text)
    return read_yaml(file)


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_an_example_loads_and_comes_out(text: str, tmp_path: Path) -> None:
    document = document_of(text, tmp_path)
    model = validate(document, ModbusModel)
    assert model is not None, [str(m) for m in document.mistakes]
    told = {e.register_name for e in model.examples}
    assert model.identity or told == {r.name for r in model.registers}


def test_there_are_examples_of_all_of_it() -> None:
    assert len(FILES) == 9
    assert len(REFUSED) == 8


def test_the_instruments_settings_are_settings() -> None:
    (text,) = re.findall(r"```yaml gateways\n(.*?)```", PAGE, re.DOTALL)
    devices = [RtuDevice.model_validate(d) for d in yaml.safe_load(text)["devices"]]
    said = {key for d in devices for own in d.registers.values() for key in own.model_fields_set}
    assert said == set(Instrument.model_fields) - {"scale"}
    model = ModbusModel.model_validate(yaml.safe_load(FILES[0]))
    level, bridge = (model.registers[0].of_instrument(d.registers["depth"]) for d in devices[:2])
    assert bridge.quality_trouble(bridge.quality)  # metres above datum are none of the model's range
    assert level.placed(1.234) == pytest.approx(2.178)
    assert bridge.placed(1.0) == pytest.approx(85.27)
    assert (bridge.offset, level.period_s) == (-0.003, 10)


@pytest.mark.parametrize(
    "model",
    [ModbusModel, ModbusRegister, Part, ScaleFrom, Condition, Instrument, Example, IdentityText, SourceDocument],
    ids=lambda m: m.__name__,
)
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    keys = [field.alias or name for name, field in model.model_fields.items()]
    missing = [k for k in keys if not re.search(rf"`[^`\n]*\b{k}\b[^`\n]*`|^\s*(- \{{)?.*\b{k}:", PAGE, re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize(("settings", "said"), REFUSED)
def test_a_refusal_is_as_the_page_says(settings: str, said: str, tmp_path: Path) -> None:
    document = document_of(f"registers:\n  - {{name: r, quantity: depth, {settings}}}\n", tmp_path)
    found: Any = validate(document, ModbusModel)
    assert found is None
    (mistake,) = document.mistakes
    assert mistake.line == 6
    assert said in mistake.what
