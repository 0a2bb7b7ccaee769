"""A campaign of fault runs: one line a run, one JSON object at the end."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence

from simulators.faults.flooded import Flooded
from simulators.faults.outcome import Outcome
from simulators.faults.plan import CLOCKS, CLOUD_STEPS
from simulators.faults.run import Stage, one_run


async def campaign(stage: Stage, first: int, runs: int, keep: bool) -> int:
    """The exit code. The folder of a good run is removed unless `keep`."""
    outcomes: list[Outcome] = []
    for seed in range(first, first + runs):
        found = await one_run(stage, seed)
        outcomes.append(found)
        print(json.dumps(found.as_json()), file=sys.stderr, flush=True)
        if not found.broken and not keep:
            shutil.rmtree(stage.out / f"run-{seed}")
    bad = [o.seed for o in outcomes if o.broken]
    total = {
        "runs": len(outcomes),
        "faults": sum(len(o.faults) for o in outcomes),
        "of_clocks": sum(
            kind.value in text.split() for o in outcomes for text in o.faults for kind in (*CLOCKS, *CLOUD_STEPS)
        ),
        "stored": sum(o.stored for o in outcomes),
        "quarantined": sum(o.quarantined for o in outcomes),
        "centre_failed": sum(o.centre_failed for o in outcomes),
        **_of_floods([o.flood for o in outcomes if o.flood is not None]),
        "furthest_s": max(o.furthest_s for o in outcomes),
        "lost": sum(o.lost for o in outcomes),
        "doubled": sum(o.doubled for o in outcomes),
        "altered": sum(o.altered for o in outcomes),
        "bad_seeds": bad,
        "slowest_settling_s": round(max(o.settled_s for o in outcomes), 1),
    }
    print(json.dumps(total), flush=True)
    return 1 if bad else 0


def _of_floods(found: Sequence[Flooded]) -> dict[str, float]:
    """Nothing where there was none."""
    if not found:
        return {}
    return {
        "flood_mb": sum(f.sent_mb for f in found),
        "others_alarms": sum(f.alarms for f in found),
        "to_log_s": round(max(f.to_log_s for f in found), 2),
        "to_centre_s": round(max(f.to_centre_s for f in found), 2),
        "let_go": sum(sum(f.let_go.values()) for f in found),
        "sent_again": sum(f.again for f in found),
        "memory_mb": max(f.memory_mb for f in found),
    }


def run(stage: Stage, first: int, runs: int, keep: bool) -> int:
    return asyncio.run(campaign(stage, first, runs, keep))
