"""What may stand in a district's `district.yaml`: the district, its zones and sub-districts, stations and channels.

`contract.catalogue.loader` checks them against one another and against the other files.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contract.catalogue.channel_settings import Quality, Reporting
from contract.catalogue.names import Name, NameText
from contract.refusing import refusal
from contract.settings_model import Id, Many, NotNegative, Positive, SettingsModel


class StationKind(StrEnum):
    """What a station stands at; rules may mean all stations of a kind."""

    STREET = "street"
    UNDERPASS = "underpass"
    SUBWAY_ENTRANCE = "subway_entrance"
    GULLY = "gully"
    PUMP_STATION = "pump_station"
    RAIN = "rain"
    RIVER = "river"


class Channel(SettingsModel):
    """One time series, for ever: its number is never used again, whatever device comes to feed it.

    quality, reporting: None for what its register says.
    """

    id: Annotated[int, Field(ge=1, lt=2**32)]
    name: Name = NameText.of("")
    device: Id
    register_name: Id = Field(alias="register")
    quality: Quality | None = None
    reporting: Reporting | None = None


class Station(SettingsModel):
    """A place with sensors. subdistrict, tags: to find it by. neighbours: None for all within 1 km.

    Where water is pumped: pumps: how many. capacity_m3s: what one of them moves. wet_well_area_m2: in plan.
    start_m, stop_m: the wet well's levels at which a pump starts and stops. Each of these three is one number for all
    pumps or a list with one for each. drains_back_m: the level at which the well drains back to where the water came
    from.
    """

    id: Id
    name: Name
    zone: Id
    kind: StationKind
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    subdistrict: Id | None = None
    tags: Many[Id] = ()
    neighbours: tuple[Id, ...] | None = None
    pumps: Annotated[int, Field(ge=1, le=64)] | None = None
    capacity_m3s: Positive | tuple[Positive, ...] | None = None
    wet_well_area_m2: Positive | None = None
    start_m: float | tuple[float, ...] | None = None
    stop_m: float | tuple[float, ...] | None = None
    drains_back_m: float | None = None
    channels: tuple[Channel, ...] = ()

    @model_validator(mode="after")
    def _pumps_make_sense(self) -> Self:
        given = [n for n in _OF_PUMPS if getattr(self, n) is not None]
        if given and self.pumps is None:
            raise ValueError(f"{given[0]} needs `pumps`: how many are there?")
        for name in _EACH:
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.pumps:
                raise ValueError(
                    f"{name} lists {len(value)} numbers for {self.pumps} pumps: one for each, or one number"
                )
        starts, stops = self.each_pump("start_m"), self.each_pump("stop_m")
        for i, (start_m, stop_m) in enumerate(zip(starts, stops, strict=False), 1):
            if stop_m >= start_m:
                raise ValueError(
                    f"pump {i} stops at {stop_m} m and starts at {start_m} m: it must stop below its start"
                )
        if self.drains_back_m is not None and starts and max(starts) >= self.drains_back_m:
            what = f"the well drains back at {self.drains_back_m} m and a pump starts at {max(starts)} m"
            raise ValueError(f"{what}: every pump must start below that")
        if len(set(self.tags)) != len(self.tags):
            raise ValueError("a tag stands twice")
        if self.neighbours is not None and self.id in self.neighbours:
            raise ValueError(f"{self.id} is not its own neighbour")
        return self

    def each_pump(self, name: str) -> tuple[float, ...]:
        """`capacity_m3s`, `start_m` or `stop_m` of every pump; empty when it is not known."""
        value = getattr(self, name)
        if value is None or self.pumps is None:
            return ()
        return value if isinstance(value, tuple) else (float(value),) * self.pumps


# Files of the list that are no zone of any place: as the machine is set, leap seconds counted, and the like.
_NO_PLACE = frozenset({"Factory", "localtime", "posixrules"})
_EACH = ("capacity_m3s", "start_m", "stop_m")
_OF_PUMPS = (*_EACH, "wet_well_area_m2", "drains_back_m")


class Zone(SettingsModel):
    """area: the ring of (lat, lon) a CAP polygon names; closed or not.

    incident_group: zones that name the same one share their incidents: water that stands in several of them is told of
    in one message, of those that it stands in. None: the zone has its own.
    """

    id: Id
    name: Name
    area: Many[tuple[float, float]] = Field(min_length=3)
    incident_group: Id | None = None


class Subdistrict(SettingsModel):
    """A part of the district as its administration draws it (街道); zones are drawn by how water runs."""

    id: Id
    name: Name


def is_a_time_zone(name: str) -> str:
    """The name of a place's time zone. Raises ValueError."""
    try:
        if name in _NO_PLACE or name.startswith(("posix/", "right/")):
            raise ValueError(name)
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder's name is an OSError
        if available_timezones():  # a gateway without the list leaves it to the cloud
            what = f"there is no time zone {name[:64]!r}: write one of the IANA list; China's is Asia/Shanghai"
            raise refusal(what) from None
    return name


class RainFormula(SettingsModel):
    """The local formula of storm intensity (GB 50014, 3.2.3): i = a (1 + c lg P) / (t + b)^n.

    i: millimetres a minute, P: return period in years, t: minutes. A formula that gives q in litres a second and
    hectare has a / 166.7. longest_min: up to which duration it was derived; beyond nothing is said.
    """

    a: Positive
    c: Positive
    b: NotNegative
    n: Annotated[float, Field(gt=0, lt=2)]
    longest_min: Annotated[float, Field(ge=5, le=1440)] = 180.0


class District(SettingsModel):
    """adcode: of GB/T 2260. time_zone: of the IANA list. rain_formula: by it messages say how rare rain is."""

    id: Id
    name: Name
    adcode: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    time_zone: Annotated[str, AfterValidator(is_a_time_zone)] = "Asia/Shanghai"
    rain_formula: RainFormula | None = None


class DistrictFile(SettingsModel):
    """What `district.yaml` may say."""

    district: District
    zones: tuple[Zone, ...] = Field(min_length=1)
    subdistricts: tuple[Subdistrict, ...] = ()
    stations: tuple[Station, ...] = Field(min_length=1)
