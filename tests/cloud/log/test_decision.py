"""A decision's bytes: what is written is read again, what is none is refused by one error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.log.base import EntryKind
from cloud.log.decision import (
    IN_USE,
    MAX_BYTES,
    Decision,
    DecisionError,
    DecisionKind,
    decode_decision,
    encode_decision,
    entry_of,
    known_by,
)

TEXT = st.text(min_size=1, max_size=256)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=40)


@given(TEXT, TEXT, TEXT, st.integers(0, 2**45), st.dictionaries(st.text(max_size=20), VALUES, max_size=5))
def test_what_is_written_is_read_again(ident, who, target, at_ms, detail):
    decision = Decision(ident, DecisionKind.RELEASE, who, at_ms, target, detail)
    try:
        payload = encode_decision(decision)
    except (DecisionError, UnicodeEncodeError) as error:
        assert isinstance(error, DecisionError), "text that is no Unicode is refused as a decision"
        return
    assert decode_decision(payload) == decision


@pytest.mark.parametrize("kind", sorted(set(DecisionKind) - IN_USE))
def test_reserved_kinds_are_read_and_not_written(kind):
    with pytest.raises(DecisionError, match=f"{kind.value} is reserved"):
        encode_decision(Decision("a", kind, "person:ann", 1, "zone-1"))
    document = {"version": 1, "id": "a", "kind": kind.value, "who": "w", "at_ms": 1, "target": "t", "detail": {}}
    assert decode_decision(json.dumps(document).encode()).kind is kind


@pytest.mark.parametrize(
    "bend",
    [
        {"id": ""},
        {"id": "x" * 257},
        {"who": ""},
        {"target": ""},
        {"detail": {"x": float("nan")}},
        {"detail": {"x": "y" * MAX_BYTES}},
    ],
)
def test_what_cannot_be_read_again_is_not_written(bend):
    parts = {"id": "a", "kind": DecisionKind.RELEASE, "who": "w", "at_ms": 1, "target": "t", "detail": {}} | bend
    with pytest.raises(DecisionError):
        encode_decision(Decision(**parts))


JSON = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.binary(max_size=200) | JSON.map(lambda x: json.dumps(x).encode()))
def test_anything_else_is_refused_by_one_error(payload):
    with pytest.raises(DecisionError):
        decode_decision(payload)


def test_no_gateway_can_be_what_a_decision_is_known_by():
    entry = entry_of(Decision("a", DecisionKind.RELEASE, "w", 5, "t"))
    assert (entry.kind, entry.gateway, entry.known_by) == (EntryKind.DECISION, "", known_by("a"))
    assert known_by("a") != known_by("b")
