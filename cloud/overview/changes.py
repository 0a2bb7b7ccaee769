"""What is different between two overviews, so that whoever has the one can make the other of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Lists of rows, and the field by which a row is known in its list; what is not named here is told whole.
SECTIONS: Mapping[str, str] = {
    "stations": "id",
    "pumps": "station",
    "incidents": "id",
    "gateways": "id",
    "sinks": "name",
}
_ALWAYS = ("version", "now")


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """`version` and `now`, each other field that differs, and of each section the rows that are new or differ.

    gone: by section, what its rows were known by that are no longer there; sections without any are left out.
    """
    out: dict[str, Any] = {name: after[name] for name in _ALWAYS}
    gone: dict[str, list[str]] = {}
    for name, value in after.items():
        if name not in SECTIONS:
            if before.get(name) != value:
                out[name] = value
            continue
        key = SECTIONS[name]
        known = {row[key]: row for row in before.get(name, ())}
        if rows := [row for row in value if known.get(row[key]) != row]:
            out[name] = rows
        if left := sorted(known.keys() - {row[key] for row in value}):
            gone[name] = left
    return {**out, "gone": gone}


def applied(before: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The overview after it, its rows in the order of what they are known by."""
    out = {**before, **{name: value for name, value in changed.items() if name not in SECTIONS and name != "gone"}}
    for name, key in SECTIONS.items():
        rows = {row[key]: row for row in (*before[name], *changed.get(name, ()))}
        for left in changed["gone"].get(name, ()):
            del rows[left]
        out[name] = [row for _, row in sorted(rows.items())]
    return out
