"""What changed leads from one overview to the next, whatever they hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloud.overview.changes import SECTIONS, applied, changes

ROWS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2), max_size=5)


@st.composite
def overviews(draw: st.DrawFn) -> dict[str, Any]:
    sections = {name: [{key: k, "value": v} for k, v in sorted(draw(ROWS).items())] for name, key in SECTIONS.items()}
    return {"version": draw(st.text("0123456789", min_size=1)), "now": "t", "ready": draw(st.booleans()), **sections}


@given(overviews(), overviews())
def test_what_changed_leads_from_any_overview_to_any_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert applied(before, changes(before, after)) == after


def test_only_what_differs_is_told() -> None:
    before = {"version": "1", "now": "a", "ready": True, "why": "", **{name: [] for name in SECTIONS}}
    before["stations"] = [{"id": "s1", "state": "normal"}, {"id": "s2", "state": "red"}, {"id": "s3", "state": "red"}]
    after = {**before, "version": "2", "now": "b", "ready": False}
    after["stations"] = [{"id": "s1", "state": "blue"}, {"id": "s2", "state": "red"}, {"id": "s4", "state": "normal"}]
    assert changes(before, after) == {
        "version": "2",
        "now": "b",
        "ready": False,
        "stations": [{"id": "s1", "state": "blue"}, {"id": "s4", "state": "normal"}],
        "gone": {"stations": ["s3"]},
    }
    assert changes(after, {**after, "version": "3"}) == {"version": "3", "now": "b", "gone": {}}
