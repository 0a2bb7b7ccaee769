"""Many seeds in several processes; one JSON line says what came of it."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from simulators.promise.bugs import planted
from simulators.promise.run import Outcome, run_seed

_ALLOCATIONS = 20_000  # beyond what was freed, between two looks at the youngest objects

Job = TypeVar("Job")
Done = TypeVar("Done")


@dataclass(slots=True)
class Report:
    seeds: int = 0
    readings: int = 0
    thrown: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.readings += outcome.readings
        self.thrown += outcome.thrown
        self.refused += outcome.refused
        self.faults += outcome.faults
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken

    def as_json(self) -> str:
        said = {
            "seeds": self.seeds,
            "broken": len(self.broken),
            "readings": self.readings,
            "thrown_out_of_full_spools": self.thrown,
            "batches_refused": self.refused,
            "faults": dict(sorted(self.faults.items())),
            "seconds": round(self.seconds, 1),
            "failing_seeds": dict(sorted(self.broken.items())),
        }
        return json.dumps(said)


def campaign(seeds: int, first: int = 1, bug: str | None = None, workers: int = 2, stop_at: int = 0) -> Report:
    """stop_at: end early after so many failing seeds; 0: never."""
    report, began = Report(), time.monotonic()
    for outcome in in_processes(_job, [(seed, bug) for seed in range(first, first + seeds)], workers):
        report.add(outcome)
        if outcome.broken:
            print(f"seed {outcome.seed}: {outcome.broken}", file=sys.stderr, flush=True)
            if len(report.broken) == stop_at:
                break
    report.seconds = time.monotonic() - began
    return report


def one(seed: int, bug: str | None = None, tracing: bool = False) -> Outcome:
    logging.disable(logging.CRITICAL)  # what the cloud says of a refused batch is no news here
    try:
        with planted(bug), rare_collections():
            return run_seed(seed, tracing)
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Cyclic garbage is looked for seldom while it lasts, and not among what was there before: a seed makes little of
    it, and to look for it as often as by default takes a tenth of its time."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def in_processes(work: Callable[[Job], Done], jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """What comes of every job, in any order; with one worker in this process, in theirs."""
    if workers == 1 or len(jobs) == 1:
        yield from map(work, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(work, jobs, chunksize=4)


def _job(job: tuple[int, str | None]) -> Outcome:
    return one(*job)
