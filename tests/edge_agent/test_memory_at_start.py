"""What a running agent must not load: each costs memory that it keeps (docs/decisions/edge-memory.md)."""

from __future__ import annotations

import json
import subprocess
import sys

from contract.catalogue.channel_settings import Quality, Reporting
from edge_agent.config import UplinkSettings
from edge_agent.uplink.outbox import OutboxSettings

_LOOK = """
import json, sys
from edge_agent.without_checks import load_models_without_checks
load_models_without_checks()
from edge_agent.later import load_when_used
from edge_agent.process import UNUSED
load_when_used(UNUSED)
import edge_agent.agent, edge_agent.drivers.modbus
from contract.catalogue.channel_settings import Quality
from contract.quality.tests import QualityTests
from edge_agent.config import UplinkSettings

UplinkSettings.model_construct().outbox()
QualityTests([1, 2], [Quality.model_construct()] * 2, [1.0, 1.0])
never = ("pydantic.main", "pydantic_core._pydantic_core", "numpy.ma", "serial", "yaml", "typer", "http.client",
         "importlib.metadata", "email")
print(json.dumps([m for m in never if m in sys.modules]))
"""


def test_it_loads_no_module_that_it_never_needs() -> None:
    said = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == []


def test_settings_that_were_not_checked_are_those_that_would_be() -> None:
    for model in (Quality, Reporting, UplinkSettings):
        assert model.model_construct() == model()
    assert UplinkSettings(window=5, bytes_per_day=200_000).outbox() == OutboxSettings(window=5, bytes_per_day=200_000)


_LATER = """
import sys
from edge_agent.later import load_when_used
load_when_used("urllib.request")
import urllib.request
assert "http.client" not in sys.modules
assert urllib.request.Request("http://a.example/b").host == "a.example"
from urllib.request import getproxies
load_when_used("urllib.request")
assert urllib.request is sys.modules["urllib.request"] and urllib.request.getproxies is getproxies
"""


def test_what_is_loaded_later_is_there_when_it_is_used() -> None:
    subprocess.run([sys.executable, "-c", _LATER], check=True)
