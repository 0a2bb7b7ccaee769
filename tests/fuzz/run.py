"""`make fuzz ARGS="TARGET --runs N"`: coverage-guided fuzzing with atheris (libFuzzer). Runs apart, never in CI.

A crash is written to cases/TARGET/, where the plain suite runs it from then on. `--quick` draws from the mutator of
the property tests instead, without coverage: more inputs a second, fewer ways found. What was run is added up in a
JSON-lines file given by `--tally`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import random
import sys
import time
from collections import Counter
from pathlib import Path

_SHOWN = 10


def main() -> None:
    arguments = _arguments()
    logging.disable(logging.CRITICAL)
    if arguments.quick:
        from tests.fuzz.targets import TARGETS

        names = list(TARGETS) if arguments.target == "all" else [arguments.target]
        for name in names:
            if name not in TARGETS:
                sys.exit(f"no target {name!r}; there are {', '.join(TARGETS)}")
            _quick(name, arguments.runs, arguments.seed, arguments.seconds, arguments.tally)
        from tests.fuzz import shells

        shells.sweep()
        return
    _guided(arguments)


def _quick(name: str, runs: int, seed: int, seconds: float, tally: Path | None) -> None:
    from tests.fuzz.mutate import mutate
    from tests.fuzz.targets import TARGETS

    target, chance = TARGETS[name], random.Random(seed)
    seeds = [p.read_bytes() for kind in ("corpus", "cases") for p in target.inputs(kind)]
    began, taken, done, crashes = time.monotonic(), 0, 0, Counter[str]()
    for _ in range(runs):
        data = mutate(chance.choice(seeds), seeds, chance)
        done += 1
        try:
            taken += target.check(data)
        except Exception as error:
            _keep(name, data, error, crashes)
        if done % 256 == 0 and time.monotonic() - began > seconds:
            break
    _report(name, "mutation", done, taken, crashes, time.monotonic() - began, tally)


def _guided(arguments: argparse.Namespace) -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not here: pip install -e '.[fuzz]' -c constraints.txt (Linux, x86-64 or aarch64)")
    # before anything imports them; the parsers we lean on, too
    rooms = ["contract", "firmware_bridge", "edge_agent", "cloud", "simulators"]
    with atheris.instrument_imports(include=[*rooms, "yaml", "csv"]):
        from tests.fuzz import shells
        from tests.fuzz.targets import TARGETS
    if arguments.target not in TARGETS:
        sys.exit(f"no target {arguments.target!r}; there are {', '.join(TARGETS)}")
    target = TARGETS[arguments.target]
    began, taken, done, crashes = time.monotonic(), 0, 0, Counter[str]()

    def one(data: bytes) -> None:
        nonlocal taken, done
        done += 1
        try:
            taken += target.check(data)
        except Exception as error:
            _keep(target.name, data, error, crashes)
        if done >= arguments.runs or (done % 256 == 0 and time.monotonic() - began > arguments.seconds):
            _report(target.name, "atheris", done, taken, crashes, time.monotonic() - began, arguments.tally)
            shells.sweep()
            sys.stdout.flush()
            # libFuzzer never returns; what it was asked for is done
            import os

            os._exit(1 if crashes else 0)

    found = shells.scratch() / "found"  # what reaches new code goes here, not into the committed corpus
    found.mkdir()
    folders = [str(found), *(str(Path(__file__).parent / kind / target.name) for kind in ("corpus", "cases"))]
    folders = [f for f in folders if Path(f).is_dir()]
    options = [f"-max_len={arguments.max_len}", f"-seed={arguments.seed}", "-verbosity=0", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *options, *folders], one)
    atheris.Fuzz()


def _keep(name: str, data: bytes, error: Exception, crashes: Counter[str]) -> None:
    """The first input of each kind of crash becomes a case."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f"{type(error).__name__} at {Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
    crashes[where] += 1
    if crashes[where] == 1 and len(crashes) <= _SHOWN:
        folder = Path(__file__).parent / "cases" / name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / hashlib.sha256(data).hexdigest()[:12]
        path.write_bytes(data)
        print(f"{name}: {where}: {str(error)[:200]}; kept as {path}", flush=True)


def _report(
    name: str, how: str, done: int, taken: int, crashes: Counter[str], took_s: float, tally: Path | None
) -> None:
    row = {"target": name, "how": how, "inputs": done, "taken": taken, "crashes": sum(crashes.values())}
    line = json.dumps({**row, "seconds": round(took_s, 1)})
    print(line, flush=True)
    if tally is not None:
        with tally.open("a") as file:
            file.write(line + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="a name from tests/fuzz/targets.py; with --quick also: all")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-len", type=int, default=65_536, help="bytes of an input (atheris)")
    parser.add_argument("--quick", action="store_true", help="without coverage")
    parser.add_argument("--tally", type=Path, help="append the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
