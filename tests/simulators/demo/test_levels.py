"""When the water reached a level, and when a message said so: from a record and messages that are known."""

from __future__ import annotations

import numpy as np

from cloud.warnings.model import Evidence, Message, MsgType, Why
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target
from host.district_folder import load
from simulators.catchment.record import WaterRecord
from simulators.cli.main import DISTRICT
from simulators.demo.district import read_simulation
from simulators.demo.levels import Rise, rises, watched, worst_s

START_MS = 1_626_768_000_000


def of(channel: int, level: Level) -> Evidence:
    key = ConditionKey(Target.of_channel(channel), "depth")
    return Evidence(key, channel, "s", Quantity.DEPTH, level, ConditionState.ACTIVE, 0.3, START_MS)


def message(sent_s: int, why: Why, *evidence: Evidence, msg_type: MsgType = MsgType.UPDATE) -> Message:
    level = max((e.level for e in evidence), key=lambda level: level.rank, default=Level.RED)
    return Message(f"m{sent_s}", "i", START_MS + sent_s * 1000, msg_type, level, (), b"", why=why, evidence=evidence)


def test_the_channels_that_stand_in_the_water_and_have_levels() -> None:
    found = watched(load(DISTRICT), read_simulation(DISTRICT))
    assert found[101] == "depth:U1"
    assert found[421] == "depth:S2"
    assert len(found) == 11  # three underpasses, eight streets; no wet well, no rain, no river


def test_each_level_with_when_it_was_told(small_district: Catalogue) -> None:
    levels = dict(small_district.thresholds(201))
    low, high = min(levels.values()), max(levels.values())
    names = {v: level for level, v in levels.items()}
    depth_m = np.array([[0.0], [low], [low], [high], [low], [0.0], [high]])
    water = WaterRecord(["depth:X"], START_MS + 60_000 * np.arange(7), depth_m)
    messages = [
        message(100, Why.OPENED, of(201, names[low]), msg_type=MsgType.ALERT),
        message(200, Why.WORSE, of(999, Level.RED), of(201, names[low])),
        message(290, Why.JOINED, of(999, Level.RED), of(201, names[high])),
        message(900, Why.ENDED_DRY, msg_type=MsgType.CANCEL),
    ]
    found = {r.level: r for r in rises(small_district, {201: "depth:X"}, water, messages)}
    assert found[names[low]] == Rise(201, names[low], START_MS + 60_000, 240.0, START_MS + 100_000, False)
    assert found[names[high]] == Rise(201, names[high], START_MS + 180_000, 60.0, START_MS + 290_000, False)
    assert worst_s(found.values()) == 110.0
    untold = rises(small_district, {201: "depth:X"}, water, messages[:2])
    assert [r.told_ms for r in untold if r.level is names[high]] == [None]
    assert untold[0].as_json()["told_ms"] == START_MS + 100_000
