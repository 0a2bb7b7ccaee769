"""The agent at work, beside Telegraf: 50 Modbus units of 10 registers at 1 Hz, into an MQTT broker at QoS 1; first over
Modbus TCP, then RTU over TCP.

The agent has quality flags, report by exception and its durable spool on, and is acknowledged as the cloud does it;
Telegraf sends every reading from memory. Both run at the same time, on the same units and broker, which have processes
of their own; only the agent's and Telegraf's are measured. Aim: at most 1.5 times Telegraf's CPU, 55 MB.

Telegraf is looked for under HEADWATER_TELEGRAF and in PATH (version 1.37.2, with inputs.modbus, outputs.mqtt and
serializers.influx); without it only the agent is measured.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import paho.mqtt.client as mqtt
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import parse_batch
from contract.wire.birth import decode_birth
from contract.wire.state import decode_state
from contract.wire.topics import UP_KINDS, Topic, TopicKind, filters_of, parse_topic
from simulators.processes.mosquitto import mosquitto

UNITS, REGISTERS, WARM_S, SPAN_S, SPANS = 50, 10, 8, 10, 5


def district(
    folder: Path,
    port: int,
    broker_port: int = 9,
    *,
    kind: str = "modbus_tcp",
    period_s: float = 1,
    broker: Mapping[str, str] | None = None,
    agent: Mapping[str, str] | None = None,
) -> Path:
    """A catalogue of 500 channels, and the agent's file, whose path is returned.

    kind: of the bus, one that goes over TCP. broker, agent: more of the agent's file: of its broker, and of itself.
    """
    (folder / "devices").mkdir(parents=True)
    quality = {"fail_range": [-0.1, 8], "rate_per_s": 0.05, "spike": {"suspect": 0.1, "fail": 0.3}}
    reporting = {"deadband": 0.01, "heartbeat_s": 300}
    registers = [
        {"name": f"r{i}", "quantity": "depth", "address": i, "scale": 0.001, "quality": quality, "reporting": reporting}
        for i in range(REGISTERS)
    ]
    model = {"model": "m", "description": "bench", "protocol": "modbus", "period_s": period_s, "timeout_s": 0.5}
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
    bus = {"id": "tcp", "kind": kind, "address": f"127.0.0.1:{port}"}
    devices = [{"id": f"d{u}", "model": "m", "unit": u} for u in units]
    _write(folder / "gateways.yaml", {"gateways": [{"id": "gw", "buses": [{**bus, "devices": devices}]}]})
    _write(folder / "rules.yaml", {"rules": []})
    plan = {level: {"headline": "h", "instruction": "i"} for level in ("blue", "yellow", "orange", "red")}
    _write(folder / "response_plan.yaml", {"sender": "a@b.example", "contact": "c", "responses": plan})
    to = {"host": "127.0.0.1", "port": broker_port, **(broker or {})}
    path = folder / "agent.yaml"
    _write(path, {"gateway": "gw", "catalogue": ".", "data_dir": "data", "broker": to, **(agent or {})})
    return path


def serve(port_out: mp.SimpleQueue[int], kind: str = "modbus_tcp") -> None:
    """Units whose registers wander by a millimetre or two."""
    import asyncio
    import random

    from pymodbus import FramerType

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
        server = tcp_server(units, framer=FramerType.RTU if "rtu" in kind else FramerType.SOCKET)
        await server.serve_forever(background=True)
        port_out.put(server.transport.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


def run() -> dict[str, float | str]:
    return {**_over("modbus_tcp", "Modbus TCP"), **_over("modbus_rtu_over_tcp", "RTU over TCP")}


def _over(kind: str, words: str) -> dict[str, float | str]:
    """The figures on a bus of this kind, each named with these words."""
    context = mp.get_context("spawn")
    ports = context.SimpleQueue()
    server = context.Process(target=serve, args=(ports, kind), daemon=True)
    server.start()
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    _compiled(env)
    telegraf = _telegraf()
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder) / "broker") as broker:
        port = ports.get()
        agent_file = district(Path(folder) / "district", port, broker.port, kind=kind)
        cloud = acknowledging(broker.port)
        commands = {"agent": [sys.executable, "-m", "edge_agent.cli", "run", str(agent_file)]}
        if telegraf is not None:
            commands["Telegraf"] = [telegraf, "--config", str(_peer(Path(folder), port, broker.port, kind))]
        try:
            figures = _measured(commands, env)
        finally:
            cloud.loop_stop()
            server.kill()
        from edge_agent.spool.file import read_totals

        totals = read_totals(agent_file.parent / "data" / "spool.sqlite")
    figures["readings made"] = float(sum(c["made"] for c in totals.values()))
    figures["batches acknowledged"] = float(cloud.user_data_get()[0])
    figures["readings spooled"] = float(sum(c["reported"] for c in totals.values()))
    return {f"{words}: {name}": figure for name, figure in figures.items()}


def _measured(commands: dict[str, list[str]], env: dict[str, str]) -> dict[str, float]:
    """CPU in the median of the spans, and the largest resident memory, of each command."""
    processes = {
        name: subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        for name, command in commands.items()
    }
    try:
        time.sleep(WARM_S)
        shares: dict[str, list[float]] = {name: [] for name in processes}
        for _ in range(SPANS):
            before, began = {name: _cpu_s(p.pid) for name, p in processes.items()}, time.monotonic()
            time.sleep(SPAN_S)
            for name, process in processes.items():
                shares[name].append((_cpu_s(process.pid) - before[name]) / (time.monotonic() - began) * 100)
        out: dict[str, float] = {}
        for name, process in processes.items():
            out[f"{name}: CPU, % of a core"] = statistics.median(shares[name])
            out[f"{name}: resident memory at most, MB"] = _peak_mb(process.pid)
        if "Telegraf" in shares:
            ratios = [a / t for a, t in zip(shares["agent"], shares["Telegraf"], strict=True)]
            out["agent by Telegraf"] = statistics.median(ratios)
        return out
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(15)


def _telegraf() -> str | None:
    named = os.environ.get("HEADWATER_TELEGRAF")
    return named or shutil.which("telegraf")


def _peer(folder: Path, port: int, broker_port: int, kind: str = "modbus_tcp") -> Path:
    """Telegraf's file: the same units and registers, one request a unit."""
    fields = ", ".join(f'{{address={i}, name="r{i}", type="INT16", scale=0.001}}' for i in range(REGISTERS))
    requests = "".join(
        f"""
  [[inputs.modbus.request]]
    slave_id = {unit}
    byte_order = "ABCD"
    register = "holding"
    fields = [{fields}]
"""
        for unit in range(1, UNITS + 1)
    )
    path = folder / "telegraf.conf"
    path.write_text(
        f"""
[agent]
  interval = "1s"
  flush_interval = "1s"
  omit_hostname = true
  quiet = true
[[outputs.mqtt]]
  servers = ["tcp://127.0.0.1:{broker_port}"]
  topic = "telegraf"
  qos = 1
  layout = "batch"
  data_format = "influx"
[[inputs.modbus]]
  name = "bench"
  controller = "tcp://127.0.0.1:{port}"
  transmission_mode = "{"RTUoverTCP" if "rtu" in kind else "TCP"}"
  timeout = "500ms"
  configuration_type = "request"
{requests}"""
    )
    return path


def acknowledging(port: int, tls: Mapping[str, str] | None = None) -> mqtt.Client:
    """Acknowledges every batch, as the cloud does. tls: files to show the broker, as in a cloud's file."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="headwater-cloud-bench", userdata=(acked := [0]))

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        topic = parse_topic(message.topic)
        if topic is None or topic.kind is TopicKind.ONLINE:
            return
        if topic.kind in UP_KINDS:
            batch = parse_batch(bytes(message.payload))
            acked[0] = max(acked[0], batch.seq)
            ack = Ack(batch.spool, acked[0])
        else:
            said = (decode_birth if topic.kind is TopicKind.BIRTH else decode_state)(bytes(message.payload))
            ack = Ack(said.spool, acked[0], cloud_ms=time.time_ns() // 1_000_000, asked_ms=said.asked_ms)
        client.publish(str(Topic(topic.district, topic.gateway, TopicKind.ACK)), encode_ack(ack), 1)

    client.on_message = on_message
    if tls is not None:
        client.tls_set(tls["ca_file"], tls["cert_file"], tls["key_file"])
    client.connect("127.0.0.1", port)
    client.subscribe([(name, 1) for name in filters_of()])
    client.loop_start()
    return client


def _compiled(env: dict[str, str]) -> None:
    """As docs/decisions/edge-memory.md says to do once after installation."""
    subprocess.run(
        [sys.executable, "-OO", "-c", "import edge_agent.agent, edge_agent.drivers.modbus"], env=env, check=True
    )


def _cpu_s(pid: int) -> float:
    """Of all threads, to the nanosecond: ticks are too coarse for what sleeps most of the time."""
    return sum(int(p.read_text().split()[0]) for p in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _peak_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _write(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data))
