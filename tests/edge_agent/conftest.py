from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge_agent.gateway import Gateway


@pytest.fixture
def closed() -> Iterator[list[Gateway]]:
    """Put gateways in; their stores are closed at the end."""
    made: list[Gateway] = []
    yield made
    for g in made:
        g.store.close()
