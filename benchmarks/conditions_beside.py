"""The warnings' engine beside that of another revision, in one run: `python -m benchmarks.conditions_beside REVISION`.

Both judge the same readings of the city of `benchmarks.conditions`, by turns, each three times in a process of its own;
of each figure the least counts. `step` is the pure engine entry by entry, dry and with a tenth of the channels under
water that moves, once every channel has been heard; `apply` is 1,000 wet entries at once with the ledger (SQLite in
memory); `restart` opens the view again. The other revision is unpacked for as long as it takes, and runs with the
packages of this environment: one that needs others cannot be measured so.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TURNS = 3
HEARD, MEASURED = 1000, 1000  # entries: each channel once, and what is measured after that


def main(revision: str) -> int:
    """Prints a line a figure: ours, the other's, how many times ours the other is."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["git", "-C", str(ROOT), "archive", revision]
        archive = subprocess.run(command, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        turns = [(_measured(ROOT), _measured(Path(folder))) for _ in range(TURNS)]
    print(f"  {'':<40} {'here':>9} {revision[:9]:>9}  times")
    for name in turns[0][0]:
        ours, theirs = (min(turn[of][name] for turn in turns) for of in (0, 1))
        times = f"{theirs / ours:.2f}" if ours else ""
        print(f"  {name:<40} {ours:>9.4g} {theirs:>9.4g}  {times}")
    return 0


def _measured(tree: Path) -> dict[str, float]:
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "measure"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure() -> dict[str, float]:
    """In either tree: nothing is used here that they do not both have."""
    import numpy as np

    from benchmarks.conditions import CHANNELS, PER_ENTRY, PERIOD_S, START_MS, city
    from cloud.ledger.open import open_ledger
    from cloud.log.base import Entry, EntryKind
    from cloud.warnings.engine import Engine
    from cloud.warnings.settings import WarningSettings
    from cloud.warnings.view import open_view
    from contract.readings import ReadingBatch
    from contract.wire.batch import WireBatch, encode_batch
    from contract.wire.envelope import Lane

    figures: dict[str, float] = {}
    catalogue = city()
    engine = Engine(catalogue, WarningSettings())
    for name, share in (("dry", 0.0), ("a tenth wet", 0.1)):
        chance = np.random.default_rng(1)
        wet = chance.random(CHANNELS + 1) < share
        log = []
        for k in range(HEARD + MEASURED):
            numbers = (np.arange(PER_ENTRY) + k * PER_ENTRY) % CHANNELS + 1
            now_ms = START_MS + int(k * PER_ENTRY / CHANNELS * PERIOD_S * 1000)
            value = np.where(wet[numbers], np.round(0.2 + chance.normal(0, 0.05, PER_ENTRY), 3), 0.0)
            log.append((ReadingBatch.of(np.full(PER_ENTRY, now_ms), numbers, value, np.ones(PER_ENTRY)), now_ms))
        state = engine.initial()
        for batch, now_ms in log[:HEARD]:
            state, _ = engine.step(state, batch, now_ms)
        messages, began = 0, time.process_time()
        for batch, now_ms in log[HEARD:]:
            state, outcome = engine.step(state, batch, now_ms)
            messages += len(outcome.messages)
        figures[f"step, {name}: CPU ms an entry"] = (time.process_time() - began) / MEASURED * 1000
        figures[f"step, {name}: messages"] = float(messages)
    entries = []
    for k, (batch, now_ms) in enumerate(log, 1):
        payload = encode_batch(WireBatch("gw", 1, k, Lane.LIVE, batch))
        entries.append(Entry(k, now_ms, EntryKind.BATCH, "gw", 1, k, Lane.LIVE, now_ms, now_ms, payload))
    ledger = open_ledger("sqlite://", whole=True)
    view = open_view(ledger, catalogue)
    view.apply(entries[:HEARD])
    began = time.process_time()
    view.apply(entries[HEARD:])
    figures["apply, a tenth wet: CPU ms an entry"] = (time.process_time() - began) / MEASURED * 1000
    began = time.process_time()
    open_view(ledger, catalogue)
    figures["restart: CPU s"] = time.process_time() - began
    return figures


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("which revision? python -m benchmarks.conditions_beside REVISION", file=sys.stderr)
        sys.exit(2)
    if sys.argv[1] == "measure":
        print(json.dumps(measure()))
        sys.exit(0)
    sys.exit(main(sys.argv[1]))
