"""What a CAP message says to people."""

from __future__ import annotations

import pytest

from cloud.delivery.readable import in_languages, infos
from tests.cloud.delivery.people_texts import MESSAGE

XML = MESSAGE.cap_xml


def test_each_language_is_read() -> None:
    chinese, english = infos(XML)
    assert (chinese.headline, chinese.text, chinese.sms) == (
        "郑州东: 红色积水预警",
        "水深 0.5 米\n\n请绕行",
        "红色积水预警，请绕行",
    )
    assert english.sms == english.headline  # it has none of its own


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["zh"], ["zh-CN"]),
        (["EN"], ["en-US"]),
        (["en-US", "zh"], ["zh-CN", "en-US"]),
        (["en-GB"], ["zh-CN", "en-US"]),  # it has none of these: all
        (["z"], ["zh-CN", "en-US"]),
    ],
)
def test_languages_are_chosen(wanted: list[str], found: list[str]) -> None:
    assert [info.language for info in infos(XML, wanted)] == found
    assert [info.language for info in infos(in_languages(XML, wanted))] == found


def test_a_message_of_which_nothing_is_taken_out_stays_as_it_is_to_the_byte() -> None:
    assert in_languages(XML, ["zh", "en"]) is XML
    assert in_languages(XML, []) is XML


def test_what_is_no_xml_is_refused() -> None:
    with pytest.raises(ValueError, match="no XML"):
        infos(b"<alert")
