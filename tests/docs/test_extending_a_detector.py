"""The detector of docs/extending.md does what the page says, in the engine and over a restart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cloud.ledger.open import open_ledger
from cloud.warnings.detectors.registry import MAKERS
from cloud.warnings.engine import Engine
from cloud.warnings.model import MsgType
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.detectors import DETECTORS, DetectorDefinition
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, ReadingBatch
from host.district_folder import load
from tests.cloud.warnings.city import START_MS, entry, tick
from tests.conftest import SMALL_DISTRICT
from tests.docs.extending import blocks, run

KEY = ConditionKey(Target.of_station("u1"), "underpass-sure")


@pytest.fixture
def two_gauges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """The small district with a second gauge at its underpass, and the rule of the page beside its own."""
    (code,) = blocks("A detector", "python")
    monkeypatch.setitem(DETECTORS, "all_agree", DetectorDefinition())
    monkeypatch.setitem(MAKERS, "all_agree", run(code, "cloud.warnings.detectors.all_agree")["AllAgree"])
    folder = Path(shutil.copytree(SMALL_DISTRICT, tmp_path / "small"))
    (rule,) = blocks("A detector", "yaml")
    for name, old, new in (
        ("gateways.yaml", "{id: u1-level, model: level, unit: 1}", "{id: u1-second, model: level, unit: 8}"),
        (
            "district.yaml",
            "{id: 101, device: u1-level, register: depth}",
            "{id: 104, device: u1-second, register: depth}",
        ),
    ):
        text = (folder / name).read_text()
        line = next(line for line in text.splitlines() if old in line)
        (folder / name).write_text(text.replace(line, f"{line}\n{line.replace(old, new)}"))
    with (folder / "rules.yaml").open("a") as rules:
        rules.write(rule)
    return load(folder)


def read(offset: int, minute: float, **depth_m: float):
    now_ms = START_MS + int(minute * 60_000)
    numbers = [int(name[1:]) for name in depth_m]
    batch = ReadingBatch.of([now_ms] * len(numbers), numbers, list(depth_m.values()), [Flag.PASS] * len(numbers))
    return entry(offset, now_ms, batch)


def test_the_detector_of_the_page_finds_what_all_gauges_reach(two_gauges: Catalogue) -> None:
    log = [
        read(1, 0, c101=0.9, c104=0.0),
        read(2, 1, c104=0.2),
        read(3, 2, c101=0.3),
        tick(4, START_MS + 120_000),
        tick(5, START_MS + 180_000),
    ]
    view = open_view(open_ledger("sqlite://"), two_gauges)
    for e in log:
        view.apply([e])
        view = open_view(view.ledger, two_gauges)  # a restart: what it remembers is in the ledger
    ((level, value),) = [(c.level, c.value) for c in view.reader.conditions() if c.key == KEY]
    assert (level, value) == (Level.ORANGE, 0.2)
    (incident,) = view.reader.incidents()
    assert [(e.key, e.station, e.quantity, e.level) for e in incident.evidence] == [
        (ConditionKey(Target.of_channel(101), "underpass-depth"), "u1", Quantity.DEPTH, Level.ORANGE),
        (ConditionKey(Target.of_channel(104), "underpass-depth"), "u1", Quantity.DEPTH, Level.YELLOW),
        (KEY, "u1", Quantity.DEPTH, Level.ORANGE),
    ]
    assert {m.msg_type for m in view.reader.messages()} == {MsgType.ALERT}
    at_once = open_view(open_ledger("sqlite://"), two_gauges)
    at_once.apply(log)
    assert at_once.reader.incidents() == [incident]


def test_what_it_remembers_is_plain_and_how_readings_are_cut_alters_nothing(two_gauges: Catalogue) -> None:
    detector = MAKERS["all_agree"]([w for w in two_gauges.watches if w.rule.id == KEY.rule], two_gauges)
    assert list(detector.conditions) == [KEY]
    batch = ReadingBatch.of([3, 1, 2, 4], [101, 104, 101, 104], [0.5, 0.2, 0.1, 0.6], [1, 1, 1, 1])
    state, whole = detector.step(detector.initial(), batch, 9)
    assert (whole.time_ms.tolist(), whole.value.tolist()) == ([2, 3, 4], [0.1, 0.2, 0.5])
    assert json.loads(json.dumps(detector.dump(state))) == {"101": [3, 0.5], "104": [4, 0.6]}
    state, found = detector.initial(), []
    for row in (1, 2, 0, 3):
        state, part = detector.step(state, batch.take(slice(row, row + 1)), 9)
        state = detector.restore(json.loads(json.dumps(detector.dump(state))))
        found += list(zip(part.time_ms.tolist(), part.value.tolist(), strict=True))
    assert found == [(2, 0.1), (3, 0.2), (4, 0.5)]


def test_a_detector_that_is_new_to_a_ledger_begins_anew(two_gauges: Catalogue) -> None:
    engine = Engine(two_gauges, WarningSettings())
    assert engine.restore_detectors({}) == {"threshold": None, "all_agree": {}}
