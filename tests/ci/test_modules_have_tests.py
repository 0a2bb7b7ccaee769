"""Every module is imported by some test, but for those named here, each with what tests it instead.

The list may only shrink: a module that is gone, or that a test imports by now, must be taken out of it.
"""

from __future__ import annotations

from pathlib import Path

from tests.ci.scripts import loaded

ROOT = Path(__file__).parents[2]
house = loaded("house")

_CAMPAIGN = "a part of the seeded campaign, which tests/simulators/promise runs and plants bugs in"
_CONDITIONS = "a part of contract.conditions.latches: tests/contract/conditions"
_MAINTENANCE = "a part of cloud.maintenance.engine: tests/cloud/maintenance/test_engine.py names what each finds"
_FAULT_RUN = "a part of the fault runs with real processes: tests/run"

TESTED_BY_OTHERS = {
    "cloud.api.decisions": "mounted into the application that tests/cloud/api/test_decisions.py asks",
    "cloud.api.health": "mounted into the application that tests/cloud/api asks over HTTP",
    "cloud.api.latest_at": "asked through /v1/latest by tests/cloud/api/test_latest_at.py",
    "cloud.api.late": "mounted into the application that tests/cloud/api/test_late.py asks",
    "cloud.api.openapi": "makes the document that tests/cloud/api/test_openapi.py reads",
    "cloud.api.rain_near": "asked through /v1/water/events by tests/cloud/api/test_water.py",
    "cloud.api.row_schemas": "a part of cloud.api.schemas",
    "cloud.api.shapes": "what cloud.api.schemas is made of",
    "cloud.api.schemas": "every answer is validated against it by tests/cloud/api/test_openapi.py",
    "cloud.app.allocator": "works on a whole process: tests/cloud/app/test_allocator.py starts one that imports it",
    "cloud.app.process": "`headwater-cloud serve`: tests/cloud/app/test_watchdog.py starts it",
    "cloud.app.http_server": "`headwater-cloud serve`: tests/cloud/app/test_watchdog.py starts it",
    "cloud.cap.faults": "one record; tests/cloud/cap/test_check.py reads it",
    "cloud.cap.profiles": "by name through cloud.cap.check: tests/cloud/cap/test_check.py",
    "cloud.client.client": "imported as cloud.client by tests/cloud/client/test_client.py",
    "cloud.client.errors": "imported as cloud.client by tests/cloud/client/test_client.py",
    "cloud.cli.access": "its commands are given through cloud.cli.main by tests/cloud/cli/test_access.py",
    "cloud.cli.backup": "its commands are given through cloud.cli.main by tests/cloud/backup",
    "cloud.cli.cap": "its commands are given through cloud.cli.main by tests/cloud/cli/test_cap.py",
    "cloud.cli.decisions": "its commands are given through cloud.cli.main by tests/cloud/cli/test_decisions.py",
    "cloud.cli.gateways": "its commands are given through cloud.cli.main by tests/cloud/cli/test_gateways.py",
    "cloud.cli.retention": "its command is given through cloud.cli.main by tests/cloud/retention/test_night.py",
    "cloud.log.lost": "a part of every log: tests/cloud/log/test_engines.py",
    "cloud.log.settings": "two settings without behaviour; every cloud that a test starts reads them",
    "cloud.retention.night": "what `headwater-cloud trim` does: tests/cloud/retention/test_night.py",
    "cloud.maintenance.book": _MAINTENANCE,
    "cloud.maintenance.columns": _MAINTENANCE,
    "cloud.maintenance.doubt": _MAINTENANCE,
    "cloud.maintenance.gauges": _MAINTENANCE,
    "cloud.maintenance.reader": "what tests/cloud/maintenance/test_view.py asks of the view",
    "cloud.maintenance.silence": _MAINTENANCE,
    "cloud.maintenance.stations": _MAINTENANCE,
    "cloud.warnings.cuts": "through cloud.retention.trimming: tests/cloud/retention/test_trimming.py",
    "contract.catalogue.loader": "through host.district_folder: tests/contract/catalogue/test_loader.py",
    "contract.conditions.doubts": _CONDITIONS,
    "contract.conditions.judging": _CONDITIONS,
    "contract.conditions.memory": _CONDITIONS,
    "contract.conditions.taking_in": _CONDITIONS,
    "contract.identifiers": "one pattern; tests/contract/test_settings_model.py says what it takes",
    "edge_agent.cli.asking": "its commands are given through edge_agent.cli.main by tests/edge_agent/technician",
    "edge_agent.cli.dry": "its command is given through edge_agent.cli.main by tests/edge_agent/cli/test_dry.py",
    "edge_agent.later": "works on a whole process: tests/edge_agent/test_memory_at_start.py starts them",
    "edge_agent.cli.scanning": "its command is given through edge_agent.cli.main by tests/edge_agent/cli",
    "edge_agent.cli.setting_up": "its command is given through edge_agent.cli.main by tests/edge_agent/cli",
    "edge_agent.drivers.line_settings": "one record; every line that tests/edge_agent/drivers opens has one",
    "edge_agent.technician.dry_run": "what `headwater-edge run --dry` does: tests/edge_agent/cli/test_dry.py",
    "edge_agent.technician.silent": "what `status --ask` does: tests/edge_agent/cli/test_beside_the_agent.py",
    "simulators.promise.history": "a part of every seed: tests/simulators/promise/test_promise.py",
    "simulators.cli.month": "its command is given through simulators.cli.main by tests/simulators/month/test_month.py",
    "simulators.cli.plant": "serves until a signal: tests/run/test_foreign_masters.py reads from it",
    "simulators.demo.run": "plays a demo: tests/run/test_demo.py",
    "simulators.faults.flooding": "floods a cloud and a broker: tests/run/test_flood_faults.py",
    "simulators.faults.hand": _FAULT_RUN,
    "simulators.plant.radio": "feeds the agents of tests/run/test_demo.py",
    "simulators.processes.identities": "makes the identities of tests/servers.py and tests/run/test_identities.py",
    "simulators.processes.parent": "works on a whole process: tests/simulators/processes/test_parent.py starts them",
    "simulators.promise.centre": _CAMPAIGN,
    "simulators.promise.faults": _CAMPAIGN,
    "simulators.promise.gateway": _CAMPAIGN,
    "simulators.promise.properties": _CAMPAIGN,
    "simulators.promise.run": _CAMPAIGN,
    "simulators.promise.warnings.cloud": _CAMPAIGN,
    "simulators.promise.warnings.couriers": _CAMPAIGN,
    "simulators.promise.warnings.gateways": _CAMPAIGN,
    "simulators.promise.warnings.machine": _CAMPAIGN,
    "simulators.promise.warnings.people": _CAMPAIGN,
    "simulators.promise.warnings.replayed": _CAMPAIGN,
    "simulators.promise.warnings.run": _CAMPAIGN,
    "simulators.promise.warnings.trouble": _CAMPAIGN,
    "simulators.promise.watched": _CAMPAIGN,
    "simulators.wrong_clocks.agent": "becomes another process: tests/run/test_clock_faults.py",
    "simulators.wrong_clocks.cloud": "becomes another process: tests/run/test_clock_faults.py",
}


def named() -> set[str]:
    """Every module that some test imports, by `import a.b`, `from a.b import c` or `from a import b`."""
    out: set[str] = set()
    for source in house.read(ROOT, ["tests"]).values():
        for found in house.imports(source):
            out |= {found.module, found.module.rpartition(".")[0]}
    return out


def untested() -> set[str]:
    """Modules with something in them that no test imports.

    A folder's `__init__` counts with the folder; `__main__` is one call of the commands; every migration is run, up and
    down, by tests/cloud/ledger/test_schema.py.
    """
    tested = named()
    return {
        name
        for name, source in house.read(ROOT).items()
        if source.path.name not in ("__init__.py", "__main__.py")
        and not name.startswith("cloud.ledger.migrations.")
        and source.tree.body
        and name not in tested
    }


def test_every_module_has_a_test() -> None:
    assert sorted(untested() - TESTED_BY_OTHERS.keys()) == []


def test_the_list_of_others_only_shrinks() -> None:
    assert sorted(TESTED_BY_OTHERS.keys() - untested()) == []
