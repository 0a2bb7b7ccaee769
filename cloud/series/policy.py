"""What goes from a series store by its age, beside a cloud that runs."""

from __future__ import annotations

from pathlib import Path

from cloud.log.base import Cursor
from cloud.series.influx import InfluxStore
from cloud.series.manifest import Manifest
from cloud.series.open import open_series
from cloud.series.parquet import MANIFEST
from cloud.series.settings import InfluxSettings, ParquetSettings

Settings = ParquetSettings | InfluxSettings


def sealed(settings: Settings, base: Path, data_dir: Path) -> Cursor:
    """Up to where of the log the store has everything on its disk. Paths: see `cloud.series.open`."""
    if isinstance(settings, InfluxSettings):
        store = open_series(settings, base, data_dir)
        cursor = store.cursor()
        store.close()
        return cursor
    manifest = Manifest(data_dir / "series" / MANIFEST)
    cursor = manifest.cursor()
    manifest.close()
    return cursor


def drop(settings: Settings, base: Path, data_dir: Path, kind: str, before_ms: int) -> int:
    """What is older goes; how many rows. kind: raw, or hourly where the store keeps those.

    Of files whole segments, which the running cloud deletes when it next seals: nothing that it reads is taken away.
    Raises what the store raises.
    """
    if isinstance(settings, InfluxSettings):
        store = open_series(settings, base, data_dir)
        assert isinstance(store, InfluxStore)
        try:
            return store.drop(before_ms) if kind == "raw" else 0
        finally:
            store.close()
    manifest = Manifest(data_dir / "series" / MANIFEST)
    try:
        old = [s for span in ("hour", "day", "month") for s in manifest.segments(kind, span, 0, before_ms)]
        old = [s for s in old if s.end_ms <= before_ms]
        manifest.commit([], remove=[s.id for s in old])
        return sum(s.rows for s in old)
    finally:
        manifest.close()
