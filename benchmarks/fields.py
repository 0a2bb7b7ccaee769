"""Made-up fields of channels for the benchmarks of the cloud: no YAML to read, and readings by the array."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.edge import district
from contract.catalogue.catalogue import Catalogue
from contract.readings import Float64s
from host.district_folder import load

START_MS = 1_609_459_200_000  # 2021-01-01, a Friday


@cache
def catalogue(channels: int) -> Catalogue:
    """Channels 1 to `channels`, all of the one gateway `gw`."""
    with tempfile.TemporaryDirectory() as folder:
        base = load(district(Path(folder) / "district", 1).parent)
    pattern = next(iter(base.channels.values()))
    return replace(base, channels={n: replace(pattern, id=n, name=f"channel {n}") for n in range(1, channels + 1)})


def level_m(rng: np.random.Generator, channels: int, count: int) -> Float64s:
    """float64[channels, count], in whole millimetres: a noise of 2 mm about a slow drift."""
    drift = np.cumsum(rng.normal(0, 0.0002, (channels, count)), axis=1)
    depth: Float64s = np.rint((0.3 + drift + rng.normal(0, 0.002, (channels, count))) * 1000) / 1000
    return depth
