"""Many seeds of the second promise in several processes; one JSON line says what came of it."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from simulators.promise.campaign import in_processes, rare_collections
from simulators.promise.warnings.bugs import planted
from simulators.promise.warnings.features import OFF
from simulators.promise.warnings.run import Outcome, run_seed


@dataclass(slots=True)
class Report:
    """broken: by seed, what broke, the property's name first."""

    seeds: int = 0
    readings: int = 0
    messages: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.readings += outcome.readings
        self.messages += outcome.messages
        self.faults += outcome.faults
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken

    def as_json(self) -> str:
        said = {
            "of": "warnings",
            "seeds": self.seeds,
            "broken": len(self.broken),
            "readings": self.readings,
            "messages": self.messages,
            "faults": dict(sorted(self.faults.items())),
            "off": sorted(OFF),
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
    logging.disable(logging.CRITICAL)  # what the cloud says of its troubles is no news here
    try:
        with planted(bug), rare_collections():
            return run_seed(seed, tracing)
    finally:
        logging.disable(logging.NOTSET)


def _job(job: tuple[int, str | None]) -> Outcome:
    return one(*job)
