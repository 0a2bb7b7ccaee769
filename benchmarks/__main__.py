"""`make bench [ARGS="receive edge"]`: run the benchmarks, print a table, write benchmarks/results/<name>.json."""

from __future__ import annotations

import importlib
import json
import platform
import sys
import time
from pathlib import Path

NAMES = ("quality", "conditions", "receive", "views", "api", "start", "edge", "outage", "identity", "load")
RESULTS = Path(__file__).parent / "results"


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    failed = 0
    for name in wanted or NAMES:
        print(f"\n{name}", flush=True)
        began = time.perf_counter()
        try:
            figures = importlib.import_module(f"benchmarks.{name}").run()
        except Exception as error:  # one that cannot run must not hide the others
            print(f"  could not run: {error}", flush=True)
            failed += 1
            continue
        width = max(len(key) for key in figures)
        for key, figure in figures.items():
            print(f"  {key:<{width}}  {figure:,.4g}" if isinstance(figure, float) else f"  {key:<{width}}  {figure}")
        record = {"machine": platform.machine(), "python": platform.python_version(), "figures": figures}
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        print(f"  ({time.perf_counter() - began:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
