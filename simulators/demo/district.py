"""One run of the district: everything that is started, and the files it leaves."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from contract.catalogue.catalogue import Catalogue
from contract.clock import ScaledClock
from contract.documents import ConfigError, validate
from host.district_folder import load
from host.yaml_config import read_yaml
from simulators.catchment.catchment import Catchment
from simulators.catchment.signals import Simulation
from simulators.demo import troubles
from simulators.demo.centre import WarningCentre
from simulators.demo.machines import Machine
from simulators.demo.troubles import Trouble
from simulators.plant.plant import Plant
from simulators.plant.truth import TruthRecorder, read_log, write_parquet
from simulators.processes.child import Child
from simulators.processes.identities import Identities
from simulators.processes.ports import free_port
from simulators.storms.storms import Storm

WATER = "water.log"  # in the folder of a run: see `simulators.catchment.record`
LEAD_MS = 3_600_000  # the demonstration begins an hour before the first heavy rain


@dataclass(frozen=True)
class Scene:
    """What to play. broker: address of a real one; None for the embedded.

    edge_broker: where the gateways find it, when that is not where the cloud does (a bad link between).
    lead_ms: how long before the first heavy rain it begins.
    identities: of that broker, see `simulators.processes.identities`; None for one without TLS.
    troubles: what goes wrong with its instruments.
    clocks: each gateway has a machine with a clock of its own, which may be wrong: see `simulators.wrong_clocks.clock`.
    without: a gateway whose agent does not run: something else has its identity. Empty: none.
    """

    folder: Path  # of the district
    out: Path
    storm: Storm
    speed: float
    seed: int
    http_port: int = 0
    broker: tuple[str, int] | None = None
    edge_broker: tuple[str, int] | None = None
    keepalive_s: float = 20
    lead_ms: int = LEAD_MS
    identities: Path | None = None
    clocks: bool = False
    without: str = ""
    troubles: tuple[Trouble, ...] = ()


def read_simulation(folder: Path) -> Simulation:
    """Raises ConfigError."""
    document = read_yaml(folder / "simulation.yaml")
    found = validate(document, Simulation)
    if found is None or document.mistakes:
        raise ConfigError(document.mistakes)
    return found


class District:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.catalogue: Catalogue = load(scene.folder)
        self.simulation = read_simulation(scene.folder)
        self._identities = Identities(scene.identities) if scene.identities is not None else None
        _empty(scene.out)
        start_ms = scene.storm.heavy_ms - scene.lead_ms
        self.clock = ScaledClock(start_ms, scene.speed, time.time_ns() // 1_000_000)
        secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode()
        (scene.out / "webhook.key").write_text(secret)
        (scene.out / "webhook.key").chmod(0o600)
        self.centre = WarningCentre(secret)
        self.truth = TruthRecorder(scene.out / "truth.log")
        self.catchment: Catchment | None = None
        self.plant: Plant | None = None
        self.cloud_machine = Machine(scene.out / "cloud.clock.json", self.clock)
        cloud = str(scene.out / "cloud.yaml")
        self.cloud = Child(
            "cloud",
            *(
                ("simulators.wrong_clocks.cloud", [cloud, str(self.cloud_machine.path)])
                if scene.clocks
                else ("cloud.cli", ["serve", "--config", cloud])
            ),
            scene.out / "log" / "cloud.log",
        )
        edge = scene.out / "edge"
        agents = [g for g in self.catalogue.gateways if g != scene.without]
        self.machines = {g: Machine(edge / f"{g}.clock.json", self.clock) for g in agents}
        self.gateways = {
            g: Child(
                g,
                *(
                    ("simulators.wrong_clocks.agent", [str(edge / f"{g}.yaml"), str(machine.path)])
                    if scene.clocks
                    else ("edge_agent.cli", ["run", str(edge / f"{g}.yaml")])
                ),
                scene.out / "log" / f"{g}.log",
            )
            for g, machine in self.machines.items()
        }
        self.http = ""
        self._troubles: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the cloud listens. Raises ChildDied, CatchmentError."""
        scene = self.scene
        self.centre.start()
        # Both keep their ports, so that either can be started again.
        self.write_cloud(scene.http_port or free_port(), scene.broker[1] if scene.broker else free_port())
        if scene.clocks:
            self.cloud_machine.boot()
        self.cloud.start()
        self.catchment = await asyncio.to_thread(
            Catchment,
            scene.folder,
            self.simulation,
            scene.storm,
            self.clock.start_ms,
            self.clock,
            scene.out / "log" / "catchment.log",
            scene.out / WATER,
        )
        self.plant = Plant(self.catalogue, self.simulation, self.catchment, self.clock, scene.seed, self.truth)
        await self.plant.start()
        if scene.troubles:
            self._troubles = asyncio.create_task(self._happen(self.plant))
        ready = json.loads(await asyncio.to_thread(self.cloud.first_line))
        self.http = ready["http"]
        host, _, port = ready["broker"].rpartition(":")
        edge_broker = scene.edge_broker or (host, int(port))
        for gateway, child in self.gateways.items():
            self._write_edge(gateway, edge_broker, self.plant.addresses())
            if scene.clocks:
                self.machines[gateway].boot()
            else:
                self.machines[gateway].started()
            child.start()

    async def _happen(self, plant: Plant) -> None:
        """What goes wrong, when the storm's clock says so; not before every gateway reads: a busy machine starts
        slowly, and what was never seen right cannot be seen to go wrong."""
        while not all(self._reads(gateway) for gateway in self.gateways):
            await asyncio.sleep(0.2)
        await self.clock.sleep(troubles.AFTER_S)
        troubles.happen(plant, self.scene.troubles, self.scene.seed)
        if troubles.Trouble.GATEWAY in self.scene.troubles:
            passed_s = (self.clock.now_ms() - self.clock.start_ms) / 1000
            await self.clock.sleep(max(troubles.GATEWAY_AFTER_S - passed_s, 0.0))
            await asyncio.to_thread(self.gateways[troubles.GATEWAY].stop)

    def _reads(self, gateway: str) -> bool:
        """By the gateway's status file."""
        try:
            found = json.loads((self.scene.out / "edge" / gateway / "status.json").read_text())
        except (OSError, ValueError):
            return False
        return int(found["readings"].get("made", 0)) > 0

    def check(self) -> None:
        """Raises ChildDied or CatchmentError, with the reason, when anything that should run does not."""
        self.cloud.check()
        for child in self.gateways.values():
            child.check()
        if self.catchment is not None:
            self.catchment.check()

    async def stop_edges(self) -> None:
        """Gateways hand in what they have; then the devices stop, and the truth is written."""
        ended_ms = self.clock.now_ms()
        await asyncio.gather(*(asyncio.to_thread(c.stop) for c in self.gateways.values()))
        await self._stop_water()
        self.truth.close()
        write_parquet(read_log(self.scene.out / "truth.log"), self.scene.out / "truth.parquet")
        run: dict[str, Any] = {
            "storm": self.scene.storm.name,
            "speed": self.scene.speed,
            "seed": self.scene.seed,
            "started_ms": self.clock.start_ms,
            "ended_ms": ended_ms,
            "without": self.scene.without,
        }
        if self.scene.clocks:  # gateways whose clocks are wrong cannot say when they ran
            run["lives"] = {g: [asdict(life) for life in m.lives] for g, m in self.machines.items()}
        (self.scene.out / "run.json").write_text(json.dumps(run, indent=1))

    async def stop(self) -> None:
        for child in self.gateways.values():
            child.kill()
        await self._stop_water()
        await asyncio.to_thread(self.cloud.stop)
        self.centre.stop()

    async def _stop_water(self) -> None:
        if self._troubles is not None:
            self._troubles.cancel()
        if self.plant is not None:
            await self.plant.stop()
            self.plant = None
        if self.catchment is not None:
            await asyncio.to_thread(self.catchment.close)
            self.catchment = None

    def write_cloud(self, http_port: int, broker_port: int) -> None:
        scene = self.scene
        broker: dict[str, Any] = {"embedded": scene.broker is None, "port": broker_port}
        if scene.broker is not None:
            broker["host"] = scene.broker[0]
        identity: dict[str, Any] = {}
        if self._identities is not None:
            broker.update(self._identities.cloud_tls())
            identity = {"identity": self._identities.cloud_section()}
        _write_yaml(
            scene.out / "cloud.yaml",
            {
                **identity,
                "catalogue": str(scene.folder.resolve()),
                "data_dir": "cloud",
                "clock": str(self.clock),
                "broker": broker,
                "delivery": [
                    {"kind": "webhook", "name": "centre", "url": self.centre.url, "secret_files": ["webhook.key"]},
                    {"kind": "log", "name": "log", "path": "warnings.jsonl"},
                ],
                # The warning centre is on loopback, without TLS.
                "egress": {"allow_networks": ["127.0.0.1/32"], "allow_http": ["127.0.0.1"]},
                # Nobody logs in to a demonstration; so nobody but this machine may reach it.
                "http": {"host": "127.0.0.1", "port": http_port},
                "access": {"mode": "open"},
                "receive": {"silence_s": 5},  # who floods is heard again before the run is over
                "retention": {
                    "log_days": 60,
                    "raw_days": 500,
                    "hourly_days": 4000,
                    "quarantine_days": 180,
                    "audit_days": 4000,
                    "warnings_days": 4000,
                },
            },
        )

    def _write_edge(self, gateway: str, broker: tuple[str, int], addresses: Mapping[str, str]) -> None:
        tls = self._identities.gateway_tls(gateway) if self._identities is not None else {}
        own = {bus.id: addresses[bus.id] for bus in self.catalogue.gateways[gateway].buses}
        _write_yaml(
            self.scene.out / "edge" / f"{gateway}.yaml",
            {
                "gateway": gateway,
                "catalogue": str(self.scene.folder.resolve()),
                "data_dir": gateway,
                "clock": str(self.clock),
                "simulated": True,
                "broker": {"host": broker[0], "port": broker[1], "keepalive_s": self.scene.keepalive_s, **tls},
                "addresses": own,
            },
        )


async def views_behind(client: httpx2.AsyncClient) -> float | None:
    """Log entries that views of the cloud have still to apply; None when it names no view."""
    return await _sum_of(client, "headwater_view_behind")


async def undelivered(client: httpx2.AsyncClient) -> float | None:
    """Messages in force that consumers lack; None while the cloud does not know."""
    return await _sum_of(client, "headwater_sink_waiting")


async def _sum_of(client: httpx2.AsyncClient, metric: str) -> float | None:
    """Over all labels; None where the cloud does not say it."""
    lines = (await client.get("/metrics")).text.splitlines()
    found = [float(line.split()[-1]) for line in lines if line.startswith(metric)]
    return sum(found) if found else None


def _write_yaml(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(data), sort_keys=False))


def _empty(out: Path) -> None:
    """A fresh folder; only one of an earlier run is emptied. Raises ValueError on any other that holds something."""
    if out.exists() and any(out.iterdir()):
        if not (out / "truth.log").exists():
            raise ValueError(f"{out} holds something else: name an empty folder with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
