"""Opens the series store by the engine that the configuration names. A new engine is one module, its settings and one
line here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud.series.base import SeriesStore
from cloud.series.settings import InfluxSettings, ParquetSettings
from host.files import read_given


def open_series(settings: ParquetSettings | InfluxSettings, base: Path, data_dir: Path) -> SeriesStore:
    """base: the folder from which the settings' paths count. data_dir: where an engine may keep files.

    Raises StoreDamaged when what is there cannot be used, and OSError when a token cannot be read.
    """
    return _ENGINES[type(settings)](settings, base, data_dir)


def _parquet(_: ParquetSettings, __: Path, data_dir: Path) -> SeriesStore:
    from cloud.series.parquet import ParquetStore

    return ParquetStore(data_dir / "series")


def _influx(settings: InfluxSettings, base: Path, data_dir: Path) -> SeriesStore:
    from cloud.series.influx import InfluxStore

    token = read_given(base / settings.token_file, _LONGEST_TOKEN).decode().strip()
    return InfluxStore(settings.url, settings.org, settings.bucket, token, data_dir / "series.cursor")


_LONGEST_TOKEN = 4096
# An engine that is not chosen is not imported.
_ENGINES: dict[type, Callable[[Any, Path, Path], SeriesStore]] = {
    ParquetSettings: _parquet,
    InfluxSettings: _influx,
}
