"""Silence in, notices out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from lxml import etree

from cloud.cap.check import check
from cloud.cap.schema import NAMESPACE
from cloud.log.decision import Decision, DecisionKind
from cloud.log.origin import Origin
from cloud.warnings.blind import Blindness
from cloud.warnings.codec import blind_from_json, blind_json
from cloud.warnings.engine import Engine, EngineState
from cloud.warnings.gateways import gateways_of
from cloud.warnings.model import Incident, Message, MsgType, Why
from cloud.warnings.settings import WarningSettings
from cloud.warnings.waiting import Waiting
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.readings import Flag, ReadingBatch
from tests.cloud.warnings.city import PER_ZONE, RULE, START_MS, city

SETTINGS = WarningSettings(languages=("zh-CN", "en"))
ZONES = {f"z{n}": range(n * PER_ZONE + 1, (n + 1) * PER_ZONE + 1) for n in range(3)}
ALL = tuple(RULE.channels)


class Played:
    """An engine whose log gets an entry every half minute: dry readings of the channels that are heard."""

    def __init__(self, catalogue: Catalogue, settings: WarningSettings = SETTINGS) -> None:
        self.engine = Engine(catalogue, settings)
        self.state: EngineState = self.engine.initial()
        self.now_s = 0
        self.told: list[Message] = []
        self.given: list[tuple[int, ReadingBatch, Sequence[Decision]]] = []

    def until(self, minute: float, heard: Iterable[int] = (), value: float = 0.0, flag: Flag = Flag.PASS) -> None:
        """Until then these channels send readings; the others none."""
        heard = list(heard)
        while self.now_s < minute * 60:
            self.now_s += 30
            n = len(heard)
            self._entry(ReadingBatch.of([START_MS + self.now_s * 1000] * n, heard, [value] * n, [flag] * n))

    def away(self, minute: float) -> None:
        """Nothing is written to the log: the cloud does not run."""
        self.now_s = round(minute * 60)

    def decide(self, kind: DecisionKind, target: str, detail: dict[str, object]) -> None:
        at_ms = START_MS + self.now_s * 1000
        decision = Decision(f"d{self.now_s}", kind, "person:ann", at_ms, target, detail)
        self._entry(ReadingBatch.empty(), [decision])

    def restart(self) -> None:
        """With what the ledger would keep of blind zones; conditions as they stand."""
        state = self.state
        earlier = {k: [replace(m, cap_xml=b"", evidence=()) for m in v] for k, v in state.earlier.items()}
        blind = blind_from_json(json.loads(json.dumps(blind_json(state.incidents.blind))))
        incidents = replace(state.incidents, blind=blind, wet=None)
        self.state = replace(state, standing=None, incidents=incidents, earlier=earlier)

    def _entry(self, batch: ReadingBatch, decided: Sequence[Decision] = ()) -> None:
        now_ms = START_MS + self.now_s * 1000
        self.given.append((now_ms, batch, decided))
        self.state, out = self.engine.step(self.state, batch, now_ms, decided)
        self.told += out.messages

    def gist(self) -> list[tuple[float, MsgType, Why | None, list[str]]]:
        """Each message: at what minute, kind, why, and in which areas."""
        return [((m.sent_ms - START_MS) / 60_000, m.msg_type, m.why, _areas(m)) for m in self.told]


def _areas(m: Message) -> list[str]:
    area = etree.fromstring(m.cap_xml).findtext(f"{{{NAMESPACE}}}info[2]/{{{NAMESPACE}}}area/{{{NAMESPACE}}}areaDesc")
    return (area or "").replace("Zone ", "z").split(", ")


def _said(m: Message, path: str, info: int = 2) -> str:
    found = etree.fromstring(m.cap_xml).findtext(f"c:info[{info}]/c:{path}", namespaces={"c": NAMESPACE})
    assert found is not None, path
    return found


@pytest.fixture
def played(small_district: Catalogue) -> Played:
    return Played(city(small_district))


def without(*zones: str) -> list[int]:
    return [c for c in ALL if all(c not in ZONES[z] for z in zones)]


def test_a_silent_zone_is_told_once_and_its_end_is_no_all_clear(played: Played) -> None:
    played.until(30, ALL)
    played.until(180, without("z1"))  # stale after 10 minutes, blind an hour later
    played.until(300, ALL)
    alert, renewal, cancel = played.told
    assert played.gist() == [
        (100.5, MsgType.ALERT, Why.BLIND, ["z1"]),
        (150.5, MsgType.UPDATE, Why.RENEWAL, ["z1"]),
        (200.5, MsgType.CANCEL, Why.SEEN_AGAIN, ["z1"]),
    ]
    assert [m.level for m in played.told] == [None, None, None]
    assert cancel.references == (alert.id, renewal.id) or cancel.references == (renewal.id,)
    assert _said(alert, "headline") == "Sensors silent: Zone 1: 4 of 4 send nothing, water unknown"
    assert _said(alert, "headline", 1) == "监测中断：Zone 1，4个传感器中4个无数据，积水情况不明"
    assert "4 of 4 sensors silent, no usable reading since 16:30" in _said(alert, "description")
    assert "does not mean no water" in _said(alert, "description")
    assert [_said(alert, x) for x in ("severity", "urgency", "certainty", "responseType", "event", "category")] == [
        *("Unknown", "Unknown", "Unknown"),
        *("Monitor", "Sensors silent", "Infra"),
    ]
    assert [_said(cancel, x) for x in ("responseType", "certainty")] == ["None", "Unknown"]
    assert all(b"AllClear" not in m.cap_xml and not check(m.cap_xml) for m in played.told)
    assert played.state.incidents.blind.notices == {}
    assert played.state.earlier == {}


def test_a_reading_without_use_is_silence(played: Played) -> None:
    played.until(30, ALL)
    while played.now_s < 120 * 60:  # the gateway of z1 sends what its quality tests refuse
        played.until(played.now_s / 60 + 0.5, without("z1"))
        played.now_s -= 30
        played.until(played.now_s / 60 + 0.5, ZONES["z1"], flag=Flag.FAIL)
    assert [(kind, why, areas) for _, kind, why, areas in played.gist()] == [(MsgType.ALERT, Why.BLIND, ["z1"])]


def test_the_whole_district_is_one_notice(played: Played) -> None:
    played.until(30, ALL)
    played.until(33, without("z0"))  # not at once
    played.until(36, ZONES["z2"])
    played.until(120)
    assert [(why, areas) for _, _, why, areas in played.gist()] == [(Why.BLIND, ["z0", "z1", "z2"])]
    assert (
        _said(played.told[0], "headline")
        == "Sensors silent: Zone 0, Zone 1, Zone 2: 12 of 12 send nothing, water unknown"
    )


def test_another_zone_joins_and_one_leaves_by_updates(played: Played) -> None:
    played.until(10, ALL)
    played.until(90, without("z0"))
    played.until(180, without("z0", "z1"))
    played.until(240, without("z1"))
    played.until(300, ALL)
    assert played.gist() == [
        (80.5, MsgType.ALERT, Why.BLIND, ["z0"]),
        (130.5, MsgType.UPDATE, Why.RENEWAL, ["z0"]),
        (160.5, MsgType.UPDATE, Why.BLIND, ["z0", "z1"]),
        (210.5, MsgType.UPDATE, Why.AREA, ["z1"]),
        (260.5, MsgType.CANCEL, Why.SEEN_AGAIN, ["z1"]),
    ]


def test_one_channel_of_four_is_enough_to_see_and_not_enough_to_see_again(played: Played) -> None:
    played.until(30, ALL)
    played.until(200, [*without("z1"), 5])
    assert played.told == []
    played.until(300, without("z1"))
    assert played.gist() == [(270.5, MsgType.ALERT, Why.BLIND, ["z1"])]
    played.until(320, [*without("z1"), 5])
    assert [m.why for m in played.told] == [Why.BLIND]
    played.until(345, [*without("z1"), 5, 6])
    assert [told[:3] for told in played.gist()[1:]] == [
        (320.5, MsgType.UPDATE, Why.RENEWAL),
        (340.5, MsgType.CANCEL, Why.SEEN_AGAIN),
    ]


def test_flapping_gives_few_messages(played: Played) -> None:
    played.until(10, ALL)
    for hour in range(24):  # silent for 90 minutes of every 96, and a few of readings
        played.until(10 + 96 * hour + 90, without("z1"))
        played.until(10 + 96 * hour + 96, ALL)
    alerts = [m for m in played.told if m.why is not Why.RENEWAL]
    assert len(alerts) == 1


def test_an_open_warning_holds_and_no_notice_stands_beside_it(played: Played) -> None:
    played.until(10, ALL)
    played.until(20, ZONES["z1"], value=0.3)
    played.until(300)
    water = [m for m in played.told if m.level is not None]
    blind = [m for m in played.told if m.level is None]
    assert {m.msg_type for m in water} == {MsgType.ALERT, MsgType.UPDATE}
    assert {tuple(_areas(m)) for m in blind} == {("z0", "z2")}


def test_a_warning_speaks_for_a_blind_zone(played: Played) -> None:
    played.until(10, ALL)
    played.until(100, without("z1"))
    played.until(110, [*without("z1"), 5], value=0.0)
    played.until(115, [5], value=0.3)
    (alert, cancel) = (m for m in played.told if m.level is None)
    (opened,) = (m for m in played.told if m.level is not None)
    assert (alert.why, cancel.why, cancel.sent_ms) == (Why.BLIND, Why.SEEN_AGAIN, opened.sent_ms)


@pytest.mark.parametrize("restarted", [False, True])
def test_when_a_person_ends_the_warning_that_spoke_for_it_the_blind_zone_is_told_at_once(
    played: Played, restarted: bool
) -> None:
    """Also just after a restart: it tells nothing later or earlier."""
    played.until(10, ALL)
    played.until(20, ZONES["z1"], value=0.3)
    played.until(200, without("z1"))
    if restarted:
        played.restart()
    played.until(200.5, without("z1"))
    (incident,) = (o.incident.id for o in played.state.incidents.open.values())
    played.decide(DecisionKind.END, incident, {"reason": "over"})
    blind = [m for m in played.told if m.level is None]
    assert [(m.why, _areas(m), (m.sent_ms - START_MS) / 60_000) for m in blind] == [(Why.BLIND, ["z1"], 200.5)]


def test_what_was_never_heard_or_is_muted_is_not_told(played: Played) -> None:
    played.until(200, without("z2"))
    for channel in ZONES["z1"]:
        until_ms = START_MS + (200 + 600) * 60_000
        played.decide(DecisionKind.MUTE, f"channel/{channel}", {"until_ms": until_ms, "reason": "maintenance"})
        played.until(played.now_s / 60 + 0.5, without("z2"))
    played.until(500, ZONES["z0"])
    assert played.told == []


def test_the_cloud_was_away_and_blames_nobody(played: Played) -> None:
    played.until(10, ALL)
    played.away(600)
    played.until(603)
    assert played.told == []
    played.until(640, ALL)
    assert played.told == []
    played.away(1200)
    played.until(1259.5)
    assert played.told == []
    played.until(1262)  # an hour of its own hearing nothing
    assert [(why, areas) for _, _, why, areas in played.gist()] == [(Why.BLIND, ["z0", "z1", "z2"])]


def test_an_officer_ends_a_notice_and_it_is_not_told_again_until_it_was_heard(played: Played) -> None:
    played.until(10, ALL)
    played.until(100, without("z1"))
    (notice,) = played.state.incidents.blind.opened()
    played.decide(DecisionKind.ACKNOWLEDGE, notice.id, {})
    (notice,) = played.state.incidents.blind.opened()
    assert notice.acknowledged is not None
    played.decide(DecisionKind.END, notice.id, {"reason": "over"})
    assert played.told[-1].why is Why.ENDED_BY_PERSON
    assert _said(played.told[-1], "responseType") == "None"
    played.until(400, without("z1"))
    assert len(played.told) == 2
    played.until(410, ALL)
    played.until(520, without("z1"))
    assert [m.why for m in played.told[2:]] == [Why.BLIND]


def test_simulated_zones_have_a_notice_of_their_own(small_district: Catalogue) -> None:
    catalogue = city(small_district)
    channels = {n: replace(c, gateway="gw-sim") if n in ZONES["z1"] else c for n, c in catalogue.channels.items()}
    played = Played(replace(catalogue, channels=channels))
    played.state.incidents.hear_origin(Origin("gw-sim", True))
    played.until(10, ALL)
    played.until(100, ZONES["z0"])
    found = {m.status: _areas(m) for m in played.told}
    assert found == {"Actual": ["z2"], "Exercise": ["z1"]}
    assert len({m.incident for m in played.told}) == 2


def test_a_zone_does_not_become_an_exercise_because_one_of_its_gateways_says_so(small_district: Catalogue) -> None:
    catalogue = city(small_district)
    channels = {n: replace(c, gateway="gw-sim") if n == ZONES["z1"][0] else c for n, c in catalogue.channels.items()}
    played = Played(replace(catalogue, channels=channels))
    for gateway in {c.gateway for c in channels.values()} - {"gw-sim"}:
        played.state.incidents.hear_origin(Origin(gateway, False))
    played.state.incidents.hear_origin(Origin("gw-sim", True))
    played.until(10, ALL)
    played.until(100, without("z1"))
    assert [(m.status, _areas(m)) for m in played.told] == [("Actual", ["z1"])]


def test_a_zone_that_is_gone_ends_its_notice(played: Played, small_district: Catalogue) -> None:
    played.until(10, ALL)
    played.until(100, without("z1"))
    less = city(small_district)
    keys = [key for key in played.state.conditions if int(key.target.id) not in ZONES["z1"]]
    blindness, blind = Blindness(less, keys, SETTINGS, gateways_of(less)), played.state.incidents.blind
    blindness.begin(blind, played.state.conditions)
    (cancel,) = blindness.step(blind, (), (), frozenset(), START_MS + played.now_s * 1000)
    assert (cancel.msg_type, cancel.why) == (MsgType.CANCEL, Why.NO_LONGER_WATCHED)


def test_a_zone_that_is_heard_again_before_its_turn_is_not_told_of(small_district: Catalogue) -> None:
    """z1 is dark for long enough, but the notice of z0 is too young for an Update; when that is due, z1 is heard."""
    played = Played(city(small_district), WarningSettings(languages=("zh-CN", "en"), blind_after_s=600, quiet_s=1800))
    played.until(10, ALL)
    played.until(25, without("z0"))
    played.until(50, without("z0", "z1"))  # z0 is told of half an hour after it fell silent, z1 has to wait
    assert [why for _, _, why, _ in played.gist()] == [Why.BLIND]
    assert set(played.state.incidents.blind.notices[False].incident.zones) == {"z0", "z1"}
    played.until(75, without("z0"))
    assert {zone for *_, areas in played.gist() for zone in areas} == {"z0"}


def test_a_warning_of_a_zone_with_the_same_incidents_says_nothing_of_a_silent_one(small_district: Catalogue) -> None:
    """Whichever of the two comes first in the catalogue: the water is in z1, and nothing is known of z0."""
    whole = city(small_district)
    zones = {z: v.model_copy(update={"incident_group": "a"}) for z, v in whole.zones.items() if z != "z2"}
    played = Played(replace(whole, zones={**whole.zones, **zones}), SETTINGS)
    played.until(30, ALL)
    played.until(110, without("z0"))
    played.until(120, ZONES["z1"], value=0.6)
    played.until(130, ZONES["z1"])
    whys = [(why, areas) for _, _, why, areas in played.gist()]
    assert whys[:2] == [(Why.BLIND, ["z0"]), (Why.OPENED, ["z1"])]
    assert Why.SEEN_AGAIN not in [why for why, _ in whys]


def test_a_zone_is_told_of_again_when_the_warning_that_took_its_notices_place_has_ended(
    played: Played, small_district: Catalogue
) -> None:
    played.until(10, ALL)
    played.until(100, without("z1"))
    whole, blind = city(small_district), played.state.incidents.blind
    blindness = Blindness(whole, list(played.state.conditions), SETTINGS, gateways_of(whole))
    blindness.begin(blind, played.state.conditions)
    water = replace(blind.notices[False].incident, id="water", level=Level.RED, sight=())

    def step(after_s: int, *warned: Incident) -> list[Why]:
        now_ms = START_MS + (played.now_s + after_s) * 1000
        return [a.why for a in blindness.step(blind, (), warned, frozenset(), now_ms)]

    assert step(0, water) == [Why.SEEN_AGAIN]
    assert step(30, water) == []
    assert step(60) == [Why.BLIND]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_grouping_and_restarts_alter_nothing(played: Played, small_district: Catalogue, size: int) -> None:
    played.until(10, ALL)
    played.until(85, without("z0"))
    played.until(160, without("z0", "z1"))
    played.away(300)
    played.until(420, without("z2"))
    played.until(500, ALL)
    assert [m.why for m in played.told].count(Why.BLIND) >= 2
    again = Played(city(small_district))
    told: list[Message] = []
    for first in range(0, len(played.given), size):
        part = played.given[first : first + size]
        batch = ReadingBatch.concat([b for _, b, _ in part])
        entry = [n for n, (_, b, _) in enumerate(part) for _ in range(len(b))]
        again.restart()
        again.state, outcomes = again.engine.steps(again.state, _waiting(batch, entry, part))
        told += [m for o in outcomes for m in o.messages]
    assert [(m.id, m.cap_xml) for m in told] == [(m.id, m.cap_xml) for m in played.told]


def _waiting(
    batch: ReadingBatch, entry: Sequence[int], part: Sequence[tuple[int, ReadingBatch, Sequence[Decision]]]
) -> Waiting:
    import numpy as np

    now_ms = np.array([ms for ms, _, _ in part], np.int64)
    return Waiting(batch, np.array(entry, np.int64), now_ms, [d for _, _, d in part])
