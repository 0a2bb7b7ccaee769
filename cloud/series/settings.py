"""The `series:` part of the cloud's configuration: which engine keeps the time series, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contract.settings_model import SettingsModel


class ParquetSettings(SettingsModel):
    """Files in the data folder."""

    engine: Literal["parquet"] = "parquet"


class InfluxSettings(SettingsModel):
    """token_file: holds a token that may write, delete and read the bucket."""

    engine: Literal["influx"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    org: str
    bucket: str
    token_file: Path


SeriesSettings = Annotated[ParquetSettings | InfluxSettings, Field(discriminator="engine")]
