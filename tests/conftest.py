"""Shared fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.catalogue import Catalogue
from contract.loading import load

SMALL_DISTRICT = Path(__file__).parent / "districts" / "small"


@pytest.fixture(scope="session")
def small_district() -> Catalogue:
    """Two gateways, three stations, five channels: enough to tell owners apart."""
    return load(SMALL_DISTRICT)
