"""The promise, checked when the dust has settled. Every check raises Broken with the first thing that is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from sqlalchemy import select

from cloud.ingest.admission import Admission
from cloud.ingest.release import release
from cloud.log.base import START, Entry, EntryKind
from cloud.log.decision import decode_decision
from cloud.views.decode import decisions_of, origins_of, readings
from cloud.warnings import tables as t
from cloud.warnings.engine import Engine
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Flag, ReadingBatch
from contract.wire.batch import decode_batch
from simulators.promise.centre import ANY_TIME, Parts
from simulators.promise.truth import Key, Truth, Value, keys, rows
from simulators.promise.world import Broken

_ALL = 1_000_000


def check_log(truth: Truth, parts: Parts) -> dict[Key, Value]:
    """Once, unaltered, and all that was committed. Gives what the log holds."""
    logged: dict[Key, Value] = {}
    for entry in _entries(parts):
        for key, value in rows(readings([entry])):
            if key in logged:
                raise Broken(f"doubled in the log: channel {key[0]} at {key[1]}, again at offset {entry.offset}")
            if truth.made.get(key) != value:
                raise Broken(f"altered: channel {key[0]} at {key[1]}: {truth.made.get(key)} became {value}")
            logged[key] = value
    aside: set[Key] = set()
    for kept in parts.quarantine.waiting(_ALL):
        found = keys(decode_batch(kept.payload).readings)
        if found & aside or found & logged.keys():
            raise Broken(f"doubled: {kept.gateway} sequence {kept.seq} is in quarantine and stored besides")
        aside |= found
    lost = truth.committed - logged.keys() - aside - truth.thrown - truth.replaced
    if lost:
        channel, time_ms = min(lost)
        raise Broken(f"lost: {len(lost)} committed readings, the first of channel {channel} at {time_ms}")
    return logged


def check_release(truth: Truth, parts: Parts, catalogue: Catalogue, now_ms: int) -> None:
    """The cause of every refusal is mended: what was kept aside gets into the log, once."""
    anything = Admission(catalogue, ANY_TIME)
    for _ in range(2):
        release(parts.quarantine, anything, parts.log, now_ms, "person:ann")
    if parts.quarantine.count():
        raise Broken(f"{parts.quarantine.count()} batches cannot be released from quarantine")
    check_log(truth, parts)
    check_decisions(parts)


def check_decisions(parts: Parts) -> None:
    """Each decision stands once, and what it let out of quarantine right behind it."""
    entries = parts.log.read(START, _ALL)
    known: set[str] = set()
    for entry, after in itertools.zip_longest(entries, entries[1:]):
        if entry.kind is not EntryKind.DECISION:
            continue
        decision = decode_decision(entry.payload)
        if decision.id in known:
            raise Broken(f"decided twice: {decision.id} at offset {entry.offset}")
        known.add(decision.id)
        named = f"{after.gateway}/{after.spool:016x}/{after.seq}" if after is not None else "nothing"
        if named != decision.target:
            raise Broken(f"a decision without its effect: {decision.target} at offset {entry.offset}, then {named}")


def check_views(logged: dict[Key, Value], parts: Parts, catalogue: Catalogue) -> None:
    everything = parts.series.raw(sorted(catalogue.channels), 0, 2**62)
    stored: dict[Key, Value] = {}
    for key, value in rows(everything):
        if key in stored:
            raise Broken(f"doubled in the series store: {key}")
        stored[key] = value
    if stored != logged:
        wrong = {k for k in stored.keys() | logged.keys() if stored.get(k) != logged.get(k)}
        raise Broken(f"series store: {len(wrong)} readings are not what the log says, the first {min(wrong)}")
    newest: dict[int, int] = {}
    for channel, time_ms in logged:
        newest[channel] = max(time_ms, newest.get(channel, time_ms))
    latest = dict(rows(parts.latest.snapshot()))
    if latest != {(c, ms): logged[c, ms] for c, ms in newest.items()}:
        raise Broken("latest values are not the newest of the log")


def check_warnings(parts: Parts, catalogue: Catalogue) -> None:
    """Crashes of the view changed nothing: one pass over the log says the same, and silence cleared nothing."""
    engine = Engine(catalogue, WarningSettings())
    state = engine.initial()
    messages: list[str] = []
    changes: list[tuple[object, ...]] = []
    for entry in _entries(parts, ticks=True):
        (decided,), (origins,) = decisions_of([entry]), origins_of([entry])
        sent = readings([entry]) if entry.kind is EntryKind.BATCH else ReadingBatch.empty()  # nothing that was imported
        state, outcome = engine.step(state, sent, entry.now_ms, decided, origins)
        messages += [m.id for m in outcome.messages]
        changes += [
            (
                c.key.target.text,
                c.key.rule,
                c.time_ms,
                c.state.value,
                c.level.value if c.level else None,
                c.reason.value,
            )
            for c in outcome.changes
        ]
    table = t.changes.c
    columns = (table.target, table.rule, table.time_ms, table.state, table.level, table.reason)
    with parts.ledger.connect() as db:
        said = [tuple(row) for row in db.execute(select(*columns).order_by(table.id))]
    if said != changes:
        raise Broken(f"warnings: {len(said)} changes of conditions kept, {len(changes)} follow from the log")
    if [m.id for m in reversed(parts.warnings.reader.messages(limit=_ALL))] != messages:
        raise Broken("warnings: the messages sent are not those that follow from the log")
    _check_silence(said, [e for e in _entries(parts) if e.kind is EntryKind.BATCH], catalogue)


def _named(key: ConditionKey) -> tuple[str, str]:
    """As the ledger's columns do."""
    return key.target.text, key.rule


def _check_silence(changes: Sequence[tuple[object, ...]], entries: Sequence[Entry], catalogue: Catalogue) -> None:
    """A level that falls, or an unknown condition that becomes normal, needs a reading that says so, logged at that
    moment. A rise that came to nothing, without a level, may end by time: its last reading must say so."""
    lowest = _lowest_usable(entries)
    states: dict[tuple[str, str], object] = {}
    level_of: dict[tuple[str, str], Level | None] = {}
    rules = {rule.id: rule for rule in catalogue.rules}
    for target, rule_id, time_ms, state, level_text, reason in changes:
        assert isinstance(target, str) and isinstance(rule_id, str) and isinstance(time_ms, int)
        level = None if level_text is None else Level(str(level_text))
        before = level_of.get((target, rule_id))
        level_of[target, rule_id] = level
        was, states[target, rule_id] = states.get((target, rule_id)), state
        rule, channel = rules[rule_id], int(Target.parse(target).id)
        eased = before is not None and (level is None or level.rank < before.rank)
        limit = rule.levels[before] - rule.hysteresis if eased and before else min(rule.levels.values())
        if was == "pending" and state == "normal":
            if not _newest_usable(entries, channel, time_ms) < limit:
                raise Broken(f"cleared by silence: channel {channel} at {time_ms}, a rise ended above its level")
        elif (eased or state == "normal") and not lowest.get((channel, time_ms), np.inf) < limit:
            what = f"{before.value if before else 'no level'} -> {level_text or state}"
            raise Broken(f"cleared by silence: channel {channel} at {time_ms}, {what} ({reason}) without a reading")


def _lowest_usable(entries: Sequence[Entry]) -> dict[Key, float]:
    """(channel, append time) -> lowest value that came usable at that time."""
    out: dict[Key, float] = {}
    for entry in entries:
        batch: ReadingBatch = readings([entry])
        usable = ~np.isnan(batch.value) & (batch.flag != Flag.FAIL) & (batch.flag != Flag.MISSING)
        for c, v in zip(batch.channel[usable].tolist(), batch.value[usable].tolist(), strict=True):
            key = (c, entry.now_ms)
            out[key] = min(v, out.get(key, v))
    return out


def _newest_usable(entries: Sequence[Entry], channel: int, at_ms: int) -> float:
    """The value of the newest usable reading known then; infinite: there was none. Of several moments within that
    millisecond, one for each entry logged in it and one before them, the lowest."""
    known: dict[int, tuple[float, int]] = {}
    lowest = float("inf")
    for entry in entries:
        if entry.now_ms > at_ms:
            break
        if entry.now_ms == at_ms:
            lowest = min(lowest, _newest_value(known))
        batch: ReadingBatch = readings([entry])
        own = batch.take(batch.channel == channel)
        known |= dict(zip(own.time_ms.tolist(), zip(own.value.tolist(), own.flag.tolist(), strict=True), strict=True))
    return min(lowest, _newest_value(known))


def _newest_value(known: dict[int, tuple[float, int]]) -> float:
    usable = [t for t, (v, flag) in known.items() if not np.isnan(v) and flag not in (Flag.FAIL, Flag.MISSING)]
    return known[max(usable)][0] if usable else float("inf")


def _entries(parts: Parts, ticks: bool = False) -> list[Entry]:
    return [e for e in parts.log.read(START, _ALL) if ticks or e.kind in (EntryKind.BATCH, EntryKind.IMPORTED)]
