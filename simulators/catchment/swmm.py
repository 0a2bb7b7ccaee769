"""The child process: SWMM follows the clock, rain goes in, levels come out, pumps are set.

SWMM holds the interpreter's lock while it steps, and allows one simulation a process: hence a process of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from contract.clock import Clock
from simulators.catchment.board import Board
from simulators.catchment.record import WaterRecorder
from simulators.processes.parent import die_with_parent
from simulators.storms.storms import Storm

STEP_S = 10
LONGEST = timedelta(days=3653)
# The storm does not fall evenly over a district; gauge 1 gets the storm as published.
RAIN_FACTOR = {"R1": 1.0, "R2": 0.92, "R3": 0.96, "R4": 1.02}
# The river answers the rain of hours: a leaky bucket over the outfall's base stage, m.
RIVER_BASE_M, RIVER_M_PER_MM, RIVER_LEAK_PER_S, RIVER_MAX_M = 84.80, 0.011, 1 / 14_400, 88.5


def run(
    network: Path,
    storm: Storm,
    start_ms: int,
    clock: Clock,
    memory: str,
    names: Sequence[str],
    pumps: Sequence[str],
    log: Path,
    longest: timedelta = LONGEST,
    record: Path | None = None,
) -> None:
    """Until the board says stop. `names` lists every slot of the board. log: for what it says, SWMM included.

    longest: of the simulation's own time; whatever end date the network's file has. record: a file for what the water
    did, see `simulators.catchment.record`; it is whole when this has ended.
    """
    die_with_parent()
    _say_into(log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    from pyswmm import Links, Nodes, RainGages, Simulation

    board = Board.join(memory, names)
    nodes_wanted = {n: n.partition(":")[2] for n in names if n.split(":")[0] in ("depth", "wet_well")}
    depths = [name for name in names if name.startswith("depth:")]
    written = WaterRecorder(record, depths) if record is not None else None
    with tempfile.TemporaryDirectory(prefix="headwater-swmm-") as folder:
        report, binary = Path(folder) / "swmm.rpt", Path(folder) / "swmm.out"
        with _telling(report), Simulation(str(network), reportfile=str(report), outputfile=str(binary)) as sim:
            # Whoever looks at the water ends it, not the file; and nobody reads what it would write every few minutes.
            sim.end_time = sim.report_start = sim.start_time + longest
            sim.step_advance(STEP_S)
            nodes, links, gauges = Nodes(sim), Links(sim), RainGages(sim)
            wanted = {signal_name: nodes[node] for signal_name, node in nodes_wanted.items()}
            rain = {name: gauges[name] for name in RAIN_FACTOR}
            pump_links = {name: links[name] for name in pumps}
            outfall = nodes["OUT"]
            swell_m, elapsed_s = 0.0, 0
            for _ in sim:
                elapsed_s += STEP_S
                now_ms = start_ms + elapsed_s * 1000
                mm_per_h = storm.intensity_mm_per_h(now_ms)
                for name, gauge in rain.items():
                    gauge.total_precip = mm_per_h * RAIN_FACTOR[name]
                for name, link in pump_links.items():
                    link.target_setting = board[f"pump:{name}"]
                swell_m += mm_per_h / 3600 * STEP_S * RIVER_M_PER_MM - swell_m * RIVER_LEAK_PER_S * STEP_S
                stage_m = min(RIVER_BASE_M + swell_m, RIVER_MAX_M)
                outfall.outfall_stage(stage_m)
                for signal_name, node in wanted.items():
                    board[signal_name] = node.depth
                fallen_mm = storm.fallen_mm(now_ms) - storm.fallen_mm(start_ms)
                for name, factor in RAIN_FACTOR.items():
                    board[f"rain:{name}"] = fallen_mm * factor
                board["stage:OUT"] = stage_m
                if written is not None:
                    # A busy machine may step the water late: it is where it is when the instruments can see it.
                    written.write(max(now_ms, clock.now_ms()), [wanted[name].depth for name in depths])
                board["time_ms"] = float(now_ms)
                board["beats"] += 1
                if board["stop"]:
                    break
                while (ahead_s := (now_ms - clock.now_ms()) / 1000) > 0 and not board["stop"]:
                    time.sleep(min(clock.real_s(ahead_s), 0.2))
    stopped = bool(board["stop"])
    if not stopped:
        print(f"{network} has been played for its longest time, {longest}", file=sys.stderr, flush=True)
    board.close()
    if written is not None:
        written.close()
    os._exit(0 if stopped else 1)  # the library's own clean-up at exit has been seen to crash


def _say_into(log: Path) -> None:
    """What this process and its libraries say goes to a file from now on."""
    with log.open("ab") as file:
        for fd in (1, 2):
            os.dup2(file.fileno(), fd)


@contextmanager
def _telling(report: Path) -> Iterator[None]:
    """What SWMM finds wrong with a network is in its report alone; an error without it says nothing."""
    try:
        yield
    except Exception:
        found = report.read_text(errors="replace").splitlines() if report.exists() else []
        # An error, and below it the line of the network that it is about.
        errors = [" ".join(" ".join(found[i : i + 2]).split()) for i, line in enumerate(found) if "ERROR" in line]
        if errors:
            raise RuntimeError("; ".join(errors[:5])) from None
        raise
