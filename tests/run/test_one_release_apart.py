"""An agent and a cloud of which one is older: readings arrive once, as they were, in their order, acknowledged, those
read while the cloud was away, too. Real processes, MQTT between them, a Modbus slave that counts its reads."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from contract.readings import Flag
from tests.edge_agent.slave import slave
from tests.fixtures.old_files import OLD, handed_in
from tests.run.releases import Release, of_commit, of_today
from tests.servers import free_port
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.unhurried, pytest.mark.timeout(300)]

# The commit whose files tests/fixtures keeps, and the last of the day after it.
_COMMITS = ("cbf9ad8", "28cb21e")
_GONE = ("httpx", "httpcore")  # of both: httpx2 and httpcore2 since
_CHANNEL = 102
_DISTRICT = """
district: {id: small, name: Small District, adcode: "410105"}
zones: [{id: north, name: North, area: [[34.80, 113.65], [34.80, 113.70], [34.76, 113.70], [34.76, 113.65]]}]
stations:
  - {id: u1, name: First Underpass, zone: north, kind: underpass, lat: 34.78, lon: 113.66,
     channels: [{id: 102, device: u1-plc, register: wet_well}]}
"""
_GATEWAYS = """
gateways:
  - id: gw-1
    buses: [{id: gw-1-tcp, kind: modbus_tcp, address: "127.0.0.1:0", devices: [{id: u1-plc, model: plc, unit: 1}]}]
"""
_PLC = """
{model: plc, description: Pump station, protocol: modbus, period_s: 1, timeout_s: 30, registers: [
  {name: wet_well, quantity: wet_well, address: 0, type: float32, quality: {fail_range: [0, 1000]}}]}
"""


class Counting(Mapping[int, int]):
    """Registers 0 and 1: a float32 (ABCD) that says how often it was read, in quarters of a metre, until it is held."""

    def __init__(self) -> None:
        self.reads = 0
        self.held = False

    def __getitem__(self, address: int) -> int:
        self.reads += address == 0 and not self.held
        return struct.unpack(">HH", struct.pack(">f", self.reads / 4))[address]

    def __iter__(self) -> Iterator[int]:
        return iter((0, 1))

    def __len__(self) -> int:
        return 2


@pytest.fixture(scope="module", params=_COMMITS)
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Release:
    release = of_commit(request.param, tmp_path_factory.mktemp(request.param), *_GONE)
    assert release.sources_of("contract").is_relative_to(release.tree)
    return release


def test_an_older_agent_before_todays_cloud(older: Release, tmp_path: Path) -> None:
    _all_arrive_once(tmp_path, older, of_today())


def test_todays_agent_before_an_older_cloud(older: Release, tmp_path: Path) -> None:
    _all_arrive_once(tmp_path, of_today(), older)


def _all_arrive_once(folder: Path, edge: Release, cloud: Release) -> None:
    counting = Counting()
    began = _now()
    with slave(counting) as address:
        agent = _configured(folder, address)
        with edge.running("headwater-edge", "run", agent, log=folder / "agent.log"):
            with _serving(cloud, folder) as http:
                until(lambda: len(_readings(http)) >= 3)
            reads = counting.reads
            until(lambda: counting.reads >= reads + 5)
            with _serving(cloud, folder) as http:
                until(lambda: len(_readings(http)) >= reads + 5)
                counting.held = True
                until(lambda: len(_readings(http)) >= counting.reads and handed_in(agent))
                found = _readings(http)
    assert [row["value"] for row in found] == [n / 4 for n in range(1, counting.reads + 1)]
    assert {(row["channel"], row["flag"]) for row in found} == {(_CHANNEL, Flag.PASS)}
    times = [datetime.fromisoformat(row["time"]) for row in found]
    assert times == sorted(set(times))
    assert began - timedelta(seconds=1) <= times[0] <= times[-1] <= _now()


def _configured(folder: Path, plc: str) -> Path:
    """Files of cloud and agent, as both releases take them. The agent's is returned."""
    district = folder / "district"
    shutil.copytree(OLD / "district", district)
    for name, text in (("district", _DISTRICT), ("gateways", _GATEWAYS), ("devices/plc", _PLC)):
        (district / f"{name}.yaml").write_text(text)
    port = free_port()
    cloud = {
        "catalogue": "district",
        "data_dir": "cloud",
        "broker": {"embedded": True, "port": port},
        "http": {"host": "127.0.0.1", "port": 0},
        "access": {"mode": "open"},
    }
    (folder / "cloud.yaml").write_text(yaml.safe_dump(cloud))
    agent = {
        "gateway": "gw-1",
        "catalogue": "district",
        "data_dir": "edge",
        "broker": {"host": "127.0.0.1", "port": port},
        "addresses": {"gw-1-tcp": plc},
    }
    (folder / "agent.yaml").write_text(yaml.safe_dump(agent))
    return folder / "agent.yaml"


@contextmanager
def _serving(cloud: Release, folder: Path) -> Iterator[str]:
    """Its address for HTTP."""
    log = folder / "cloud.log"
    with cloud.running("headwater-cloud", "serve", "--config", folder / "cloud.yaml", log=log) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        yield json.loads(line)["http"]


def _readings(http: str) -> list[dict[str, Any]]:
    end = _now() + timedelta(days=1)
    asked = {"channel": _CHANNEL, "start": "2026-01-01T00:00:00Z", "end": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    with httpx2.Client(trust_env=False, timeout=30) as client:
        return list(client.get(f"{http}/v1/readings", params=asked).raise_for_status().json())


def _now() -> datetime:
    return datetime.now(UTC)
