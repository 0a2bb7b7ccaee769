"""Which channels say how pumps are, and what is shown of what is unknown."""

from __future__ import annotations

from dataclasses import replace

from cloud.overview.pumps import PumpChannels, PumpStationChannels, pump_channels, pumps_state
from host.district_folder import load
from simulators.cli.main import DISTRICT


def test_pumps_are_found_by_what_their_channels_measure() -> None:
    catalogue = load(DISTRICT)
    u3 = catalogue.stations["u3"]
    expected = PumpStationChannels(311, 316, (PumpChannels(312, 314, 317), PumpChannels(313, 315, 318)))
    assert pump_channels(catalogue, u3) == expected
    other_names = {
        n: replace(c, register=c.register.model_copy(update={"name": f"x{n}"})) for n, c in catalogue.channels.items()
    }
    assert pump_channels(replace(catalogue, channels=other_names), u3) == expected
    assert pump_channels(catalogue, catalogue.stations["s1"]) is None
    no_mains = u3.model_copy(update={"channels": tuple(c for c in u3.channels if c.id not in (316, 315, 317, 318))})
    only_one_fault = PumpStationChannels(311, None, (PumpChannels(312, 314, None), PumpChannels(313, None, None)))
    assert pump_channels(catalogue, no_mains) == only_one_fault


def test_what_is_unknown_of_a_pump_is_not_shown_as_its_last_value() -> None:
    catalogue = load(DISTRICT)
    u3 = catalogue.stations["u3"]
    channels = pump_channels(catalogue, u3)
    assert channels is not None
    latest = {n: {"value": 1.0, "state": "good"} for n in channels.numbers()}
    latest |= {311: {"value": 2.5, "state": "suspect"}, 313: {"value": 1.0, "state": "unknown"}}
    assert pumps_state("u3", channels, latest) == {
        "station": "u3",
        "wet_well_m": 2.5,
        "mains": 1.0,
        "pumps": [{"running": 1.0, "fault": 1.0, "hours": 1.0}, {"running": None, "fault": 1.0, "hours": 1.0}],
    }
