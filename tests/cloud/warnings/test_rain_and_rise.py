"""Rain and rise on their way from readings to what people read: conditions, incident, texts, all-clear."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.warnings.codec import incident_from_json, incident_json
from cloud.warnings.model import Evidence, MsgType
from cloud.warnings.settings import WarningSettings
from cloud.warnings.telling import Telling
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.channel_settings import Quality, RainGauge, Reporting
from contract.catalogue.places import RainFormula, StationKind
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import START_MS, entry, tick

GAUGE, STREET, MINUTE = 301, 201, 60_000
DELAYS = {"on_delay_s": 0, "off_delay_s": 300, "min_hold_s": 0}
RAIN = {"detector": "rain_window", "station_kind": "rain", "hysteresis": 5, "stale_after_s": 2400, **DELAYS}
RULES = (
    Rule(id="rain-3h", levels={Level.ORANGE: 50, Level.RED: 100}, settings={"window_s": 10_800}, **RAIN),
    Rule(id="rain-1h", levels={Level.BLUE: 20}, settings={"window_s": 3600}, **RAIN),
    Rule(
        id="rise",
        detector="rate_of_rise",
        stations=("s1",),
        levels={Level.YELLOW: 3},
        hysteresis=1,
        stale_after_s=1500,
        **DELAYS,
    ),
)


@pytest.fixture
def district(small_district: Catalogue) -> Catalogue:
    own, street = small_district.channels[101], small_district.channels[STREET]
    station = street.station.model_copy(update={"id": "r1", "name": "Rain Gauge", "kind": StationKind.RAIN})
    gauge = replace(
        own,
        id=GAUGE,
        station=station,
        register=own.register.model_copy(update={"quantity": Quantity.RAIN_TOTAL}),
        device=own.device.model_copy(update={"period_s": 60.0}),
        quality=Quality(rain_gauge=RainGauge(tip_mm=0.2)),
        reporting=Reporting(heartbeat_s=1800.0),
    )
    return replace(
        small_district,
        district=small_district.district.model_copy(
            update={"rain_formula": RainFormula(a=16.07, c=0.775, b=14.138, n=0.751)}
        ),
        stations={**small_district.stations, "r1": station},
        channels={STREET: street, GAUGE: gauge},
        rules=RULES,
    )


def storm() -> list[Entry]:
    """A dry hour, 1.5 mm a minute for forty minutes, three dry hours; the street rises by 4 cm a minute from the
    twentieth to the thirtieth minute of rain, and falls by 1 from then on."""
    log, total = [], 50.0
    for minute in range(300):
        total += 1.5 if 60 < minute <= 100 else 0.0
        depth = min(max(0.04 * (minute - 80), 0.0), 0.4) if minute < 92 else max(0.4 - 0.01 * (minute - 92), 0.0)
        now_ms = START_MS + minute * MINUTE
        batch = ReadingBatch.of([now_ms] * 2, [GAUGE, STREET], [round(total, 1), round(depth, 2)], [1, 1])
        log.append(entry(minute + 1, now_ms, batch))
    return log


def followed(district: Catalogue, cut: int, restart: bool = False) -> WarningsView:
    log, settings = storm(), WarningSettings(languages=("zh-CN", "en"))
    view = open_view(open_ledger("sqlite://"), district, settings, snapshot_s=0)
    for k in range(0, len(log), cut):
        view.apply(log[k : k + cut])
        if restart and k % 50 == 0:
            view = open_view(view.ledger, district, settings, snapshot_s=0)
    return view


def texts(view: WarningsView) -> list[str]:
    return [m.cap_xml.decode() for m in reversed(list(view.reader.messages()))]


def test_rain_warns_in_words_of_rain_and_ends_in_them(district: Catalogue) -> None:
    rain = replace(district, rules=RULES[:2])
    messages = texts(followed(rain, 10))
    headlines = [re.findall(r"<headline>(.*?)</headline>", m) for m in messages]
    events = {e for m in messages for e in re.findall(r"<event>(.*?)</event>", m)}
    assert events == {"强降雨", "Heavy rain"}
    assert any("1小时雨量" in h and "蓝色雨量预警" in h for h, _ in headlines)
    assert any("3小时雨量51.0毫米" in h and "橙色雨量预警" in h for h, _ in headlines)
    assert any("51.0 mm of rain in 3 h" in h and "Orange rain warning" in h for _, h in headlines)
    assert headlines[-1][0].startswith("解除：") and "雨量预警" in headlines[-1][0]
    for m in messages:
        assert "积水路段" not in m
        assert "Waterlogging" not in m and "WATER ON ROAD" not in m


def test_people_are_told_to_stay_in_for_rain_and_to_keep_away_from_water(district: Catalogue) -> None:
    """Red or orange rain beside yellow water: the response is rain's, the instruction both."""
    rain = texts(followed(replace(district, rules=RULES[:2]), 10))
    of = [
        re.findall(r"<(?:responseType|value)>(Shelter|Monitor|Avoid|Evacuate|AllClear|OET-\d+)</", m)[:2] for m in rain
    ]
    assert of[0] == ["Monitor", "OET-159"]  # blue
    assert ["Shelter", "OET-159"] in of
    assert of[-1] == ["AllClear", "OET-159"]
    mixed = next(m for m in texts(followed(district, 300)) if "橙色雨量预警" in m and "First Street" in m)
    assert "<responseType>Shelter</responseType>" in mixed and "OET-140" in mixed
    assert "Heavy rain: stay indoors if you can." in mixed and "Do not drive into water." in mixed


@pytest.mark.parametrize(
    "said", ["降雨已减弱，预警解除。", "The rain has eased in [^;]*; the warning is over."], ids=["zh", "en"]
)
def test_rain_has_eased_and_no_water_has_gone(district: Catalogue, said: str) -> None:
    last = texts(followed(replace(district, rules=RULES[:2]), 10))[-1]
    assert re.search(said, last)
    for never in ("积水已消退", "water has gone", "淤泥", "Mind mud"):
        assert never not in last


def test_places_in_short_say_what_they_measure(district: Catalogue) -> None:
    zh = Telling(district)
    seen = Evidence(
        ConditionKey(Target.of_channel(STREET), "rise"),
        STREET,
        "s1",
        Quantity.RISE_RATE,
        Level.ORANGE,
        ConditionState.ACTIVE,
        3.5,
        START_MS,
    )
    rain = replace(seen, key=ConditionKey(Target.of_channel(GAUGE), "rain-3h"), channel=GAUGE, station="r1")
    rain = replace(rain, quantity=Quantity.RAIN_SUM, value=50.8, over_s=10_800.0)
    depth = replace(seen, quantity=Quantity.DEPTH, value=0.25)
    day = date(2021, 7, 20)
    assert zh.brief(seen, day, "zh").endswith("（水位每分钟上涨3.5厘米，橙色）")
    assert zh.brief(rain, day, "zh").endswith("（3小时雨量50.8毫米，橙色）")
    assert zh.brief(depth, day, "zh").endswith("（25厘米，橙色）")
    assert zh.brief(seen, day, "en").endswith("(water rising 3.5 cm a minute, orange)")


def test_a_rise_is_told_in_centimetres_a_minute(district: Catalogue) -> None:
    messages = texts(followed(replace(district, rules=RULES[2:]), 10))
    assert re.search(r"<headline>[^<]*水位每分钟上涨[34]\.\d厘米", messages[0])
    assert re.search(r"<headline>[^<]*water rising [34]\.\d cm a minute", messages[0])
    assert "<event>城市内涝</event>" in messages[0]


def test_both_stand_in_one_incident_with_their_units_and_come_back_from_the_ledger(district: Catalogue) -> None:
    view = followed(district, 300)
    (mixed,) = [m for m in texts(view) if "橙色雨量预警" in m and "First Street" in m]
    assert "<value>前方积水 请绕行</value>" in mixed  # the water is yellow, whatever the rain is
    assert "传感器可能" not in mixed
    assert any("60.0毫米，约1年一遇" in m and "60.0 mm of rain in 3 h, about once a year" in m for m in texts(view))
    seen = {(e.quantity, e.over_s) for m in view.reader.messages() for e in m.evidence}
    assert seen == {(Quantity.RAIN_SUM, 10_800.0), (Quantity.RAIN_SUM, 3600.0), (Quantity.RISE_RATE, None)}
    (incident,) = view.reader.incidents()
    assert incident.closed_ms is not None
    assert incident_from_json(incident_json(incident)) == incident


@pytest.mark.parametrize("restart", [False, True])
def test_how_entries_are_grouped_and_restarts_alter_no_message(district: Catalogue, restart: bool) -> None:
    whole = texts(followed(district, 300))
    assert [texts(followed(district, cut, restart)) for cut in ((7,) if restart else (1, 7))] == [whole] * (
        1 if restart else 2
    )
    assert MsgType.CANCEL.value in whole[-1]


def test_silence_of_a_rain_gauge_is_no_all_clear(district: Catalogue) -> None:
    view = open_view(open_ledger("sqlite://"), replace(district, rules=RULES[:2]), snapshot_s=0)
    log = storm()[:100]
    view.apply([*log, tick(101, log[-1].now_ms + 6 * 3_600_000)])
    (incident,) = view.reader.incidents()
    assert incident.closed_ms is None
    assert {e.key.target for e in incident.evidence} == {Target.of_channel(GAUGE)}
