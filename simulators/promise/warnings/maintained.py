"""Maintenance notices: silence that was silence, told once for all behind it and in time; each to who asks, once.

Every check raises Broken with the property's name. They go by what reached the log and when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Engine

from cloud.delivery.wants import Kind as Wanted
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.reader import LedgerMaintenance
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag
from simulators.promise.warnings.consumers import Consumer, NoticeReceipt
from simulators.promise.warnings.couriers import WRITTEN_MS
from simulators.promise.warnings.delivered import well_by
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.water import MINUTE_MS
from simulators.promise.warnings.witness import Heard, Witness

_OVER = "-over"
_SLACK_MS = 2 * MINUTE_MS  # a mark, a tick, and what the view takes to come
_FOUND_MS = 4 * MINUTE_MS  # and before that a batch may lie in the log unseen
_LONG_DOWN_MS = 4 * MINUTE_MS  # after that the cloud surely blames nobody for what it did not hear itself
_OF_SENSORS = frozenset({Kind.SENSOR_SILENT, Kind.DEVICE_SILENT})


def whole_stations(catalogue: Catalogue) -> Catalogue:
    """The same, with stations that have no channels but those of the catalogue: a run has few of a station's."""
    stations = {
        name: s.model_copy(update={"channels": tuple(c for c in s.channels if c.id in catalogue.channels)})
        for name, s in catalogue.stations.items()
    }
    return replace(catalogue, stations=stations)


def check_maintenance(witness: Witness, ledger: Engine, consumers: Sequence[Consumer]) -> None:
    """All of a run: what was found, and what became of it at each consumer."""
    notices = [n.notice for n in reversed(LedgerMaintenance(ledger).notices(limit=10_000))]
    for n in notices:
        witness.world.say(f"NOTICE {n.id} from {witness.at(n.opened_ms)} to {witness.at(n.closed_ms or 0)}")
    for n in notices:
        _was_silent(witness, n)
        _ended_when_heard(witness, n)
    _once_for_all_behind(notices)
    for consumer in consumers:
        _as_asked(consumer)
        if Wanted.MAINTENANCE in consumer.wants.kinds:
            _are_told(witness, notices)
            _each_once(witness, consumer)
            _arrived(witness, consumer, notices)


# --- what is found ---


def _channels(catalogue: Catalogue, notice: MaintenanceNotice) -> list[int]:
    """Whose silence it tells of, where it is of a gateway, a device or a channel."""
    kind, _, name = notice.place.partition("/")
    names = {c: {"gateway": i.gateway, "device": i.device.id}.get(kind, str(c)) for c, i in catalogue.channels.items()}
    return [c for c, whose in names.items() if whose == name]


def _quiet_ms(catalogue: Catalogue, channels: Sequence[int]) -> int:
    """How long they may say nothing, being sound: the shortest of theirs."""
    infos = [catalogue.channels[c] for c in channels]
    return min(int(1000 * (c.reporting.heartbeat_s + 2 * c.period_s)) + MINUTE_MS for c in infos)


def _came(witness: Witness, channels: Sequence[int]) -> list[Heard]:
    """In the order in which it came."""
    return sorted((h for c in channels for h in witness.heard.get(c, ())), key=lambda h: h.came_ms)


def _was_silent(witness: Witness, n: MaintenanceNotice) -> None:
    """Who is said to be silent had not been heard for that long; a sensor may have said that it measures nothing."""
    if n.kind not in (*_OF_SENSORS, Kind.GATEWAY_SILENT):
        return
    for era in witness.eras:
        channels = _channels(era.edition.catalogue, n)
        if not channels:
            continue
        quiet_ms = _quiet_ms(era.edition.catalogue, channels)
        away = [b for a, b in witness.down if b - a > _LONG_DOWN_MS and b < n.opened_ms < b + quiet_ms - _SLACK_MS]
        if away and n.kind is Kind.GATEWAY_SILENT:
            fail("who-speaks-is-not-silent", f"{n.id}, and the cloud hears again since {witness.at(away[-1])} alone")
        rows = [
            h
            for h in _came(witness, channels)
            if n.opened_ms - quiet_ms + _SLACK_MS < h.came_ms < n.opened_ms - _SLACK_MS
        ]
        if n.kind in _OF_SENSORS:  # history does not say that it is well now
            rows = [h for h in rows if h.flag != Flag.MISSING and h.came_ms - h.time_ms < MINUTE_MS]
            newest = max(_came(witness, channels), key=lambda h: (h.came_ms < n.opened_ms, h.time_ms), default=None)
            rows = [] if newest is not None and newest.flag == Flag.MISSING else rows
        if rows:
            fail(
                "who-speaks-is-not-silent", f"{n.id} at {witness.at(n.opened_ms)}, heard {witness.at(rows[-1].came_ms)}"
            )


def _ended_when_heard(witness: Witness, n: MaintenanceNotice) -> None:
    """The end of a silence was heard; a silence that ended is over in time."""
    if n.kind is not Kind.GATEWAY_SILENT:
        return
    catalogue = witness.eras[-1].edition.catalogue
    everywhere = {c for era in witness.eras for c in _channels(era.edition.catalogue, n)}
    heard = [h.came_ms for h in _came(witness, sorted(everywhere)) if h.came_ms > n.opened_ms - _SLACK_MS]
    if n.closed_ms is not None and _channels(catalogue, n) and not any(ms <= n.closed_ms for ms in heard):
        fail("a-notice-ends-when-heard", f"{n.id} ended at {witness.at(n.closed_ms)}, and nothing was heard of it")
    if n.closed_ms is None and heard:
        due_ms = witness.undisturbed_from(heard[0], 2 * _FOUND_MS)
        if due_ms < witness.world.true_ms and _channels(catalogue, n):
            fail("a-notice-ends-when-heard", f"{n.id} stands, and its gateway was heard at {witness.at(heard[0])}")


def _once_for_all_behind(notices: Sequence[MaintenanceNotice]) -> None:
    """While a gateway is silent, nothing begins to be said of what hangs on it; and no notice stands twice."""
    stands: dict[tuple[str, str], MaintenanceNotice] = {}
    for n in sorted(notices, key=lambda n: n.opened_ms):
        before = stands.get((n.kind.value, n.place))
        if before is not None and (before.closed_ms is None or before.closed_ms > n.opened_ms):
            fail("a-notice-stands-once", f"{n.id} opened while {before.id} stood")
        stands[n.kind.value, n.place] = n
        gateway = stands.get((Kind.GATEWAY_SILENT.value, f"gateway/{n.gateway}"))
        behind = n.kind in _OF_SENSORS and gateway is not None and n.opened_ms > gateway.opened_ms
        if behind and gateway is not None and not _over(gateway, n.opened_ms + _SLACK_MS):
            fail("one-notice-for-a-gateway", f"{n.id} opened while {gateway.id} stood")


def _are_told(witness: Witness, notices: Sequence[MaintenanceNotice]) -> None:
    """A gateway that was heard, and then for long was not, is in a notice."""
    catalogues = [era.edition.catalogue for era in witness.eras]
    for gateway in catalogues[0].gateways:
        own = [c for c, info in catalogues[0].channels.items() if info.gateway == gateway]
        if not own or any(c not in catalogue.channels for catalogue in catalogues for c in own):
            continue  # a station went: its gateway may have nothing left that could be silent
        told = [n for n in notices if n.kind is Kind.GATEWAY_SILENT and n.place == f"gateway/{gateway}"]
        for from_ms, until_ms in _silences(witness, own):
            # Where the cloud was away, all begin again when it is back.
            due_ms = witness.undisturbed_from(from_ms, _quiet_ms(catalogues[0], own) + _FOUND_MS)
            if due_ms < until_ms and not any(n.opened_ms <= due_ms and not _over(n, from_ms) for n in told):
                what = f"{gateway}, last heard at {witness.at(from_ms)}, is in no notice by {witness.at(due_ms)}"
                fail("a-dead-gateway-is-told", what)


def _over(n: MaintenanceNotice, by_ms: int) -> bool:
    return n.closed_ms is not None and n.closed_ms <= by_ms


def _silences(witness: Witness, channels: Sequence[int]) -> Iterator[tuple[int, int]]:
    """From when it was last heard to when it was heard again, or the end."""
    times = [h.came_ms for h in _came(witness, channels)]
    yield from zip(times, [*times[1:], witness.world.true_ms], strict=True)


# --- what consumers got ---


def _as_asked(consumer: Consumer) -> None:
    """Warnings to who wants warnings, notices to who wants notices."""
    if consumer.notices and Wanted.MAINTENANCE not in consumer.wants.kinds:
        fail("only-what-it-wants", f"{consumer.name} got {consumer.notices[0].notice.id}")
    if consumer.has and not {Wanted.WARNING, Wanted.BLIND} & consumer.wants.kinds:
        fail("only-what-it-wants", f"{consumer.name} got {consumer.has[0].message.id}")


def _each_once(witness: Witness, consumer: Consumer) -> None:
    """Again only when the answer was lost, or the cloud fell before it could write it down; no end of the unknown."""
    last: dict[str, NoticeReceipt] = {}
    for r in consumer.notices:
        before = last.get(r.notice.id)
        if before is not None and before.sure:
            fell = any(abs(down_from - before.at_ms) <= WRITTEN_MS for down_from, _ in witness.down)
            if not fell:
                fail("each-notice-once", f"{consumer.name} got {r.notice.id} at {witness.at(before.at_ms)} and again")
        last[r.notice.id] = r
        opening = r.notice.id.removesuffix(_OVER)
        perhaps = any(ms <= r.at_ms for ms in consumer.doubts) or consumer.troubles
        if opening != r.notice.id and opening not in last and not perhaps:
            fail("no-end-without-beginning", f"{consumer.name} got {r.notice.id} of what it was never told")


def _arrived(witness: Witness, consumer: Consumer, notices: Sequence[MaintenanceNotice]) -> None:
    """What stands for long reaches who is well, and its end, who was told of it."""
    got = {r.notice.id: r.at_ms for r in reversed(consumer.notices)}
    for n in notices:
        due_ms = well_by(witness, consumer, n.opened_ms + _SLACK_MS)
        over_ms = witness.world.true_ms if n.closed_ms is None else n.closed_ms
        if due_ms < over_ms and got.get(n.id, due_ms + 1) > due_ms:
            fail("a-notice-arrives", f"{consumer.name} has not got {n.id} by {witness.at(due_ms)}")
        if n.closed_ms is None or n.id not in got:
            continue
        due_ms = well_by(witness, consumer, max(n.closed_ms, got[n.id]) + _SLACK_MS)
        if due_ms < witness.world.true_ms and got.get(n.id + _OVER, due_ms + 1) > due_ms:
            fail("a-notice-arrives", f"{consumer.name} has not got the end of {n.id} by {witness.at(due_ms)}")
