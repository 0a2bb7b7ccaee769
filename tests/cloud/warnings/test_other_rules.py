"""A person ends an incident before anything else comes after a restart under other rules: the end says how the water
stood last, and that is what is set aside, however entries were grouped and whenever rows were written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.ledger.open import open_ledger
from cloud.log.base import Cursor, Entry, EntryKind
from cloud.log.decision import Decision, DecisionKind, encode_decision
from cloud.warnings.model import MsgType
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from tests.cloud.warnings.city import RULE, START_MS, city, entry, tick
from tests.cloud.warnings.test_changed_catalogue import renamed
from tests.cloud.warnings.test_view import SETTINGS, everything

CHANGES: dict[str, Callable[[Catalogue], Catalogue]] = {
    "none": lambda c: c,
    "raised": lambda c: _with(c, levels={Level.BLUE: 0.15, Level.YELLOW: 0.25, Level.RED: 0.7}),
    "without yellow": lambda c: _with(c, levels={Level.BLUE: 0.1, Level.RED: 0.5}),
    "another name": lambda c: _with(c, id="by-another-name"),
    "without channel 1": lambda c: _with(c, channels=RULE.channels[1:]),
    "another zone": lambda c: renamed(c, "z0", "old-town"),
}
LAST_M = {1: 0.47, 2: 0.37}


def _with(catalogue: Catalogue, **update: object) -> Catalogue:
    return replace(catalogue, rules=(RULE.model_copy(update=update),))


def rising() -> list[Entry]:
    """Streets 1 and 2 reach yellow and rise on within it, of which nothing is told."""
    out = []
    for k in range(28):
        now_ms = START_MS + k * 20_000
        depths = [0.0, 0.0] if k < 4 else [0.20 + 0.01 * k, 0.10 + 0.01 * k]
        out.append(entry(k + 1, now_ms, ReadingBatch.of([now_ms] * 2, [1, 2], depths, [1, 1])))
    return out


def opened(folder: Path, catalogue: Catalogue, snapshot_s: float) -> WarningsView:
    folder.mkdir(exist_ok=True)
    return open_view(open_ledger(f"sqlite:///{folder}/ledger.sqlite"), catalogue, SETTINGS, snapshot_s=snapshot_s)


def ended_at_once(
    folder: Path, before: Catalogue, after: Catalogue, at_once: int, snapshot_s: float, stops: bool
) -> list[object]:
    """All that the view has said when the first entry after a restart is that a person ends what is open.

    stops: in order, else it crashes.
    """
    log = rising()
    view = opened(folder, before, snapshot_s)
    view.apply(log[:1])
    for a in range(1, len(log), at_once):
        view.apply(log[a : a + at_once])
    if stops:
        view.close()
    (incident,) = view.reader.incidents(open_only=True)
    view.ledger.dispose()
    view = opened(folder, after, snapshot_s)
    view.apply(log[view.cursor() :])
    now_ms = log[-1].now_ms + 1000
    end = encode_decision(Decision("d", DecisionKind.END, "person:ann", now_ms, incident.id, {"reason": "over"}))
    n = len(log) + 1
    view.apply([Entry(Cursor(n), now_ms, EntryKind.DECISION, "", 0, 0, Lane.ALARM, now_ms, now_ms, end)])
    view.apply([tick(n + 1, now_ms + 30_000)])
    said = everything(view)
    (cancel,) = (m for m in view.reader.messages() if m.msg_type is MsgType.CANCEL)
    assert {e.state for e in cancel.evidence} == {ConditionState.ACTIVE}
    said.append({e.channel: e.value for e in cancel.evidence})
    view.ledger.dispose()
    return said


@pytest.mark.parametrize("change", CHANGES)
def test_an_end_says_how_the_water_stood_last(small_district: Catalogue, tmp_path: Path, change: str) -> None:
    before = city(small_district)
    after = CHANGES[change](before)
    stopped = ended_at_once(tmp_path / "a", before, after, 1000, 1e9, stops=True)
    assert stopped[-1] == pytest.approx(LAST_M)
    for n, (at_once, snapshot_s, stops) in enumerate(((1, 0.0, False), (1, 1e9, True), (7, 0.0, False))):
        assert ended_at_once(tmp_path / f"{n}", before, after, at_once, snapshot_s, stops) == stopped


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_behind_a_crash_however_entries_were_grouped(
    small_district: Catalogue, tmp_path: Path, change: str
) -> None:
    """The only snapshot is of the first entry."""
    before = city(small_district)
    after = CHANGES[change](before)
    crashed = ended_at_once(tmp_path / "a", before, after, 1000, 1e9, stops=False)
    # Of a channel that nothing watches now the log is asked no more: what was told last is known.
    assert crashed[-1] == pytest.approx(LAST_M | ({1: 0.35} if change == "without channel 1" else {}))
    for at_once in (1, 7):
        assert ended_at_once(tmp_path / f"{at_once}", before, after, at_once, 1e9, stops=False) == crashed
