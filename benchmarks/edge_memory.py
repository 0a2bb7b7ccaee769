"""The agent's memory as it is installed: the wheel in a fresh environment, compiled as the guide says, its broker up
over mutual TLS, 50 Modbus TCP units of 10 registers at 1 Hz. The largest VmRSS over ten minutes; aim 50 MB, 55 at most.

And over ten days on a clock that runs a thousand times as fast, each unit asked once in five of its minutes: what a
gateway does by the day (heartbeats, batches, acknowledgements, merging, the status file) must leave nothing behind.
Aim: flat from the second day on.

HEADWATER_MEMORY_MINUTES (10; 0 leaves that part out) and HEADWATER_MEMORY_DAYS (10; likewise) are for shorter or longer
runs. A package index is needed, for the agent's few packages.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.edge import acknowledging, district, serve
from host.district_folder import load
from simulators.processes.mosquitto import tls_mosquitto

_SPEED = 1000
_DAY_S = 86_400 / _SPEED
_DAYS_PERIOD_S = 300
_LOOK_S = 1.0
_COMPILE = "import edge_agent.agent, edge_agent.drivers.modbus"


def run() -> dict[str, float]:
    minutes = float(os.environ.get("HEADWATER_MEMORY_MINUTES", "10"))
    days = int(os.environ.get("HEADWATER_MEMORY_DAYS", "10"))
    out: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        python = _installed(Path(folder))
        if minutes:
            found = _watched(Path(folder) / "minutes", python, minutes * 60)
            peak = max(found, key=lambda f: f["VmRSS"])
            out |= {f"{minutes:g} minutes: largest VmRSS, MB": peak["VmRSS"], "  of it its own, MB": peak["RssAnon"]}
            out["  of files, which the kernel may drop, MB"] = peak["RssFile"]
        if days:
            start_ms = 1_767_225_600_000  # midnight, UTC
            clock = f"scaled:{start_ms},{_SPEED},{time.time_ns() // 1_000_000}"
            found = _watched(Path(folder) / "days", python, days * _DAY_S, clock)
            for day in range(1, days + 1):
                of_day = found[int((day - 1) * _DAY_S / _LOOK_S) : int(day * _DAY_S / _LOOK_S)]
                for name, of in (("VmRSS", "median VmRSS"), ("RssAnon", "its own")):
                    out[f"day {day}: {of}, MB"] = statistics.median(f[name] for f in of_day)
    return out


def _installed(folder: Path) -> Path:
    """The wheel of this tree in an environment of its own, whose Python is returned."""
    root = Path(__file__).parents[1]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(root)], check=True)
    wheel = next(folder.glob("headwater-*.whl"))
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    named = ["--constraint", str(root / "constraints.txt"), f"{wheel}[edge]"]
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *named], check=True)
    subprocess.run([python, "-OO", "-c", _COMPILE], check=True, cwd=folder, env=_environment())
    return python


def _watched(folder: Path, python: Path, for_s: float, clock: str | None = None) -> list[dict[str, float]]:
    """The agent's memory, MB, every second: VmRSS with its parts, as /proc tells."""
    ports = mp.get_context("spawn").SimpleQueue()
    server = mp.get_context("spawn").Process(target=serve, args=(ports,), daemon=True)
    server.start()
    port = ports.get()
    district(folder / "district", port)
    catalogue = load(folder / "district")
    with tls_mosquitto(folder / "broker", catalogue) as broker:
        assert broker.identities is not None
        agent_file = district(
            folder / "agent",
            port,
            broker.port,
            period_s=_DAYS_PERIOD_S if clock else 1,
            broker=broker.identities.gateway_tls("gw"),
            agent={"clock": clock} if clock else None,
        )
        cloud = acknowledging(broker.port, broker.identities.cloud_tls())
        command = [str(python), "-m", "edge_agent.cli", "run", str(agent_file)]
        with (folder / "agent.log").open("wb") as log:
            agent = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=_environment())
        try:
            time.sleep(10)
            found = []
            ends_s = time.monotonic() + for_s
            while time.monotonic() < ends_s:
                found.append(_memory_mb(agent.pid))
                time.sleep(_LOOK_S)
            if not cloud.user_data_get()[0]:
                raise RuntimeError(f"no batch came over TLS: {(folder / 'agent.log').read_text()[-500:]}")
            return found
        finally:
            agent.terminate()
            agent.wait(20)
            cloud.loop_stop()
            server.kill()


def _environment() -> dict[str, str]:
    """Bytecode is written, and nothing of this tree is imported."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}


def _memory_mb(pid: int) -> dict[str, float]:
    rows = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {r[0][:-1]: int(r[1]) / 1024 for r in rows if r[0] in ("VmRSS:", "RssAnon:", "RssFile:")}
