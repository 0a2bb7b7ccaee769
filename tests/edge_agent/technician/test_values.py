"""How a value is shown."""

from __future__ import annotations

from edge_agent.technician.values import shown


def test_a_value_with_its_unit() -> None:
    assert shown(1.23, "m") == "1.23 m"
    assert shown(3.0, "1") == "3"
    assert shown(None, "m") == "missing"
