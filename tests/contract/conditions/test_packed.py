"""Conditions as bytes and back, and what is said of bytes that are not what was written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from contract.catalogue.rules import Level, Rule
from contract.conditions import packed
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions, State
from contract.conditions.limits import Watched
from contract.conditions.reconciling import after_recall, restore
from contract.conditions.state import Reason
from contract.conditions.stored import dump
from contract.conditions.targets import ConditionKey, Target

MIN = 60_000


def rule(**thresholds: float) -> Rule:
    levels = {Level(name): at for name, at in thresholds.items()}
    delays = {"on_delay_s": 60, "off_delay_s": 300, "stale_after_s": 900}
    return Rule(id="depth", channels=(1,), levels=levels, hysteresis=0.05, **delays)


KEYS = [ConditionKey(Target.of_channel(n), "depth") for n in range(1, 41)]
RULES = Conditions(dict.fromkeys(KEYS, rule(blue=0.1, red=0.5)))


def wet(engine: Conditions) -> State:
    """Forty channels over ten minutes: every fourth wet, one of them silent from then on; some never heard."""
    state = engine.initial()
    for k in range(20):
        rows = np.arange(30) if k < 10 else np.arange(1, 30)
        depth = np.where(rows % 4 == 0, 0.02 * k, 0.0)
        when = np.full(len(rows), k * MIN // 2)
        found = Findings(rows, when, (rows + 1).astype(np.uint32), depth, np.ones(len(rows), np.uint8))
        state, _, _ = engine.step(state, found, k * MIN // 2)
    return state


def test_what_was_packed_is_what_is_unpacked() -> None:
    state = wet(RULES)
    again = RULES.initial()
    more = packed.unpack(packed.pack(state, {"cursor": 7}), again)
    assert more == {"cursor": 7}
    assert dump(again, RULES.limits) == dump(state, RULES.limits)
    assert {c.level for c in again.values()} == {None, Level.BLUE}
    np.testing.assert_array_equal(again.due_ms, state.due_ms)


def test_none_at_all() -> None:
    nothing = Conditions({})
    assert packed.unpack(packed.pack(nothing.initial(), {}), nothing.initial()) == {}


def test_one_by_one_they_are_judged_by_other_rules() -> None:
    state = wet(RULES)
    stored, more = packed.stored(packed.judged(RULES), packed.pack(state, {"a": 1}))
    assert more == {"a": 1}
    same = restore(RULES, stored)
    assert dump(same, RULES.limits) == dump(state, RULES.limits)
    assert same.changed == []
    other = Conditions(dict.fromkeys(KEYS[:30], rule(yellow=0.2, red=0.5)))
    changed = restore(other, stored)
    assert len(changed.changed) == 30
    assert changed.gone == []  # those that went were never heard


def test_what_a_channel_held_of_another_quantity_is_watched_no_longer() -> None:
    """0.6 m of depth, and then a river's stage under the same number: neither is the other's history."""
    depth = Conditions({key: Watched(rule(blue=0.1, red=0.5), quantity="depth") for key in KEYS})
    stored, _ = packed.stored(packed.judged(depth), packed.pack(wet(depth), {}))
    assert {s.quantity for s in stored} == {"depth"}
    was_wet = [s.key for s in stored if s.level is not None]
    stage = Conditions({key: Watched(rule(blue=85.0, red=87.0), quantity="stage") for key in KEYS})
    # A crash brings back what came behind the snapshot, too, and judges it by the rules of now.
    state = after_recall(restore(stage, stored), wet(stage))
    assert [c.key for c in state.gone if c.level is not None] == was_wet
    assert (state.changed, int(state.count[:30].max())) == ([], 0)
    state, changes, _ = stage.step(state, Findings.none(), 10**9)
    assert {(c.key, c.level, c.reason) for c in changes if c.key in was_wet} == {
        (key, None, Reason.NO_LONGER_WATCHED) for key in was_wet
    }


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda b: b[:-1], "checksum"),
        (lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:], "checksum"),
        (lambda b: b[:3] + b"\x09" + b[4:], "another release's form"),
        (lambda _: b"", "it is none"),
        (lambda _: b"{}", "it is none"),
    ],
)
def test_what_is_damaged_or_of_another_form_is_said(spoil: Callable[[bytes], bytes], says: str) -> None:
    part = spoil(packed.pack(wet(RULES), {}))
    with pytest.raises(packed.Unreadable, match=says):
        packed.unpack(part, RULES.initial())


def test_more_rows_than_there_are_conditions_are_no_snapshot_of_these() -> None:
    with pytest.raises(packed.Unreadable):
        packed.unpack(packed.pack(wet(RULES), {}), Conditions({KEYS[0]: rule(blue=0.1)}).initial())


def test_the_same_rules_give_the_same_bytes() -> None:
    twin = Conditions(dict.fromkeys(KEYS, rule(blue=0.1, red=0.5)))
    other = Conditions(dict.fromkeys(KEYS, rule(blue=0.1, red=0.6)))
    judged = packed.judged(RULES)
    assert packed.judged(twin) == judged
    assert packed.judged(other) != judged
