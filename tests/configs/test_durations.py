"""Every duration that a file may give has an end: 1e308 seconds passed `check`, and stopped who reckoned with them. And
none is so short that it is nothing in the milliseconds that times are counted in: 1e-300 passed, too."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError

from cloud.config import ConfigFile as CloudFile
from contract.catalogue.devices import DeviceModel, GatewaysFile
from contract.catalogue.places import DistrictFile
from contract.catalogue.plan import ResponsePlanFile
from contract.catalogue.rules import RulesFile
from contract.settings_model import LEAST_DAYS, Days, Seconds, SettingsModel
from edge_agent.config import ConfigFile as AgentFile
from firmware_bridge.protocols import PROTOCOLS

ROOTS = (CloudFile, AgentFile, DistrictFile, GatewaysFile, RulesFile, ResponsePlanFile, DeviceModel)
UNITS = ("s", "ms", "min", "h", "days")


def parts(annotation: Any) -> list[Any]:
    """An annotation and all that is in it."""
    return [annotation, *(deep for part in get_args(annotation) for deep in parts(part))]


def models(root: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name not in found:
            found[name] = kind
            inside = [p for f in kind.model_fields.values() for p in parts(f.annotation)]
            waiting += [p for p in inside if isinstance(p, type) and issubclass(p, BaseModel)]
    return found


ALL = {name: kind for root in ROOTS for name, kind in models(root).items()}


def durations() -> list[tuple[str, str]]:
    out = []
    for name, kind in ALL.items():
        for field, info in kind.model_fields.items():
            rate = field.rpartition("_")[0].endswith("per")
            if field.rpartition("_")[2] in UNITS and not rate and float in parts(info.annotation):
                out.append((name, field))
    return sorted(out)


def test_there_are_some():
    assert PROTOCOLS
    assert len(durations()) > 30


def bounds_of(name, field):
    info = ALL[name].model_fields[field]
    bounds = [*info.metadata, *(m for p in parts(info.annotation) for m in getattr(p, "__metadata__", ()))]
    return bounds + [m for b in bounds for m in getattr(b, "metadata", ())]


@pytest.mark.parametrize(("name", "field"), durations())
def test_every_duration_ends(name, field):
    bounds = bounds_of(name, field)
    assert any(isinstance(b, Le | Lt) for b in bounds), f"{name}.{field} has no upper bound"


@pytest.mark.parametrize(("name", "field"), durations())
def test_every_duration_is_0_or_long_enough_to_be_counted(name, field):
    found = bounds_of(name, field)
    assert not [b for b in found if isinstance(b, Gt)], f"{name}.{field} may be as short as nobody can count"
    assert any(isinstance(b, Ge) and (b.ge == 0 or b.ge >= LEAST_DAYS) for b in found), f"{name}.{field}"


class Long(SettingsModel):
    for_s: Seconds = 1.0
    days: Days = 1.0


@pytest.mark.parametrize(
    "value", [1e308, 1e14, float("inf"), float("nan"), -1, 0, -0.0, "1e400", 1e-300, 366 * 86_400 + 1]
)
@pytest.mark.parametrize("field", ["for_s", "days"])
def test_what_is_no_duration_is_refused(field, value):
    with pytest.raises(ValidationError):
        Long.model_validate({field: value})
