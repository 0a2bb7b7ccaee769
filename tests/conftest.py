"""Shared fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from contract.catalogue.catalogue import Catalogue
from host.district_folder import load

settings.register_profile("untimed", deadline=None)  # a busy machine is no defect; times are measured in benchmarks/
settings.load_profile("untimed")
SMALL_DISTRICT = Path(__file__).parent / "districts" / "small"


@pytest.fixture(scope="session")
def small_district() -> Catalogue:
    """Two gateways, three stations, five channels: enough to tell owners apart."""
    return load(SMALL_DISTRICT)
