"""What a storm's messages say, all of it: lengths, units, dates and order hold, and a page of them can be made."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from cloud.cap.check import check
from cloud.cap.rules import named, text_of
from cloud.views.decode import readings
from cloud.warnings.engine import Engine
from cloud.warnings.model import Message
from cloud.warnings.settings import WarningSettings
from contract.readings import ReadingBatch
from host.district_folder import load
from simulators.demo.texts import page
from tests.cloud.warnings.city import entry

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
START_MS = 1_626_789_600_000  # 2021-07-20 22:00 in China: past midnight, times need their dates
DEPTHS = {101: 2.4, 421: 0.62, 201: 0.33}
MINUTE_MS = 60_000
VALUE = re.compile(r"\d+(?:\.\d+)?(?:厘米|米| cm| m)")


@cache
def storm() -> list[Message]:
    """Three places rise within an hour, stand for two, one falls silent, all fall within another."""
    catalogue = load(JINSHUI)
    channels = [c for c in DEPTHS if c in catalogue.channels]
    assert len(channels) >= 2
    engine = Engine(catalogue, WarningSettings())
    state, out = engine.initial(), []
    for minute in range(6 * 60):
        share = min(minute / 60, 1.0) if minute < 180 else max(0.0, (240 - minute) / 60)
        heard = [c for c in channels if not (c == channels[-1] and 90 <= minute < 150)]
        now_ms = START_MS + minute * MINUTE_MS
        batch = ReadingBatch.of([now_ms] * len(heard), heard, [DEPTHS[c] * share for c in heard], [1] * len(heard))
        e = entry(minute + 1, now_ms, batch)
        state, outcome = engine.step(state, readings([e]), e.append_ms)
        out += outcome.messages
    assert not state.incidents.open
    return out


def infos(m: Message) -> list[dict[str, str]]:
    out = []
    for info in named(etree.fromstring(m.cap_xml), "info"):
        found = {name: text_of(info, name) or "" for name in ("language", "headline", "description", "instruction")}
        for p in named(info, "parameter"):
            found[text_of(p, "valueName") or ""] = text_of(p, "value") or ""
        out.append(found)
    return out


def test_each_message_is_sound_and_speaks_both_languages() -> None:
    assert len(storm()) > 5
    for m in storm():
        assert check(m.cap_xml, ["google"]) == []
        assert [i["language"] for i in infos(m)] == ["zh-CN", "en"]


def test_lengths_hold() -> None:
    for m in storm():
        zh, en = infos(m)
        assert len(zh["headwater:sms"]) <= 70
        assert len(en["headwater:sms"]) <= 160
        for info in (zh, en):
            assert 0 < len(info["headwater:sign"]) <= 40
            assert 0 < len(info["headline"]) <= 160
            assert 0 < len(info["description"]) <= 700


def test_chinese_is_chinese_and_english_english() -> None:
    for m in storm():
        zh, en = infos(m)
        for part in ("headline", "description", "instruction", "headwater:sign", "headwater:sms"):
            assert not re.search(r"[A-Za-z]", zh[part]), zh[part]
            assert not re.search(r"[一-鿿]", en[part]), en[part]


def test_depths_have_units_and_the_deepest_of_the_worst_level_comes_first() -> None:
    for m in storm():
        if m.msg_type == "Cancel":
            continue
        zh, en = infos(m)
        places = re.findall(r"积水([\d.]+)(厘米|米)（?[^（]*（(..)", zh["description"])
        assert places
        ranks = ["红色", "橙色", "黄色", "蓝色"]
        order = [ranks.index(level) for *_, level in places]
        assert order == sorted(order)
        for info in (zh, en):
            assert VALUE.search(info["headline"]) or "无读数" in info["headline"] or "no reading" in info["headline"]
        metres = float(en["headwater:depth"].removesuffix(" m"))
        value, unit, _ = places[0]
        assert float(value) * (0.01 if unit == "厘米" else 1.0) == pytest.approx(metres, abs=0.006)


def test_times_of_the_day_before_have_their_date() -> None:
    last = infos(storm()[-1])
    assert "7月20日22:" in last[0]["description"]
    assert re.search(r"22:\d\d on 20 July", last[1]["description"])
    for m in storm():
        today = re.search(r"<sent>2021-07-(\d\d)", m.cap_xml.decode())
        assert today is not None
        if today[1] == "20":
            assert "on 20 July" not in m.cap_xml.decode()


def test_nothing_rises_at_no_depth() -> None:
    for m in storm():
        for info in infos(m):
            if re.search(r"(?<![\d.])0 cm|积水0厘米", info["headline"]):
                assert not re.search(r"rising|上涨", info["headline"] + info["headwater:sms"])


def test_the_page_shows_every_message() -> None:
    text = page(storm())
    assert text.count("\n## ") == len(storm())
    assert "- **zh-CN**: " in text
    assert "  - SMS (" in text
