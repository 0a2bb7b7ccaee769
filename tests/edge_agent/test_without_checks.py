from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from contract.catalogue.channel_settings import Quality
from contract.catalogue.devices import Device
from edge_agent.without_checks import load_models_without_checks
from firmware_bridge.protocols import PROTOCOLS
from host.district_folder import load
from tests.edge_agent.looked_at import looked_at

_DISTRICTS = sorted(p.parent for p in Path("configs/districts").glob("*/gateways.yaml"))

_BEGIN = """
import pickle, sys
import edge_agent.process  # as an agent begins: nothing of it may load the library
from edge_agent.without_checks import load_models_without_checks
load_models_without_checks()
"""
_LOOK = (
    _BEGIN
    + """
from tests.edge_agent.looked_at import looked_at
print(looked_at(pickle.load(sys.stdin.buffer)))
"""
)


def _python(program: str, given: bytes = b"") -> str:
    done = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().rstrip("\n")


@pytest.mark.parametrize("district", _DISTRICTS, ids=lambda p: p.name)
def test_what_was_checked_looks_the_same_without_the_checker(district: Path) -> None:
    catalogue = load(district)
    assert _python(_LOOK, pickle.dumps(catalogue)) == looked_at(catalogue)


_ALL = (
    _BEGIN
    + """
import importlib
import edge_agent.agent
from edge_agent.drivers.table import MODULES
for module in MODULES.values():
    importlib.import_module(module)
print([m for m in sys.modules if m.startswith(("pydantic.", "pydantic_core."))], sys.modules["pydantic"].__spec__)
"""
)


def test_all_that_an_agent_may_load_does_without_it() -> None:
    assert _python(_ALL) == "[] None"


_USE = (
    _BEGIN
    + """
from contract.catalogue.channel_settings import Quality
from contract.catalogue.protocols import kind_of
from firmware_bridge.protocols import PROTOCOLS
device, default = pickle.load(sys.stdin.buffer)
assert default == Quality.model_construct() and hash(default) == hash(Quality.model_construct())
assert default != Quality.model_construct().model_copy(update={"rate_per_s": 1.0})
other = device.model_copy(update={"id": "b", "period_s": 5.0})
assert (device.id, device.period_s, other.id, other.period_s, other.unit) == ("a", None, "b", 5.0, 7)
try:
    other.id = "c"
except AttributeError as error:
    assert "frozen" in str(error)
else:
    raise AssertionError("not frozen")
print({kind: model.__name__ for kind, model in PROTOCOLS.bus_models.items()})
"""
)


def test_defaults_copies_and_kinds_of_bus_are_as_with_it() -> None:
    given = pickle.dumps((Device(id="a", model="m", unit=7), Quality()))
    assert _python(_USE, given) == str({kind: model.__name__ for kind, model in PROTOCOLS.bus_models.items()})


def test_it_is_too_late_once_the_library_is_loaded() -> None:
    with pytest.raises(RuntimeError, match="pydantic is loaded already"):
        load_models_without_checks()
