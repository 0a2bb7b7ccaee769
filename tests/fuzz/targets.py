"""Every decoder of foreign bytes and files there is, one line each. A new decoder is one more line.

A target gets any bytes at all and may raise nothing but what its decoder declares. `allowed` are those errors; each
must carry words for the operator (`check` looks). Seeds of our own making stand in corpus/<name>/, every input that
once did harm in cases/<name>/.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from cloud.access.keys import parse as parse_key
from cloud.api.access import Login
from cloud.api.encoding import moment
from cloud.api.problems import Problem
from cloud.config import ConfigFile as CloudFile
from cloud.identity.store import IdentityError
from cloud.ingest.quarantine import Quarantine
from cloud.log.sqlite import SqliteLog
from cloud.series.manifest import Manifest
from contract.catalogue.devices import GatewaysFile
from contract.catalogue.places import DistrictFile
from contract.catalogue.plan import ResponsePlanFile
from contract.catalogue.rules import RulesFile
from contract.clock import parse_clock
from contract.documents import ConfigError
from contract.wire import batch as wire
from contract.wire.ack import decode_ack
from contract.wire.birth import decode_birth
from contract.wire.envelope import WireError
from contract.wire.topics import parse_topic
from edge_agent.config import ConfigFile as EdgeFile
from edge_agent.drivers.base import DeviceFault
from edge_agent.processing import qc_command
from edge_agent.status import NeverRan, as_text, read_status
from firmware_bridge.modbus import ModbusModel
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.telemetry import NodeError, decode_telemetry
from host.sqlite import StoreDamaged
from simulators.catchment.signals import Simulation
from simulators.plant.truth import read_log
from simulators.storms.storms import parse_storm, read_csv
from tests.fuzz import devices, doors, shells, stores, wires

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Target:
    """run: takes any bytes. allowed: the decoder's own errors. files: it goes through a file, so it is slow."""

    name: str
    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...] = ()
    files: bool = False

    def check(self, data: bytes) -> bool:
        """True when the input was taken, false when it was refused with words. Raises whatever should not be raised."""
        try:
            self.run(data)
        except self.allowed as error:
            assert str(error).strip(), f"{self.name} refuses without a word: {error!r}"
            return False
        return True

    def inputs(self, kind: str) -> list[Path]:
        """kind: corpus or cases."""
        return sorted(p for p in (HERE / kind / self.name).glob("*") if p.is_file())


# StoreDamaged at start; a page that turns out bad later is SQLite's own error, which holds up one view, by name
DAMAGED = (StoreDamaged, sqlite3.DatabaseError)
LEDGER = (StoreDamaged, SQLAlchemyError)
text, file, yaml = shells.text, shells.file, shells.yaml
TARGETS = {
    t.name: t
    for t in (
        # the wire
        Target("wire.batch", wire.decode_batch, (WireError,)),
        Target("wire.columns", wires.columns_of_many, (WireError,)),
        Target("wire.birth", decode_birth, (WireError,)),
        Target("wire.ack", decode_ack, (WireError,)),
        Target("topic", text(parse_topic)),
        Target("receiver", wires.receive),
        Target("sender.ack", wires.hear),
        # devices
        Target("registers", devices.registers),
        Target("frames", devices.frames),
        Target("telemetry", decode_telemetry, (NodeError,)),
        Target("node.line", devices.node_line),
        Target("modbus.tcp", devices.modbus_tcp, (DeviceFault,)),
        Target("modbus.rtu", devices.modbus_rtu, (DeviceFault,)),
        # configuration
        Target("yaml.district", yaml(DistrictFile), (ConfigError,), files=True),
        Target("yaml.gateways", yaml(GatewaysFile, PROTOCOLS.bus_models), (ConfigError,), files=True),
        Target("yaml.rules", yaml(RulesFile), (ConfigError,), files=True),
        Target("yaml.response_plan", yaml(ResponsePlanFile), (ConfigError,), files=True),
        Target("yaml.device", yaml(ModbusModel), (ConfigError,), files=True),
        Target("yaml.edge", yaml(EdgeFile), (ConfigError,), files=True),
        Target("yaml.cloud", yaml(CloudFile), (ConfigError,), files=True),
        Target("yaml.qc", yaml(qc_command.SeriesTests), (ConfigError,), files=True),
        Target("yaml.simulation", yaml(Simulation), (ConfigError,), files=True),
        Target("catalogue", shells.catalogue, (ConfigError,), files=True),
        # recorded series and storms
        Target("csv.qc", file(qc_command.read_series, "series.csv"), (ConfigError,), files=True),
        Target("csv.storm", file(read_csv, "storm.csv"), (ValueError,), files=True),
        Target("storm", text(parse_storm), (ValueError,)),
        Target("truth", file(read_log, "truth.bin"), files=True),
        # the API, and words from a command line
        Target("api.moment", text(lambda t: moment(t, "start")), (Problem,)),
        Target("api.request", shells.request),
        Target("clock", text(parse_clock), (ValueError,)),
        # files of our own, as a failing disk may leave them
        Target("file.spool", stores.spool, files=True),
        Target("file.log", stores.store(SqliteLog, stores.use_log), DAMAGED, files=True),
        Target("file.quarantine", stores.store(Quarantine, stores.use_quarantine), DAMAGED, files=True),
        Target("file.manifest", stores.store(Manifest, stores.use_manifest), DAMAGED, files=True),
        Target("file.ledger", stores.store(stores.open_warnings, stores.use_ledger), LEDGER, files=True),
        Target("file.status", file(lambda p: as_text(read_status(p, reads=1)), "status.json"), (NeverRan,), files=True),
        Target("file.aside", stores.aside, files=True),
        Target("file.registry", doors.registry, (IdentityError,), files=True),
        # who asks
        Target("access.key", text(parse_key)),
        Target("access.cookie", doors.door),
        Target("access.login", Login.model_validate_json, (ValidationError,)),
    )
}
