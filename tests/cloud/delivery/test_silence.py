"""When the others are told that a consumer takes nothing."""

from cloud.delivery.notice import NoticeType
from cloud.delivery.silence import Silence


def test_once_after_a_while_and_once_when_it_is_back() -> None:
    silence = Silence(300.0)
    assert [silence.news(since, now) for since, now in ((None, 0), (1000, 2000), (1000, 300_999))] == [None] * 3
    assert silence.news(1000, 301_000) is NoticeType.SILENT
    assert silence.news(1000, 900_000) is None
    assert silence.news(None, 900_001) is NoticeType.BACK
    assert silence.news(None, 900_002) is None


def test_a_short_trouble_is_no_news() -> None:
    silence = Silence(300.0)
    assert (silence.news(0, 299_999), silence.news(None, 300_000)) == (None, None)
