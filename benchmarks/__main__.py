"""`make bench [ARGS="receive edge"]`: run the benchmarks, print a table, write benchmarks/results/<name>.json.

One that cannot run does not hide the others; what could not run, and why, is said at the end. The exit code: 0 when
some ran and the rest only lacks a program that is not installed, 1 when one failed, 2 for a name that there is not,
3 when nothing ran because programs are missing.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
import time
import traceback
from pathlib import Path

from simulators.processes.mosquitto import ProgramMissing

NAMES = (
    "quality",
    "conditions",
    "detectors",
    "receive",
    "views",
    "disk",
    "delivery",
    "api",
    "pages",
    "slow_readers",
    "start",
    "edge",
    "edge_memory",
    "rtu",
    "identity",
    "load",
    "flood",
    "outage",
    "backup",
)
RESULTS = Path(__file__).parent / "results"
FAILED, UNKNOWN, NOTHING_RAN = 1, 2, 3


def main(wanted: list[str]) -> int:
    """wanted: names, all of them when it is empty. Returns the exit code."""
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return UNKNOWN
    names = wanted or list(NAMES)
    missing: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in names:
        print(f"\n{name}", flush=True)
        try:
            _measure(name)
        except ProgramMissing as error:
            missing[name] = str(error)
        except Exception as error:
            traceback.print_exc()
            failed[name] = f"failed: {type(error).__name__}: {error}"
        if name in missing:
            print(f"  not run: {missing[name]}", flush=True)
    undone = missing | failed
    print(f"\n{len(names) - len(undone)} of {len(names)} benchmarks ran")
    for name, why in undone.items():
        print(f"  {name} did not: {why}")
    if failed:
        return FAILED
    return NOTHING_RAN if len(missing) == len(names) else 0


def _measure(name: str) -> None:
    """Runs one, prints its figures and keeps them."""
    began = time.perf_counter()
    figures = importlib.import_module(f"benchmarks.{name}").run()
    width = max(len(key) for key in figures)
    for key, figure in figures.items():
        print(f"  {key:<{width}}  {figure:,.4g}" if isinstance(figure, float) else f"  {key:<{width}}  {figure}")
    record = {"machine": platform.machine(), "python": platform.python_version(), "figures": figures}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"  ({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
