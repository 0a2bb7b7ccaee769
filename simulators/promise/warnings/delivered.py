"""What consumers must have got of the messages, and what never. Every check raises Broken with the property's name."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.delivery.wants import Kind
from cloud.warnings.model import MsgType
from simulators.promise.warnings.consumers import Consumer, Mood
from simulators.promise.warnings.couriers import WRITTEN_MS
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.filtered import surely_wanted
from simulators.promise.warnings.witness import Notice, Told, Witness

_WITHIN_MS = 60_000  # of a message in the ledger, at a consumer that is well, from a cloud that runs
_BACK_OFF_MS, _TEST_MS = 400_000, 700_000  # after a trouble: the longest pause, and the pause between tests
_SOON_MS = 10_000
_NO_TEST = frozenset({Mood.DOWN, Mood.BUSY})  # no test message is taken


def check_deliveries(witness: Witness, consumer: Consumer) -> None:
    """All warnings of one consumer that wants them."""
    if not {Kind.WARNING, Kind.BLIND} & consumer.wants.kinds:
        return
    _once(witness, consumer)
    _in_order(witness, consumer)
    _in_force(consumer)
    _arrived(witness, consumer)


def _once(witness: Witness, consumer: Consumer) -> None:
    """One message once; again only when the answer was lost, or the cloud fell before it could write it down."""
    last: dict[str, int] = {}
    texts: dict[str, bytes] = {}
    for n, r in enumerate(consumer.has):
        name = r.message.id
        if texts.setdefault(name, r.message.cap_xml) != r.message.cap_xml:
            fail("one-id-one-text", f"{consumer.name} got {name} with two texts")
        if name in last:
            before = consumer.has[last[name]]
            fell = any(abs(down_from - before.at_ms) <= WRITTEN_MS for down_from, _ in witness.down)
            if before.sure and not fell:
                fail("said-once", f"{consumer.name} got {name} twice, at {witness.at(before.at_ms)} and later")
        last[name] = n


def _in_order(witness: Witness, consumer: Consumer) -> None:
    """None after a newer one of its incident; no end of what it cannot have been told of."""
    place = {t.id: n for n, t in enumerate(witness.said)}
    newest: dict[str, int] = {}
    known: set[str] = set()
    for r in consumer.has:
        n = place.get(r.message.id)
        if n is None:
            fail("told-is-a-record", f"{consumer.name} got {r.message.id}, which the ledger never had")
            continue
        if n < newest.get(r.message.incident, -1):
            fail("never-old-after-new", f"{consumer.name} got {r.message.id} after a newer one of its incident")
        newest[r.message.incident] = max(n, newest.get(r.message.incident, -1))
        began_ms = next(t.seen_ms for t in witness.said if t.incident == r.message.incident)
        perhaps = any(began_ms <= ms <= r.at_ms for ms in consumer.doubts)
        if r.message.msg_type is MsgType.CANCEL and r.message.incident not in known and not perhaps:
            fail("no-end-without-beginning", f"{consumer.name} got {r.message.id} of what it was never told")
        known.add(r.message.incident)


def _in_force(consumer: Consumer) -> None:
    """Nothing that has expired comes as if it were new."""
    for r in consumer.has:
        ends_ms = r.message.expires_ms
        if r.message.msg_type is not MsgType.CANCEL and ends_ms is not None and r.at_ms > ends_ms + _SOON_MS:
            fail("expired-is-not-news", f"{consumer.name} got {r.message.id} {(r.at_ms - ends_ms) // 1000} s too late")


def _arrived(witness: Witness, consumer: Consumer) -> None:
    """What is in force reaches who is well, whatever else is wrong with others or with other messages."""
    got = {r.message.id: r.at_ms for r in reversed(consumer.has)}
    for n, t in enumerate(witness.said):
        if consumer.refuses(t.id):
            continue
        if consumer.wants.steps and not _was_told(consumer, witness.said[:n], t.incident, got):
            continue  # `escalated` says when it is to be told first
        if not surely_wanted(consumer.wants, t, witness) and not _was_told(consumer, witness.said[:n], t.incident, got):
            continue
        deadline_ms = well_by(witness, consumer, t.seen_ms)
        later = [other for other in witness.said[n + 1 :] if other.incident == t.incident]
        over_ms = min([other.seen_ms for other in later] + [_expires(t)])
        if deadline_ms >= min(over_ms, witness.world.true_ms):
            continue
        if t.msg_type is MsgType.CANCEL and not _was_told(consumer, witness.said[:n], t.incident, got):
            continue
        if t.id not in got or got[t.id] > deadline_ms:
            name = "poisoned-blocks-nothing" if consumer.chokes_on else "in-force-arrives"
            fail(name, f"{consumer.name} has not got {t.id} by {witness.at(deadline_ms)}")


def _expires(t: Told | Notice) -> int:
    return t.expires_ms if t.expires_ms is not None else 1 << 62


def _was_told(consumer: Consumer, before: Sequence[Told | Notice], incident: str, got: dict[str, int]) -> bool:
    return any(t.incident == incident and t.id in got and not consumer.refuses(t.id) for t in before)


def well_by(witness: Witness, consumer: Consumer, from_ms: int) -> int:
    """By when the consumer has been well and the cloud has run, a while on end, from then on: what there was to be
    told has been told by then."""
    at_ms, gone_ms = from_ms, -1
    for trouble in consumer.troubles:
        # One that is gone stays so until it takes a test message, which falls into the next trouble, perhaps.
        gone = trouble.mood is Mood.GONE or (trouble.from_ms <= gone_ms and trouble.mood in _NO_TEST)
        until_ms = trouble.to_ms + (_TEST_MS if gone else _BACK_OFF_MS)
        gone_ms = until_ms if gone else gone_ms
        if trouble.from_ms <= at_ms + _WITHIN_MS and at_ms <= until_ms:
            at_ms = until_ms
    return witness.undisturbed_from(at_ms, _WITHIN_MS)
