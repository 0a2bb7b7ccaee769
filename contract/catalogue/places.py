"""What may stand in a district's files: devices and places, field by field; for rules see `contract.catalogue.rules`.

`contract.catalogue.catalogue` puts them together and checks them against one another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contract.catalogue.channel_settings import Quality, Reporting
from contract.settings_model import Id, Many, SettingsModel


class StationKind(StrEnum):
    UNDERPASS = "underpass"
    STREET = "street"
    RAIN = "rain"
    RIVER = "river"


# --- places ----------------------------------------------------------------------------------------------------------


class Channel(SettingsModel):
    """One time series, for ever: its number is never used again, whatever device comes to feed it."""

    id: Annotated[int, Field(ge=1, lt=2**32)]
    name: str = ""
    device: Id
    register_name: Id = Field(alias="register")
    quality: Quality | None = None  # None: the register's
    reporting: Reporting | None = None


class Station(SettingsModel):
    id: Id
    name: str
    zone: Id
    kind: StationKind
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    channels: tuple[Channel, ...] = ()


class Zone(SettingsModel):
    """area: the ring of (lat, lon) a CAP polygon names; closed or not."""

    id: Id
    name: str
    area: Many[tuple[float, float]] = Field(min_length=3)


class District(SettingsModel):
    id: Id
    name: str
    adcode: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    time_zone: str = "Asia/Shanghai"


class DistrictFile(SettingsModel):
    district: District
    zones: tuple[Zone, ...] = Field(min_length=1)
    stations: tuple[Station, ...] = Field(min_length=1)
