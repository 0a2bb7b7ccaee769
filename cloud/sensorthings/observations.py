"""Observations: readings, picked by time and channel in the store, and by all else one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.sensorthings.evaluate import Evaluator, sortable
from cloud.sensorthings.model import KINDS, Entity, Model
from cloud.sensorthings.reading import TooDense, in_order
from cloud.sensorthings.syntax import Call, Node, Options, Order, Path, both, conjuncts, paths
from contract.clock import iso
from contract.readings import Bools, ReadingBatch

MOST_COUNTED = 2_000_000  # readings looked at for one answer, where their time and channel say all
MOST_TRIED = 100_000  # where each must be tried by a filter, or all be put in another order
MOST_ENTITIES = 30_000  # in one answer, those within others counted
MOST_ASKED = 500  # times that the store is asked for one answer
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_800_000  # the year 10000
_TIMES = (("phenomenonTime",), ("resultTime",))
_MIRRORED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge", "eq": "eq"}


@dataclass(frozen=True, slots=True)
class Page:
    """count: where it was asked for. skip, after: where the next page begins; None both: there is none."""

    entities: list[Entity]
    count: int | None = None
    skip: int | None = None
    after: tuple[int, int] | None = None


class Budget:
    """What one answer may look at and hold. Raises Problem(413) when that is over."""

    def __init__(self) -> None:
        self._counted = self._tried = self._made = self._asked = 0

    def make(self, entities: int) -> None:
        self._made += entities
        if self._made > MOST_ENTITIES:
            what = f"more than {MOST_ENTITIES} entities: expand less, or take a smaller $top"
            raise Problem(413, "Too much for one answer", what)

    def ask(self) -> None:
        """The store, once more."""
        self._asked += 1
        if self._asked > MOST_ASKED:
            what = f"Observations of more than {MOST_ASKED} entities: take a smaller $top, or fewer Things"
            raise Problem(413, "Too much for one answer", what)

    def count(self, rows: int) -> None:
        self._counted += rows
        self._check(self._counted, MOST_COUNTED)

    def attempt(self, rows: int) -> None:
        self._tried += rows
        self._check(self._tried, MOST_TRIED)

    def _check(self, found: int, most: int) -> None:
        if found > most:
            what = f"more than {most} readings would be looked at: name a Datastream, and a time as in $filter="
            raise Problem(413, "Too much for one answer", what + "phenomenonTime ge 2021-07-20T00:00:00Z")


def observation(channel: int, time_ms: int, value: float, flag: int) -> Entity:
    time = iso(time_ms)
    properties = {
        "phenomenonTime": time,
        "resultTime": time,
        "result": value if math.isfinite(value) else None,
        "resultQuality": flag,
    }
    return Entity(KINDS["Observations"], f"{channel}-{time_ms}", properties, time_ms, channel)


class Observations:
    def __init__(self, services: Services, model: Model, evaluator: Evaluator, budget: Budget) -> None:
        self._services, self._model, self._evaluator, self._budget = services, model, evaluator, budget

    def get(self, id: str) -> Entity | None:
        """None where there is none."""
        channel, _, time = id.partition("-")
        if not all(x.isascii() and x.isdigit() and len(x) < 16 for x in (channel, time)):
            return None
        if int(channel) not in self._model.channels or int(time) >= _LAST_MS:
            return None
        found = list(_entities(self._services.series.raw([int(channel)], int(time), int(time) + 1)))
        return found[0] if found and found[0].id == id else None

    def page(self, channels: Sequence[int], options: Options, size: int) -> Page:
        """At most `size` of them. Raises Problem(413), evaluate.Wrong."""
        self._budget.ask()
        scope = self._scope(list(channels), options.filter)
        count = sum(len(rows) for rows in self._matching(scope, False, 1)) if options.count else None
        if size == 0:
            return Page([], count)
        by_time = _by_time(options.orderby)
        if by_time is None:
            return replace(self._sorted(scope, options, size), count=count)
        return replace(self._in_time(scope, options, size, by_time), count=count)

    def _in_time(self, scope: _Scope, options: Options, size: int, newest_first: bool) -> Page:
        scope = scope.after(options.after, newest_first)
        left, found = options.skip, list[Entity]()
        for rows in self._matching(scope, newest_first, options.skip + size + 1):
            found += rows[left : left + size + 1 - len(found)]
            left = max(left - len(rows), 0)
            if len(found) > size:
                last = found[size - 1]
                assert last.time_ms is not None and last.channel is not None
                return Page(found[:size], after=(last.time_ms, last.channel))
        return Page(found)

    def _sorted(self, scope: _Scope, options: Options, size: int) -> Page:
        found: list[Entity] = []
        for rows in self._matching(scope, False, MOST_TRIED):
            self._budget.attempt(len(rows))
            found.extend(rows)
        for order in reversed(options.orderby):
            by = order.by
            found.sort(key=lambda e, by=by: sortable(self._evaluator.first(by, e)), reverse=order.descending)  # type: ignore[misc]
        end = options.skip + size
        return Page(found[options.skip : end], skip=end if end < len(found) else None)

    def _matching(self, scope: _Scope, newest_first: bool, wanted: int) -> Iterator[_Rows]:
        if not scope.channels or scope.start_ms >= scope.end_ms:
            return
        start_ms, end_ms = max(scope.start_ms, 0), min(scope.end_ms, self._end_ms(scope.channels))
        try:
            for batch in in_order(self._services.series, scope.channels, start_ms, end_ms, newest_first, wanted):
                yield from self._tried(scope, batch)
        except TooDense as error:
            what = "so many channels say so much in one second: name a Datastream"
            raise Problem(413, "Too much for one answer", what) from error

    def _tried(self, scope: _Scope, batch: ReadingBatch) -> Iterator[_Rows]:
        batch = scope.cut(batch)
        if scope.rest is None:
            self._budget.count(len(batch))
            yield _Rows(batch)
            return
        for begin in range(0, len(batch), 1000):
            part = _taken(batch, slice(begin, begin + 1000))
            self._budget.attempt(len(part))
            holds = [self._evaluator.holds(scope.rest, e) for e in _entities(part)]
            yield _Rows(_taken(part, np.array(holds, np.bool_)))

    def _end_ms(self, channels: Sequence[int]) -> int:
        """Behind the last reading that any of them has."""
        latest = self._services.latest.snapshot()
        of = latest.time_ms[np.isin(latest.channel, np.array(channels, np.uint32))]
        return max(int(of.max()) if len(of) else 0, self._services.clock.now_ms()) + 1

    def _scope(self, channels: list[int], node: Node | None) -> _Scope:
        """The filter, parted into what the store can pick and the rest."""
        start_ms, end_ms, rest = 0, _LAST_MS, list[Node]()
        wanted = set(channels)
        for part in conjuncts(node):
            found = self._picked(part)
            if found is None:
                rest.append(part)
            elif isinstance(found, int):
                wanted &= {found}
            else:
                start_ms, end_ms = max(start_ms, found[0]), min(end_ms, found[1])
        return _Scope([c for c in channels if c in wanted], start_ms, end_ms, both(rest))

    def _picked(self, node: Node) -> int | tuple[int, int] | None:
        """A channel, or a range of time in UTC ms, that it comes to; None: neither."""
        if not isinstance(node, Call) or node.name not in _MIRRORED:
            return None
        left, right = node.args
        name = node.name
        if isinstance(right, Path):
            left, right, name = right, left, _MIRRORED[name]
        if not isinstance(left, Path) or any(True for _ in paths(right)):
            return None
        value = self._evaluator.constant(right)
        if left.steps in _TIMES and isinstance(value, datetime):
            return _range(name, value)
        if left.steps in (("Datastream", "id"), ("Datastream", "@iot.id")) and name == "eq" and type(value) is int:
            return value
        return None


def _range(name: str, value: datetime) -> tuple[int, int]:
    """Readings stand at whole milliseconds."""
    whole, within = divmod(value - _EPOCH, timedelta(milliseconds=1))
    up = whole + bool(within)
    if name == "eq":
        return up, whole + 1
    if name in ("gt", "ge"):
        return (whole + 1 if name == "gt" else up), _LAST_MS
    return 0, (up if name == "lt" else whole + 1)


def _by_time(orderby: Sequence[Order]) -> bool | None:
    """Whether the newest come first; None where something else is wanted than an order by time."""
    if not orderby:
        return False
    first = orderby[0]
    same = all(
        isinstance(o.by, Path) and (o.by.steps in _TIMES or o.by.steps in (("id",), ("@iot.id",))) for o in orderby
    )
    timely = isinstance(first.by, Path) and first.by.steps in _TIMES
    return first.descending if same and timely and len({o.descending for o in orderby}) == 1 else None


@dataclass(frozen=True, slots=True)
class _Scope:
    """last: (time, channel) behind which a page begins."""

    channels: list[int]
    start_ms: int
    end_ms: int
    rest: Node | None
    last: tuple[int, int] | None = None
    falling: bool = False

    def after(self, last: tuple[int, int] | None, newest_first: bool) -> _Scope:
        if last is None:
            return self
        start_ms = self.start_ms if newest_first else max(self.start_ms, last[0])
        end_ms = min(self.end_ms, last[0] + 1) if newest_first else self.end_ms
        return _Scope(self.channels, start_ms, end_ms, self.rest, last, newest_first)

    def cut(self, batch: ReadingBatch) -> ReadingBatch:
        if self.last is None:
            return batch
        time_ms, channel = self.last
        if self.falling:
            kept = (batch.time_ms < time_ms) | ((batch.time_ms == time_ms) & (batch.channel < channel))
        else:
            kept = (batch.time_ms > time_ms) | ((batch.time_ms == time_ms) & (batch.channel > channel))
        return _taken(batch, kept)


class _Rows:
    """Readings that become entities when they are looked at."""

    def __init__(self, batch: ReadingBatch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return len(self._batch)

    def __getitem__(self, which: slice) -> list[Entity]:
        return list(_entities(_taken(self._batch, which)))

    def __iter__(self) -> Iterator[Entity]:
        return _entities(self._batch)


def _taken(batch: ReadingBatch, which: slice | Bools) -> ReadingBatch:
    return ReadingBatch.of(batch.time_ms[which], batch.channel[which], batch.value[which], batch.flag[which])


def _entities(batch: ReadingBatch) -> Iterator[Entity]:
    columns = (batch.channel, batch.time_ms, batch.value, batch.flag)
    return (observation(c, t, v, f) for c, t, v, f in zip(*(x.tolist() for x in columns), strict=True))
