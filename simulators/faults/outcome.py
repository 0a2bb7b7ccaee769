"""What became of a run with faults, judged by what its processes left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cloud.config import CloudConfig, load_config
from cloud.ledger.open import open_ledger
from cloud.log.base import START, BatchLog, Entry, EntryKind
from cloud.log.open import open_log
from cloud.warnings.model import Message
from cloud.warnings.replay import replay
from cloud.warnings.view import open_view
from edge_agent.spool.file import read_waiting
from simulators.audit.run_folder import audit
from simulators.demo.centre import WarningCentre
from simulators.demo.district import District
from simulators.faults.flood import KEPT_SPOOL
from simulators.faults.flooded import Flooded
from simulators.faults.told import differences

_NEAR_H = 4.0  # a cloud's clock steps by eight; at sixty-fold speed a busy machine needs two to settle
_ALL = 10**6


@dataclass(slots=True)
class Outcome:
    """One run. quarantined, furthest_s: see `simulators.audit.compare.Audit`. centre_failed: messages that the
    warning centre did not answer well.

    flood: of a run with one.

    broken: what should not be; empty when the run is good."""

    seed: int
    faults: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    stored: int = 0
    quarantined: int = 0
    centre_failed: int = 0
    furthest_s: float = 0.0
    warnings: int = 0
    settled_s: float = 0.0
    flood: Flooded | None = None
    broken: list[str] = field(default_factory=list)

    def took(self, settled_s: float) -> None:
        """Real seconds until there was nothing left to do."""
        self.settled_s = settled_s

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(out: Path, outcome: Outcome, centre: WarningCentre | None) -> None:
    """Fills the outcome. out: of a demonstration whose processes have ended.

    centre: the warning centre that failed on the way, of a run whose rules were changed: what it was told is held
    against what the cloud has said. None: that is held against a replay of the log, which knows no rules but today's.
    """
    kept_back = {p.parent.name: read_waiting(p) for p in sorted(out.glob("edge/*/spool.sqlite"))}
    if any(kept_back.values()):
        outcome.broken.append(f"batches still at the gateways: {kept_back}")
    found = audit(out)
    outcome.lost, outcome.doubled, outcome.altered = found.lost, found.doubled, found.altered
    outcome.stored, outcome.quarantined = found.stored, found.quarantined
    outcome.furthest_s = found.furthest_ms / 1000
    if not found.good:
        outcome.broken += found.notes or ["the audit failed"]
    if found.stored == 0:
        outcome.broken.append("nothing was stored")
    with _left(out) as (config, log, said):
        outcome.warnings = len(said)
        if stepped := _stepped(log, json.loads((out / "run.json").read_text())["ended_ms"]):
            outcome.broken.append(f"the cloud believed its clock's step: {stepped}")
        if centre is not None:
            outcome.centre_failed = centre.failed
            outcome.broken += differences(said, centre.messages, centre.poison, log.now_ms())
            return
        again = replay(log, config.catalogue, config.file.warnings)
        if _gist(said) != _gist(again):
            outcome.broken.append(f"{len(said)} warnings given, {len(again)} by replay, and they differ")


def judge_flood(out: Path, outcome: Outcome, district: District) -> None:
    """What a flood did to the others and to the cloud. out: of a demonstration whose processes have ended."""
    clock = district.clock
    arrived_ms = {
        name: int(clock.start_ms + (real_ms - clock.origin_ms) * clock.speed)
        for name, real_ms in district.centre.arrived_ms.items()
    }
    with _left(out) as (_, log, said):
        entries, stored = [], list[int]()
        for e in entries_of(log):
            if e.gateway == district.scene.without and e.spool == KEPT_SPOOL:
                stored.append(e.seq)
            entries.append(e._replace(payload=b""))
    assert outcome.flood is not None
    outcome.flood.judge(entries, said, arrived_ms, sorted(stored), clock.speed)
    outcome.broken += outcome.flood.broken()


def entries_of(log: BatchLog) -> Iterator[Entry]:
    """All of them, in order."""
    cursor = START
    while entries := log.read(cursor, 1000):
        cursor = entries[-1].offset
        yield from entries


@contextmanager
def _left(out: Path) -> Iterator[tuple[CloudConfig, BatchLog, list[Message]]]:
    """The configuration of a cloud that has ended, its log, and what it has said, oldest first."""
    config = load_config(out / "cloud.yaml")
    ledger = open_ledger(config.ledger_url, whole=True)
    try:
        view = open_view(ledger, config.catalogue, config.file.warnings)
        said = list(reversed(view.reader.messages(limit=_ALL)))
    finally:
        ledger.dispose()
    log = open_log(config.data_dir)
    try:
        yield config, log, said
    finally:
        log.close()


def _stepped(log: BatchLog, ended_ms: int) -> str:
    """What of the log is at a time that never was; empty when nothing is. Its order and its time must not part, and
    its last entry lies near the end of the run."""
    if corrections := log.notes(EntryKind.CLOCK):
        return f"{len(corrections)} corrections"
    off_h = (log.now_ms() - ended_ms) / 3_600_000
    return f"the log ends {off_h:+.1f} h from the end of the run" if abs(off_h) > _NEAR_H else ""


Gist = list[tuple[str, int, str, str]]


def given_and_replayed(out: Path) -> tuple[Gist, Gist]:
    """(id, sent_ms, msgType, level) of what a cloud that was killed on the way has said, and what replay of its log
    says. out: of a demonstration, its cloud stopped."""
    with _left(out) as (config, log, said):
        return _gist(said), _gist(replay(log, config.catalogue, config.file.warnings))


def _gist(messages: Sequence[Message]) -> Gist:
    return sorted((m.id, m.sent_ms, m.msg_type.value, m.level_word) for m in messages)
