"""The agent at work: 50 Modbus TCP units of 10 registers at 1 Hz, quality flags and durable spool on, no broker there.

Aim: 4 % of a core, 55 MB. The units are served by a process of their own; only the agent's is measured.
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

import yaml

UNITS, REGISTERS, WARM_S, SPAN_S, SPANS = 50, 10, 8, 10, 3


def district(folder: Path, port: int) -> Path:
    """A catalogue of 500 channels, and the agent's file, whose path is returned."""
    (folder / "devices").mkdir(parents=True)
    quality = {"fail_range": [-0.1, 8], "rate_per_s": 0.05, "spike": {"suspect": 0.1, "fail": 0.3}}
    reporting = {"deadband": 0.01, "heartbeat_s": 300}
    registers = [
        {"name": f"r{i}", "quantity": "depth", "address": i, "scale": 0.001, "quality": quality, "reporting": reporting}
        for i in range(REGISTERS)
    ]
    model = {"model": "m", "description": "bench", "protocol": "modbus", "period_s": 1, "timeout_s": 0.5}
    _write(folder / "devices" / "m.yaml", {**model, "registers": registers})
    units = range(1, UNITS + 1)
    channels = {
        u: [{"id": u * 100 + i, "device": f"d{u}", "register": f"r{i}"} for i in range(REGISTERS)] for u in units
    }
    stations = [
        {
            "id": f"s{u}",
            "name": f"S{u}",
            "zone": "z",
            "kind": "street",
            "lat": 34.0,
            "lon": 113.0,
            "channels": channels[u],
        }
        for u in units
    ]
    zone = {"id": "z", "name": "Z", "area": [[34, 113], [34, 114], [35, 114]]}
    head = {"id": "bench", "name": "Bench", "adcode": "410105", "time_zone": "Asia/Shanghai"}
    _write(folder / "district.yaml", {"district": head, "zones": [zone], "stations": stations})
    bus = {"id": "tcp", "kind": "modbus_tcp", "address": f"127.0.0.1:{port}"}
    devices = [{"id": f"d{u}", "model": "m", "unit": u} for u in units]
    _write(folder / "gateways.yaml", {"gateways": [{"id": "gw", "buses": [{**bus, "devices": devices}]}]})
    _write(folder / "rules.yaml", {"rules": []})
    plan = {level: {"headline": "h", "instruction": "i"} for level in ("blue", "yellow", "orange", "red")}
    _write(folder / "response_plan.yaml", {"sender": "a@b.example", "contact": "c", "responses": plan})
    broker = {"host": "127.0.0.1", "port": 9}
    agent = folder / "agent.yaml"
    _write(agent, {"gateway": "gw", "catalogue": ".", "data_dir": "data", "broker": broker})
    return agent


def serve(port_out: mp.SimpleQueue[int]) -> None:
    """Units whose registers wander by a millimetre or two."""
    import asyncio
    import random

    from firmware_bridge.modbus import ModbusModel
    from simulators.plant.modbus import ModbusUnit, tcp_server

    registers = [{"name": f"r{i}", "quantity": "depth", "address": i, "scale": 0.001} for i in range(REGISTERS)]
    model = ModbusModel.model_validate(
        {
            "model": "m",
            "description": "bench",
            "protocol": "modbus",
            "period_s": 1,
            "timeout_s": 1,
            "registers": registers,
        }
    )

    def values() -> dict[str, float]:
        return {f"r{i}": round(0.3 + random.gauss(0, 0.002), 3) for i in range(REGISTERS)}

    async def run() -> None:
        units = [ModbusUnit(u, model, values, lambda _r, _w: None) for u in range(1, UNITS + 1)]
        server = tcp_server(units)
        await server.serve_forever(background=True)
        port_out.put(server.transport.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


def run() -> dict[str, float | str]:
    context = mp.get_context("spawn")
    ports = context.SimpleQueue()
    server = context.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        agent_file = district(Path(folder) / "district", ports.get())
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        _compiled(env)
        agent = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.cli", "run", str(agent_file)], stderr=subprocess.DEVNULL, env=env
        )
        try:
            time.sleep(WARM_S)
            shares = []
            for _ in range(SPANS):
                before, began = _cpu_s(agent.pid), time.monotonic()
                time.sleep(SPAN_S)
                shares.append((_cpu_s(agent.pid) - before) / (time.monotonic() - began) * 100)
            rss_mb = _rss_mb(agent.pid)
        finally:
            agent.terminate()
            agent.wait(15)
            server.kill()
        from edge_agent.spool.file import read_totals

        totals = read_totals(agent_file.parent / "data" / "spool.sqlite")
    made = sum(c["made"] for c in totals.values())
    sent = sum(c["reported"] for c in totals.values())
    return {
        "CPU, % of a core (median of 3)": statistics.median(shares),
        "resident memory, MB": rss_mb,
        "readings made": float(made),
        "readings spooled": float(sent),
    }


def _compiled(env: dict[str, str]) -> None:
    """As docs/decisions/edge-memory.md says to do once after installation."""
    subprocess.run(
        [sys.executable, "-OO", "-c", "import edge_agent.agent, edge_agent.drivers.modbus"], env=env, check=True
    )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _write(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data))
