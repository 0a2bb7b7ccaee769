"""What holds a view up: nothing for ever, and nothing that another view would notice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from cloud.log.base import Entry, EntryKind
from cloud.log.open import open_log
from cloud.views import runner
from cloud.views.base import RetryLater
from cloud.views.decode import readings, without
from cloud.views.runner import ViewRunner
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from tests.cloud.warnings.city import START_MS, entry, tick
from tests.waiting import until

GOOD = ReadingBatch.of([START_MS], [1], [0.5], [1])


class Numbers:
    """A view that remembers what it was given. trouble: called before each apply."""

    name = "numbers"

    def __init__(self, trouble: Callable[[Sequence[Entry]], None] = lambda _: None) -> None:
        self.trouble = trouble
        self.kinds: dict[int, EntryKind] = {}
        self.at = 0
        self.closed = False

    def cursor(self) -> int:
        return self.at

    def apply(self, entries: Sequence[Entry]) -> None:
        self.trouble(entries)
        readings(entries)
        self.kinds |= {e.offset: e.kind for e in entries}
        self.at = entries[-1].offset

    def reset(self) -> None:
        self.at = 0

    def close(self) -> None:
        self.closed = True


class Log:
    """Just what a runner asks of a log."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        return [e for e in self.entries if e.offset > after][:limit]

    def end(self) -> int:
        return self.entries[-1].offset

    def behind(self, cursor: int) -> int:
        return self.end() - cursor

    def wait(self, _after: int, timeout_s: float) -> None:
        time.sleep(min(timeout_s, 0.01))


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_PAUSE_FIRST_S", 0.01)
    monkeypatch.setattr(runner, "_PAUSE_MAX_S", 0.05)


def poison(offset: int) -> Entry:
    return Entry(offset, START_MS, EntryKind.BATCH, "gw-1", 1, offset, Lane.LIVE, 0, 0, b"\xff no batch")


def follow(view: Numbers, log: Log, aside: Path) -> ViewRunner:
    """To the log's end."""
    r = ViewRunner(view, log, aside)  # type: ignore[arg-type]
    r.start()
    until(lambda: view.cursor() >= log.end())
    r.stop()
    assert view.closed
    return r


@pytest.mark.parametrize("bad", [{2}, {1}, {5}, {1, 2, 3, 4, 5}, {2, 4}])
def test_an_entry_that_cannot_be_read_is_set_aside_and_leaves_its_time(bad: set[int], tmp_path: Path) -> None:
    log = Log([poison(n) if n in bad else entry(n, START_MS, GOOD) for n in range(1, 6)])
    view = Numbers()
    r = follow(view, log, tmp_path / "numbers.aside")
    expected = {n: EntryKind.TICK if n in bad else EntryKind.BATCH for n in range(1, 6)}
    assert view.kinds == expected
    assert r.state().set_aside == len(bad)
    assert r.state().behind == 0
    lines = [json.loads(x) for x in (tmp_path / "numbers.aside").read_text().splitlines()]
    assert {x["offset"] for x in lines} == bad
    assert all("truncated" in x["reason"] for x in lines)
    fresh = Numbers()  # after a restart nothing is found out again
    follow(fresh, log, tmp_path / "numbers.aside")
    assert fresh.kinds == expected
    assert len((tmp_path / "numbers.aside").read_text().splitlines()) == len(bad)


def test_a_torn_line_in_the_list_does_not_keep_the_view_from_starting(tmp_path: Path) -> None:
    aside = tmp_path / "numbers.aside"
    aside.write_text('{"view": "numbers", "offset": 2, "reason": "x"}\n{"view": "numb')
    log = Log([entry(1, START_MS, GOOD), poison(2), poison(3)])
    view = Numbers()
    follow(view, log, aside)
    assert view.kinds == {1: EntryKind.BATCH, 2: EntryKind.TICK, 3: EntryKind.TICK}


def test_a_list_that_cannot_be_written_holds_the_view_up_and_does_not_end_it(tmp_path: Path) -> None:
    log = Log([poison(1), entry(2, START_MS, GOOD)])
    aside = tmp_path / "not yet a folder" / "numbers.aside"
    view = Numbers()
    r = ViewRunner(view, log, aside)  # type: ignore[arg-type]
    r.start()
    until(lambda: "No such file" in r.state().trouble)
    aside.parent.mkdir()
    until(lambda: view.cursor() >= 2)
    r.stop()
    assert view.kinds == {1: EntryKind.TICK, 2: EntryKind.BATCH}


@pytest.mark.parametrize("error", [RetryLater("the store is away"), ValueError("a defect")])
def test_a_view_in_trouble_is_tried_again_ever_more_seldom(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_PAUSE_MAX_S", 0.1)
    times: list[float] = []

    def trouble(_: Sequence[Entry]) -> None:
        times.append(time.monotonic())
        if len(times) < 6:
            raise error

    view = Numbers(trouble)
    r = follow(view, Log([entry(1, START_MS, GOOD)]), tmp_path / "a")
    assert view.kinds == {1: EntryKind.BATCH}
    gaps = [b - a for a, b in pairwise(times)]
    assert all(gap >= wanted for gap, wanted in zip(gaps, (0.01, 0.02, 0.04, 0.08, 0.1), strict=True))
    assert r.state().set_aside == 0


@pytest.mark.parametrize("bad", [{1}, {3}, {5}, {2, 4}])
def test_an_entry_that_a_defect_cannot_take_is_set_aside_in_the_end_and_the_others_go_on(
    bad: set[int], tmp_path: Path
) -> None:
    def trouble(entries: Sequence[Entry]) -> None:
        if any(e.offset in bad and e.kind is EntryKind.BATCH for e in entries):
            raise OverflowError("cannot convert float infinity to integer")

    view = Numbers(trouble)
    r = follow(view, Log([entry(n, START_MS, GOOD) for n in range(1, 6)]), tmp_path / "a")
    assert view.kinds == {n: EntryKind.TICK if n in bad else EntryKind.BATCH for n in range(1, 6)}
    assert (r.state().trouble, r.state().set_aside) == ("", len(bad))
    lines = [json.loads(x) for x in (tmp_path / "a").read_text().splitlines()]
    assert [(x["offset"], x["reason"][:13]) for x in lines] == [(n, "OverflowError") for n in sorted(bad)]


@pytest.mark.parametrize("error", [OSError("disk full"), MemoryError(), RuntimeError("of another kind")])
def test_no_entry_is_to_blame_for_a_full_disk(error: Exception, tmp_path: Path) -> None:
    times: list[int] = []

    def trouble(_: Sequence[Entry]) -> None:
        times.append(1)
        if len(times) < 20:
            raise error

    view = Numbers(trouble)
    r = follow(view, Log([entry(1, START_MS, GOOD)]), tmp_path / "a")
    assert view.kinds == {1: EntryKind.BATCH}
    assert r.state().set_aside == 0


def test_what_fails_for_its_time_alone_is_not_set_aside_twice(tmp_path: Path) -> None:
    times: list[int] = []

    def trouble(_: Sequence[Entry]) -> None:
        times.append(1)
        if len(times) < 20:
            raise ValueError("whatever comes")

    view = Numbers(trouble)
    r = follow(view, Log([entry(1, START_MS, GOOD)]), tmp_path / "a")
    assert view.kinds == {1: EntryKind.TICK}
    assert r.state().set_aside == 1


def test_trouble_is_shown_while_it_lasts(tmp_path: Path) -> None:
    def trouble(_: Sequence[Entry]) -> None:
        raise RetryLater("influx answers 503")

    r = ViewRunner(Numbers(trouble), Log([entry(1, START_MS, GOOD)]), tmp_path / "a")  # type: ignore[arg-type]
    r.start()
    until(lambda: r.state().trouble)
    r.stop()
    assert (r.state().trouble, r.state().behind) == ("influx answers 503", 1)


def test_handled_is_what_was_applied_and_not_what_waits(tmp_path: Path) -> None:
    held = threading.Event()

    def trouble(entries: Sequence[Entry]) -> None:
        if entries[-1].offset > 2 and not held.is_set():
            raise RetryLater("the store is away")

    log = Log([tick(1, START_MS), tick(2, START_MS + 5000)])
    follower = ViewRunner(Numbers(trouble), log, tmp_path / "aside")
    assert follower.handled_ms is None
    follower._step()
    assert follower.handled_ms == START_MS + 5000
    log.entries = [*log.entries, tick(3, START_MS + 9000)]
    with pytest.raises(RetryLater):
        follower._step()
    assert follower.handled_ms == START_MS + 5000
    held.set()
    follower._step()
    assert follower.handled_ms == START_MS + 9000


def test_without_keeps_the_times_of_what_it_leaves_out() -> None:
    log = [entry(1, START_MS, GOOD), tick(2, START_MS + 5), entry(3, START_MS + 9, GOOD)]
    left = without(log, {3})
    assert left[:2] == log[:2]
    assert (left[2].offset, left[2].append_ms, left[2].kind, left[2].payload) == (3, START_MS + 9, EntryKind.TICK, b"")


def test_it_follows_a_real_log_and_starts_where_it_stopped(tmp_path: Path) -> None:
    from cloud.log.base import NewEntry

    log = open_log(tmp_path)
    payload = entry(1, START_MS, GOOD).payload
    view = Numbers()
    for seq in (1, 2, 3):
        log.append([NewEntry("gw-1", 1, seq, Lane.LIVE, START_MS, START_MS, payload)], START_MS + seq)
    follow(view, log, tmp_path / "a")  # type: ignore[arg-type]
    assert len(view.kinds) == 3
    log.append([NewEntry("gw-1", 1, 4, Lane.LIVE, START_MS, START_MS, payload)], START_MS + 4)
    view.closed = False
    before = dict(view.kinds)
    view.kinds.clear()
    follow(view, log, tmp_path / "a")  # type: ignore[arg-type]
    assert len(view.kinds) == 1
    assert not before.keys() & view.kinds.keys()


def test_a_view_that_has_nothing_to_do_is_told_so_in_its_own_thread(tmp_path: Path) -> None:
    view, log, told = Numbers(), Log([entry(1, START_MS, GOOD), tick(2, START_MS)]), []
    r = ViewRunner(view, log, tmp_path / "a", at_rest=lambda: told.append((threading.current_thread().name, view.at)))  # type: ignore[arg-type]
    r.start()
    until(lambda: told)
    r.stop()
    assert set(told) == {("view numbers", 2)}
