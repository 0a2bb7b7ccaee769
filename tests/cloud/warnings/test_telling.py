"""What is told of an incident: worst first, so many at most, and nothing that nobody knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud.warnings.model import Announcement, Certainty, Evidence, Incident, Message, MsgType, Why
from cloud.warnings.telling import MOST_PLACES, Telling, language_of_text, worst_first
from cloud.warnings.texts import PARTS, Texts, Words
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import LANGUAGES, Language, NameText
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target
from host.district_folder import load

NOW_MS = 1_626_768_240_000  # 2021-07-20 16:04 in China
JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"


def seen(station: str, level: Level, value: float | None, **more: object) -> Evidence:
    number = sum(map(ord, station))
    key = ConditionKey(Target.of_channel(number), "r")
    whole = Evidence(key, number, station, Quantity.DEPTH, level, ConditionState.ACTIVE, value, NOW_MS - 30_000)
    return replace(whole, **more)  # type: ignore[arg-type]


def incident(*evidence: Evidence, level: Level = Level.RED) -> Incident:
    opened_ms = NOW_MS - 3_600_000
    return Incident("i", "shakou", level, level, Certainty.OBSERVED, opened_ms, NOW_MS, None, evidence)


@pytest.fixture(scope="module")
def jinshui() -> Catalogue:
    return load(JINSHUI)


def words(
    catalogue: Catalogue, about: Incident, language: Language, why: Why = Why.OPENED, now_ms: int = NOW_MS
) -> Words:
    kind = MsgType.ALERT if why is Why.OPENED else MsgType.UPDATE
    said = Telling(catalogue).of(Announcement(about, kind, why), (), now_ms, language, "Actual")
    return Texts(language).words(said)


def test_the_worst_comes_first_and_each_place_once() -> None:
    about = incident(
        seen("a", Level.YELLOW, 0.9),
        seen("b", Level.RED, 0.5, state=ConditionState.UNKNOWN),
        seen("c", Level.RED, 0.6),
        seen("d", Level.RED, 2.0, quantity=Quantity.STAGE),
        seen("c", Level.ORANGE, 0.6, key=ConditionKey(Target.of_channel(1), "another")),
    )
    assert [(e.station, e.level) for e in worst_first(about)] == [
        ("c", Level.RED),
        ("b", Level.RED),
        ("d", Level.RED),
        ("a", Level.YELLOW),
    ]


def crowd(catalogue: Catalogue, n: int) -> tuple[Catalogue, Incident]:
    """A zone of n stations: one red, the others yellow or blue."""
    like = next(iter(catalogue.stations.values()))
    stations: dict[str, Station] = {}
    for i in range(n):
        name = NameText.of({"zh": f"第{i}号下穿式立交桥北侧积水监测站", "en": f"Underpass number {i}, northern side"})
        stations[f"x{i}"] = like.model_copy(update={"id": f"x{i}", "name": name})
    evidence = [seen(f"x{i}", Level.YELLOW if i % 2 else Level.BLUE, 0.15 + i / 1000) for i in range(n - 1)]
    return replace(catalogue, stations=stations), incident(*evidence, seen(f"x{n - 1}", Level.RED, 1.464))


def test_two_hundred_stations_fit_and_the_red_one_is_first(jinshui: Catalogue) -> None:
    catalogue, about = crowd(jinshui, 200)
    en, zh = words(catalogue, about, "en"), words(catalogue, about, "zh")
    assert "200 places in Shakou Road: Underpass number 199, northern side: 1.46 m of water (red" in en.description
    assert en.description.count("northern side") == MOST_PLACES
    assert "; and 195 more at or above blue." in en.description
    assert "共200处：第199号下穿式立交桥北侧积水监测站积水1.46米（红色，16:03）" in zh.description
    assert "另有195处达到蓝色及以上。" in zh.description
    assert len(en.description) < 700
    assert len(zh.description) < 400


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_names_leave_every_part_within_its_length(jinshui: Catalogue, language: Language) -> None:
    name = NameText.of({"zh": "长" * 200, "en": "Long" * 50})
    catalogue = replace(
        jinshui,
        stations={s: x.model_copy(update={"name": name}) for s, x in jinshui.stations.items()},
        zones={z: x.model_copy(update={"name": name}) for z, x in jinshui.zones.items()},
    )
    evidence = [
        seen(s, Level.ORANGE, 12.345, rise_per_min=-0.998, doubt="step to a constant") for s in catalogue.stations
    ]
    told = Telling(catalogue).of(
        Announcement(incident(*evidence, level=Level.ORANGE), MsgType.UPDATE, Why.JOINED),
        (),
        NOW_MS,
        language,
        "Exercise",
    )
    assert Texts(language).overlong(told) is None
    found = Texts(language).words(told)
    for part, longest in PARTS.items():
        assert 0 < len(getattr(found, part)) <= longest[LANGUAGES.index(language)]


def test_silence_says_since_when_and_with_its_date(jinshui: Catalogue) -> None:
    two_days_ago = NOW_MS - 2 * 86_400_000 - 27_300_000
    about = incident(
        seen("u1", Level.YELLOW, 0.3, state=ConditionState.UNKNOWN, time_ms=two_days_ago, rise_per_min=0.01)
    )
    en, zh = words(jinshui, about, "en"), words(jinshui, about, "zh")
    assert "30 cm of water (yellow, silent since 08:29 on 18 July: its level is held)" in en.description
    assert "积水30厘米（黄色，7月18日08:29后无数据，维持原级别）" in zh.description
    assert "08:29 on 18 July" in en.headline
    assert "rising" not in en.description + en.headline + en.sms


def test_doubt_is_said(jinshui: Catalogue) -> None:
    about = incident(seen("u1", Level.RED, 1.4, doubt="step to a constant"))
    assert "(red, at 16:03, the sensor may be blocked)" in words(jinshui, about, "en").description
    assert "传感器可能被遮挡" in words(jinshui, about, "zh").description


def test_nothing_rises_at_no_depth_or_while_it_falls(jinshui: Catalogue) -> None:
    plan = jinshui.response_plan
    rising = plan.responses[Level.RED].model_copy(update={"headline": NameText.of("Water rising")})
    told = replace(jinshui, response_plan=plan.model_copy(update={"responses": {**plan.responses, Level.RED: rising}}))
    for value, rise, said in ((0.002, 0.01, False), (0.0, None, False), (0.5, -0.01, False), (0.5, 0.01, True)):
        en = words(told, incident(seen("u1", Level.RED, value, rise_per_min=rise)), "en")
        assert ("rising" in en.description.lower()) == said, en.description
        assert ("rising" in (en.headline + en.sms + en.sign).lower()) == said


def test_a_plan_in_one_language_is_not_said_in_the_other(jinshui: Catalogue) -> None:
    plan = jinshui.response_plan
    english = {"headline": NameText.of("Deep water"), "instruction": NameText.of("Close the tunnel.")}
    red = plan.responses[Level.RED].model_copy(update=english)
    told = replace(jinshui, response_plan=plan.model_copy(update={"responses": {**plan.responses, Level.RED: red}}))
    about = incident(seen("u1", Level.RED, 0.5))
    zh, en = words(told, about, "zh"), words(told, about, "en")
    for part in PARTS:
        assert not any("a" <= c <= "z" for c in getattr(zh, part).lower()), part
    assert "呼叫消防救援" in zh.instruction  # ours
    assert en.description.endswith(" Deep water.")
    assert en.instruction.endswith(" Close the tunnel.")


def test_the_plans_words_stand_in_their_own_language(jinshui: Catalogue) -> None:
    plan = jinshui.response_plan
    both = NameText.of({"zh": "关闭隧道", "en": "Close the tunnel"})
    red = plan.responses[Level.RED].model_copy(update={"instruction": both})
    told = replace(jinshui, response_plan=plan.model_copy(update={"responses": {**plan.responses, Level.RED: red}}))
    about = incident(seen("u1", Level.RED, 0.5))
    assert words(told, about, "zh").instruction.endswith("排水、交警人员：关闭隧道")
    assert words(told, about, "en").instruction.endswith("Drainage crews and police: Close the tunnel")


def test_places_that_reached_their_level_since_the_last_message_are_named(jinshui: Catalogue) -> None:
    stations = [s for s in jinshui.stations.values() if s.zone == "shakou"][:2]
    old, new = (s.id for s in stations)
    name = stations[1].name
    about = incident(
        seen(old, Level.RED, 1.4, since_ms=NOW_MS - 900_000), seen(new, Level.BLUE, 0.12, since_ms=NOW_MS - 60_000)
    )
    before = Message("m", "i", NOW_MS - 600_000, MsgType.ALERT, Level.RED, (), b"", why=Why.OPENED)
    for why in (Why.JOINED, Why.DEEPER):
        said = Telling(jinshui).of(Announcement(about, MsgType.UPDATE, why), [before], NOW_MS, "en", "Actual")
        assert said["fresh"] == (name if isinstance(name, str) else name["en"])
        assert Texts("en").words(said).description.partition(";")[0].endswith(f": {said['fresh']}")
        told = replace(before, id="n", sent_ms=NOW_MS, why=why)
        renewed = Announcement(about, MsgType.UPDATE, Why.RENEWAL)
        again = Telling(jinshui).of(renewed, [before, told], NOW_MS, "en", "Actual")
        assert again == said  # also when it is renewed
    deeper = replace(about, evidence=about.evidence[:1])
    said = Telling(jinshui).of(Announcement(deeper, MsgType.UPDATE, Why.DEEPER), [before], NOW_MS, "en", "Actual")
    assert said["fresh"] == ""
    assert Texts("en").words(said).description.startswith("The water is markedly deeper")


@pytest.mark.parametrize(
    ("language", "brief"),
    [("en", "Weiwu Underpass (26 cm, orange)"), ("zh", "纬五路下穿隧道（26厘米，橙色）")],
)
def test_a_place_that_is_new_and_not_among_the_worst_is_told_with_value_and_level(
    jinshui: Catalogue, language: Language, brief: str
) -> None:
    weiwu = next(s.id for s in jinshui.stations.values() if s.name.into("en") == "Weiwu Underpass")
    others = [s for s in jinshui.stations if s != weiwu][:7]
    worse = [seen(s, Level.RED, 1.4, since_ms=NOW_MS - 900_000) for s in others]
    about = incident(*worse, seen(weiwu, Level.ORANGE, 0.26, since_ms=NOW_MS - 60_000))
    before = Message("m", "i", NOW_MS - 600_000, MsgType.ALERT, Level.RED, (), b"", why=Why.OPENED)
    said = Telling(jinshui).of(Announcement(about, MsgType.UPDATE, Why.DEEPER), [before], NOW_MS, language, "Actual")
    assert said["fresh"] == brief
    assert brief in Texts(language).words(said).description


def test_zones_in_a_headline_are_counted_where_their_names_do_not_fit(jinshui: Catalogue) -> None:
    about = replace(incident(seen("a", Level.RED, 1.4)), zones=tuple(jinshui.zones))
    said = Telling(jinshui).of(Announcement(about, MsgType.UPDATE, Why.WORSE), (), NOW_MS, "en", "Actual")
    assert said["where"].endswith(f" and {len(jinshui.zones) - 1} more zones")
    assert len(said["where"]) <= 34


def test_a_renewal_says_the_same_again(jinshui: Catalogue) -> None:
    about = incident(seen("u1", Level.RED, 0.5))
    first = words(jinshui, about, "zh", Why.OPENED)
    again = words(jinshui, about, "zh", Why.RENEWAL, NOW_MS + 3_000_000)
    assert (again.headline, again.description) == (first.headline, first.description)


def test_what_a_plain_text_is_written_in() -> None:
    assert [language_of_text(t) for t in ("Water", "积水 water", "")] == ["en", "zh", "en"]


@pytest.mark.parametrize(
    ("language", "of_depth", "said", "unsaid"),
    [
        ("en", True, "the water has gone", "back to normal"),
        ("en", False, "readings back to normal", "gone"),
        ("zh", True, "积水已消退", "恢复正常。"),
        ("zh", False, "监测值已恢复正常", "消退"),
    ],
)
def test_the_water_has_gone_only_where_depths_say_so(
    jinshui: Catalogue, language: Language, of_depth: bool, said: str, unsaid: str
) -> None:
    end = Announcement(incident(), MsgType.CANCEL, Why.ENDED_DRY, of_depth)
    found = Texts(language).words(Telling(jinshui).of(end, (), NOW_MS, language, "Actual"))
    assert said in found.headline
    assert said in found.sms
    assert unsaid not in found.headline + found.description + found.sms
