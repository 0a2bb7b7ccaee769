"""What of the log is kept in memory: a stretch without holes up to its end, or nothing."""

from __future__ import annotations

from cloud.log.base import START, Cursor, Entry, EntryKind
from cloud.log.recent import Recent, bounded
from contract.wire.envelope import Lane


def entries(first: int, count: int, size: int = 1) -> list[Entry]:
    return [
        Entry(Cursor(n), 1, EntryKind.BATCH, "gw", 7, n, Lane.LIVE, 1, 1, bytes(size))
        for n in range(first, first + count)
    ]


def behind(recent: Recent, after: int, limit: int = 100) -> list[int]:
    return [e.offset for e in recent.behind(Cursor(after), limit)]


def test_who_follows_gets_what_is_behind_his_cursor_up_to_the_limit() -> None:
    recent = Recent()
    recent.add(entries(11, 3))
    recent.add(entries(14, 2))
    assert behind(recent, 11) == [12, 13, 14, 15]
    assert behind(recent, 11, 2) == [12, 13]
    assert behind(recent, 15) == []


def test_the_disk_must_say_what_lies_before_and_to_who_begins_anew() -> None:
    recent = Recent()
    assert behind(recent, START) == []
    recent.add(entries(11, 3))
    assert behind(recent, START) == []
    assert behind(recent, 10) == []  # whether there was an 11 of another process is not known here
    assert behind(recent, 9) == []


def test_after_an_entry_of_another_process_it_begins_anew() -> None:
    recent = Recent()
    recent.add(entries(11, 3))
    recent.add(entries(15, 2))  # 14 was appended elsewhere
    assert behind(recent, 12) == []
    assert behind(recent, 15) == [16]
    recent.add([])
    assert behind(recent, 15) == [16]
    recent.clear()
    assert behind(recent, 15) == []


def test_it_holds_so_many_entries_and_bytes_and_keeps_the_newest() -> None:
    recent = Recent()
    for first in range(1, 10_001, 100):
        recent.add(entries(first, 100))
    assert behind(recent, 9_990) == list(range(9_991, 10_001))
    assert behind(recent, 5_000) == []
    large = Recent()
    for n in range(1, 101):
        large.add(entries(n, 1, size=1_000_000))
        assert large._bytes <= 16_000_000
    assert behind(large, 99, 5) == [100]


def test_no_more_entries_are_fetched_than_hold_so_many_bytes() -> None:
    fetched = iter(entries(1, 10, size=400))
    assert [e.offset for e in bounded(fetched, 1_000)] == [1, 2, 3]
    assert next(fetched).offset == 4
