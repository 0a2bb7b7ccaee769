"""Shared fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from contract.catalogue.catalogue import Catalogue
from host.district_folder import load

# A busy machine is no defect; times are measured in benchmarks/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
SMALL_DISTRICT = Path(__file__).parent / "districts" / "small"


# At idle priority, beside everything else: what is over after five minutes alone may take half an hour there.
UNHURRIED_S = 2400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("unhurried") is not None:
            item.add_marker(pytest.mark.timeout(UNHURRIED_S), append=False)


@pytest.fixture(autouse=True)
def the_umask_stays() -> Iterator[None]:
    """What a test leaves otherwise, the next one finds: files that others cannot read."""
    before = _umask()
    yield
    after = _umask()
    os.umask(before)
    assert after == before, f"the umask was {before:03o} and is {after:03o}"


def _umask() -> int:
    now = os.umask(0o022)
    os.umask(now)
    return now


@pytest.fixture(scope="session")
def small_district() -> Catalogue:
    """Two gateways, three stations, five channels: enough to tell owners apart."""
    return load(SMALL_DISTRICT)
