"""Zones of which nothing is heard: told in time, and once; only of those that were silent; until they were heard."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from cloud.warnings.model import MsgType
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from simulators.promise.warnings import evidence as ev
from simulators.promise.warnings.district import STALE_S, first_name
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.water import MINUTE_MS
from simulators.promise.warnings.witness import Notice, Witness

_STALE_MS = int(STALE_S * 1000)
_TOLD_WITHIN_MS = 2 * MINUTE_MS
_LONG_DOWN_MS = 13 * MINUTE_MS  # after that the cloud blames nobody for what it did not hear itself
_SEEN_AFTER_MS = 20 * MINUTE_MS
_SLACK_MS = MINUTE_MS  # a tick, or a period of the slowest sensor


def check_notices(witness: Witness, settings: WarningSettings) -> None:
    """Raises Broken, its text beginning with the name of the property."""
    after_ms = int(settings.blind_after_s * 1000)
    notices = [n for n in witness.said if isinstance(n, Notice)]
    for n in notices:
        if n.all_clear:
            fail("silence-is-no-all-clear", f"{n.id} says AllClear")
    _told_once(witness, notices, int(settings.renew_s * 1000))
    _were_silent(witness, notices, after_ms)
    _were_heard(witness, notices)
    _are_told(witness, notices, after_ms, int(settings.quiet_s * 1000))


def _told_once(witness: Witness, notices: Sequence[Notice], renew_ms: int) -> None:
    """No zone in two notices; no message that says what the one before said, but shortly before that expires."""
    last: dict[str, Notice] = {}
    for n in notices:
        before = last.pop(n.incident, None)
        if n.msg_type is MsgType.CANCEL:
            continue
        again = [other for other in last.values() if other.zones & n.zones]
        early = before is not None and n.zones == before.zones and (before.expires_ms or 0) - n.sent_ms > renew_ms
        if again or (early and before is not None and before.catalogue is n.catalogue):
            fail("a-blind-zone-is-told-once", f"{n.id} at {witness.at(n.sent_ms)} says again what stands")
        last[n.incident] = n


def _were_silent(witness: Witness, notices: Sequence[Notice], after_ms: int) -> None:
    """Of the zones that a message is the first to name, nothing was heard for half of that time."""
    named: dict[str, frozenset[str]] = {}
    for n in notices:
        for zone in n.zones - named.get(n.incident, frozenset()):
            for channel in _watched(n.catalogue, zone):
                rows = ev.known(witness.heard.get(channel, ()), n.sent_ms - _SLACK_MS, _STALE_MS / 4)
                heard_ms = max((h.time_ms for h in rows), default=0)
                silent_ms = n.sent_ms - heard_ms - _STALE_MS
                if silent_ms < after_ms // 2 - _SLACK_MS and not _mutes(witness, n.catalogue, channel):
                    what = f"channel {channel} of {zone} was heard at {witness.at(heard_ms)}"
                    fail("a-blind-zone-was-silent", f"{n.id} at {witness.at(n.sent_ms)}: {what}")
        named[n.incident] = n.zones


def _were_heard(witness: Witness, notices: Sequence[Notice]) -> None:
    """What a notice speaks of no longer was heard, or is warned of; at the end it speaks of nothing."""
    last: dict[str, Notice] = {}
    for n in notices:
        before = last.pop(n.incident, None)
        stays = frozenset[str]() if n.msg_type is MsgType.CANCEL else n.zones
        for zone in (before.zones if before is not None else frozenset()) - stays:
            channels = _watched(n.catalogue, zone)
            since_ms = n.sent_ms - _SEEN_AFTER_MS - _STALE_MS
            heard = any(
                since_ms <= h.came_ms <= n.seen_ms for c in channels for h in witness.heard.get(c, ()) if h.usable
            )
            warned = _is_warned(witness, n.catalogue, zone, since_ms, n.seen_ms)
            if channels and not heard and not warned:
                what = f"{n.id} at {witness.at(n.sent_ms)} speaks no longer of {zone}, of which nothing was heard"
                fail("a-blind-zone-ends-when-heard", what)
        if n.msg_type is not MsgType.CANCEL:
            last[n.incident] = n
    end_ms = witness.world.true_ms
    for n in last.values():
        infos = [(n.catalogue, c) for zone in n.zones for c in _watched(n.catalogue, zone)]
        lately = any(b > end_ms - _SEEN_AFTER_MS - _STALE_MS for at, c in infos for _, b in _mutes(witness, at, c))
        if not lately:
            fail("a-blind-zone-ends-when-heard", f"{n.incident} is open though every sensor has long been heard")


def _are_told(witness: Witness, notices: Sequence[Notice], after_ms: int, quiet_ms: int) -> None:
    """What was surely silent for so long is in a notice."""
    ends = [era.from_ms for era in witness.eras[1:]] + [witness.world.true_ms]
    for era, end_ms in zip(witness.eras, ends, strict=True):
        catalogue = era.edition.catalogue
        for zone in catalogue.zones:
            for silent_ms, heard_ms in _silences(witness, catalogue, zone, era.from_ms, end_ms):
                unknown_ms = witness.undisturbed_from(silent_ms + _STALE_MS, _SLACK_MS)
                ripe_ms = unknown_ms + after_ms + _SLACK_MS
                due_ms = witness.undisturbed_from(ripe_ms, _TOLD_WITHIN_MS)
                if any(silent_ms - quiet_ms <= n.seen_ms <= due_ms for n in notices):
                    due_ms = witness.undisturbed_from(ripe_ms + quiet_ms, _TOLD_WITHIN_MS)  # it may join that one
                if due_ms >= heard_ms or _is_warned(witness, catalogue, zone, silent_ms, due_ms):
                    continue
                stands = {n.incident: n for n in notices if n.seen_ms <= due_ms}.values()
                if not any(zone in n.zones and n.msg_type is not MsgType.CANCEL for n in stands):
                    what = f"nothing was heard of {zone} since {witness.at(silent_ms)}"
                    fail("a-blind-zone-is-told", f"{what}, and no notice says so by {witness.at(due_ms)}")


def _silences(
    witness: Witness, catalogue: Catalogue, zone: str, from_ms: int, until_ms: int
) -> Iterator[tuple[int, int]]:
    """From when to when the log took no usable reading of any channel of a zone, all of which it had heard before and
    none of which was ever muted."""
    channels = _watched(catalogue, zone)
    if not channels or any(_mutes(witness, catalogue, c) for c in channels):
        return
    came = sorted(h.came_ms for c in channels for h in witness.heard.get(c, ()) if h.usable)
    for silent_ms, heard_ms in zip(came, [*came[1:], until_ms], strict=True):
        long_down = [b for a, b in witness.down if b - a > _LONG_DOWN_MS and a < heard_ms and b > silent_ms]
        begin_ms = max([silent_ms, from_ms, *long_down])
        if all(_was_heard(witness, c, silent_ms) for c in channels):
            yield begin_ms, min(heard_ms, until_ms)


def _was_heard(witness: Witness, channel: int, until_ms: int) -> bool:
    """By its last three readings, in time and one behind the other: no correction leaves nothing of them."""
    heard = witness.heard.get(channel, ())
    count = bisect_right(heard, until_ms, key=lambda h: h.came_ms)
    rows = heard[max(count - 3, 0) : count]
    in_time = all(h.usable and h.came_ms - h.time_ms < _STALE_MS / 4 for h in rows)
    return in_time and len({h.time_ms for h in rows}) == 3


def _is_warned(witness: Witness, catalogue: Catalogue, zone: str, from_ms: int, until_ms: int) -> bool:
    """Whether a warning spoke for a zone at some time, or for one that may share incidents with it."""
    group = catalogue.zones[zone].incident_group if zone in catalogue.zones else None
    together = {z for z, other in catalogue.zones.items() if group and other.incident_group == group} | {zone}
    first = {first_name(z) for z in together}
    opened: dict[str, int] = {}
    for t in witness.told:
        if first_name(t.zone) in first:
            since_ms = opened.setdefault(t.incident, t.seen_ms)
            if t.msg_type is MsgType.CANCEL:
                del opened[t.incident]
                if since_ms <= until_ms and t.seen_ms >= from_ms:
                    return True
    return any(since_ms <= until_ms for since_ms in opened.values())


def _watched(catalogue: Catalogue, zone: str) -> list[int]:
    """Where water itself is watched: a zone whose rain alone is known is blind to its water."""
    return [
        c
        for c, i in catalogue.channels.items()
        if i.station.zone == zone and any(r.detector == "threshold" for r in catalogue.rules_by_channel.get(c, ()))
    ]


def _mutes(witness: Witness, catalogue: Catalogue, channel: int) -> list[tuple[int, int]]:
    return witness.mutes(channel, catalogue.channels[channel].station.id)
