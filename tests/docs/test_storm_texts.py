"""docs/pictures/storm-texts.md: every text of the storm of 20 July 2021 keeps its length, its units and its order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "pictures" / "storm-texts.md"
RANK = {"blue": 0, "yellow": 1, "orange": 2, "red": 3, "蓝色": 0, "黄色": 1, "橙色": 2, "红色": 3}
# A place of a description: its value with a unit, how it moves where that is known, and its level with the time of the
# reading.
EN = re.compile(
    r"(?P<value>[\d.]+ (?:cm|m)) of water(?:, (?:rising|falling|steady)[^(]*| )\((?P<level>\w+), at \d\d:\d\d\)"
)
ZH = re.compile(r"积水(?P<value>[\d.]+(?:厘米|米))(?:，(?:每|水位)[^（]*)?（(?P<level>..)，\d\d:\d\d）")


@pytest.fixture(scope="module")
def messages() -> list[str]:
    return PAGE.read_text("utf-8").split("\n## ")[1:]


def test_there_are_as_many_as_the_page_says(messages: list[str]) -> None:
    said = re.search(r"(\d+) messages, and (\d+) renewal", PAGE.read_text("utf-8"))
    assert said is not None
    renewals = sum("renewal" in m.splitlines()[0] for m in messages)
    assert (len(messages) - renewals, renewals) == tuple(map(int, said.groups()))
    assert len(messages) - renewals <= 45


def test_every_text_keeps_its_length(messages: list[str]) -> None:
    text = "\n".join(messages)
    headlines = re.findall(r"^- \*\*(zh-CN|en)\*\*: (.*)$", text, re.MULTILINE)
    assert {language for language, _ in headlines} == {"zh-CN", "en"}
    assert max(len(headline) for _, headline in headlines) <= 160
    for kind, most in (("sign", 40), ("SMS", 160)):
        found = re.findall(rf"^  - {kind} \((\d+)\): (.*)$", text, re.MULTILINE)
        assert len(found) == len(headlines)
        assert all(int(n) == len(words) <= most for n, words in found)
    chinese = re.findall(r"^  - SMS \(\d+\): (【.*)$", text, re.MULTILINE)
    assert max(map(len, chinese)) <= 70  # one SMS holds no more in Chinese


def test_places_have_units_and_times_and_the_worst_stands_first(messages: list[str]) -> None:
    seen = 0
    for message in messages:
        for description in re.findall(r"^  - description: (.*)$", message, re.MULTILINE):
            pattern, separator = (ZH, "；") if "。" in description else (EN, ";")
            places = [m.groupdict() for m in pattern.finditer(description)]
            levels = [RANK[p["level"]] for p in places]
            assert levels == sorted(levels, reverse=True), description
            seen += len(places)
            if "Cancel" not in message:
                assert places, description
                assert len(places) <= description.count(separator) + 1
    assert seen > 100


def test_a_simulated_storm_is_never_actual(messages: list[str]) -> None:
    for message in messages:
        assert "(Exercise, " in message
        assert "(Actual" not in message


def test_the_end_names_every_zone_that_was_told_last(messages: list[str]) -> None:
    cancel, eased = messages[-1], messages[-2]
    assert "Cancel (Exercise, AllClear)" in cancel
    zones = re.search(r"zh-CN\*\*: 【演练】(.*?)橙色", eased)
    assert zones is not None
    assert zones.group(1) in cancel
