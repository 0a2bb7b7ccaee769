"""How a value is shown to a technician."""

from __future__ import annotations


def shown(value: float | None, unit: str) -> str:
    """ "1.23 m"; a number without a unit alone; "missing" where there is none."""
    if value is None:
        return "missing"
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"
