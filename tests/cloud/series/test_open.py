"""The engine that the configuration names is the one that is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from cloud.series.open import open_series
from cloud.series.parquet import ParquetStore
from cloud.series.settings import InfluxSettings, ParquetSettings, SeriesSettings

INFLUX = {"engine": "influx", "url": "http://127.0.0.1:8086", "org": "o", "bucket": "b", "token_file": "token"}
SETTINGS: TypeAdapter[ParquetSettings | InfluxSettings] = TypeAdapter(SeriesSettings)


def test_parquet_lies_in_the_data_folder(tmp_path: Path) -> None:
    store = open_series(ParquetSettings(), tmp_path / "etc", tmp_path / "data")
    assert isinstance(store, ParquetStore)
    assert (tmp_path / "data" / "series").is_dir()
    store.close()


def test_a_token_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "etc" / "token")):
        open_series(InfluxSettings.model_validate(INFLUX), tmp_path / "etc", tmp_path / "data")


def test_the_engine_s_name_decides_which_settings_are_read() -> None:
    assert SETTINGS.validate_python({"engine": "parquet"}) == ParquetSettings()
    assert isinstance(SETTINGS.validate_python(INFLUX), InfluxSettings)


@pytest.mark.parametrize(
    "wrong", [{"engine": "parquets"}, {**INFLUX, "url": "127.0.0.1:8086"}, {"engine": "parquet", "bucket": "b"}, {}]
)
def test_settings_that_cannot_be(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.validate_python(wrong)
