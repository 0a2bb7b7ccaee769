"""Shared fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from contract.catalogue.catalogue import Catalogue
from host.district_folder import load

# A busy machine is no defect; times are measured in benchmarks/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
SMALL_DISTRICT = Path(__file__).parent / "districts" / "small"


@pytest.fixture(scope="session")
def small_district() -> Catalogue:
    """Two gateways, three stations, five channels: enough to tell owners apart."""
    return load(SMALL_DISTRICT)
