#!/usr/bin/env python3
"""`make lint`, last part: the rules of the house that no ready-made linter knows.

    circles         no two files import one another, however far round, and no two folders; imports under TYPE_CHECKING
                    and inside functions count
    pure rooms      hold nothing but values: no socket, serial, paho, sqlite3, sqlalchemy, asyncio, threading, time,
                    yaml, and nothing of `host`, wherever in a file the import stands
    foreign writes  no module sets an attribute of an object whose class another of our modules defines
    length          no file of Python over 400 lines
    one class, one file     no class adds its methods to a class of ours in another file, unless that one is a contract
                    (Protocol, an abstract base, settings, an exception, an enum)

Prints one line a fault, `file:line: what`, and exits with 1 when there is one. What a room is pure stands in
`PURE`; docs/house.md says what each folder is for.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("contract", "firmware_bridge", "host", "edge_agent", "cloud", "simulators")
LONGEST = 400
GENERATED = ("_pb2.py",)

# Rooms (folders, with all below them) and single files that are pure.
PURE = (
    "contract",
    "firmware_bridge",
    "cloud.cap",
    "cloud.exports",
    "cloud.hydrology",
    "cloud.maintenance",
    "cloud.warnings",
    "cloud.ingest.admission",
    "cloud.ingest.origins",
    "cloud.access.scopes",
    "cloud.access.rate",
    "cloud.identity.ca",
    "cloud.identity.registry",
    "cloud.identity.broker_files",
    "cloud.identity.bundle",
    "cloud.log.ahead",
    "cloud.delivery.answers",
    "cloud.delivery.escalation",
    "cloud.delivery.feed",
    "cloud.delivery.heartbeat",
    "cloud.delivery.maintenance_wants",
    "cloud.delivery.notice",
    "cloud.delivery.queue",
    "cloud.delivery.readable",
    "cloud.delivery.silence",
    "cloud.delivery.state",
    "cloud.delivery.values",
    "cloud.delivery.wants",
    "cloud.log.base",
    "cloud.log.correction",
    "cloud.log.decision",
    "cloud.log.origin",
    "cloud.log.sequences",
    "cloud.views.base",
    "cloud.views.decode",
    "edge_agent.acquisition.schedule",
    "edge_agent.drivers.base",
    "edge_agent.drivers.read_plan",
    "edge_agent.processing.pipeline",
    "edge_agent.processing.reporting",
    "edge_agent.spool.batches",
    "edge_agent.spool.changes",
    "edge_agent.spool.held",
    "edge_agent.spool.retention",
    "edge_agent.spool.retiming",
    "edge_agent.spool.thinning",
    "edge_agent.timesync.now",
    "edge_agent.timesync.time_requests",
    "edge_agent.timesync.timekeeping",
    "edge_agent.uplink.budget",
    "edge_agent.uplink.gateway_state",
    "edge_agent.uplink.outbox",
)
# The clock lets time in; these of the warnings and of maintenance speak to the ledger, to the log and to other threads.
NOT_PURE = (
    "contract.clock",
    "cloud.maintenance.reader",
    "cloud.maintenance.tables",
    "cloud.maintenance.view",
    "cloud.warnings.cuts",
    "cloud.warnings.desk",
    "cloud.warnings.reader",
    "cloud.warnings.replay",
    "cloud.warnings.results",
    "cloud.warnings.snapshots",
    "cloud.warnings.store",
    "cloud.warnings.view",
    "cloud.warnings.tables",
)
# What a pure room may take from those that are not: the forms of times, and contracts.
PURE_ENOUGH = ("contract.clock",)
IMPURE = ("socket", "ssl", "serial", "paho", "sqlite3", "sqlalchemy", "asyncio", "threading", "time", "yaml", "host")


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a file imports. line: counts from 1."""

    module: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file of ours. name: as it is imported."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def folder(self) -> str:
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def read(root: Path, packages: Iterable[str] = PACKAGES) -> dict[str, Source]:
    """Every file of the packages, by the name it is imported by; generated ones are left out."""
    out = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            if path.name.endswith(GENERATED):
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            text = path.read_text()
            out[name] = Source(name, path.relative_to(root), ast.parse(text), text.count("\n"))
    return out


def imports(source: Source) -> Iterator[Import]:
    """What it imports, anywhere in the file; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", node.lineno)


def graph(sources: Mapping[str, Source]) -> dict[str, dict[str, int]]:
    """file -> file it imports -> line."""
    out: dict[str, dict[str, int]] = {}
    for name, source in sources.items():
        to: dict[str, int] = {}
        for found in imports(source):
            target = found.module if found.module in sources else found.module.rpartition(".")[0]
            if target in sources and target != name:
                to.setdefault(target, found.line)
        out[name] = to
    return out


def circles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of nodes that reach one another (Tarjan's strongly connected components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                out.append(sorted(stack[at:]))
            del stack[at:]

    for node in edges:
        if node not in index:
            visit(node)
    return sorted(out)


def circle_faults(sources: Mapping[str, Source]) -> Iterator[str]:
    files = graph(sources)
    for circle in circles(files):
        first = sources[circle[0]]
        line = next(at for to, at in files[circle[0]].items() if to in circle)
        yield f"{first.path}:{line}: a circle of imports: {', '.join(circle)}"
    folders: dict[str, dict[str, str]] = {}
    for name, targets in files.items():
        for target, line in targets.items():
            here, there = sources[name].folder, sources[target].folder
            if here != there:
                folders.setdefault(here, {}).setdefault(there, f"{sources[name].path}:{line}")
    for circle in circles(folders):
        where = next(at for to, at in folders[circle[0]].items() if to in circle)
        yield f"{where}: a circle of folders: {', '.join(circle)}"


def within(name: str, rooms: Iterable[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def pure_faults(sources: Mapping[str, Source]) -> Iterator[str]:
    for room in (*PURE, *NOT_PURE):
        if room not in sources:
            yield f".ci/house.py:1: there is no {room}: mend the list of pure rooms"
    files = graph(sources)
    for name, source in sources.items():
        if not within(name, PURE) or within(name, NOT_PURE):
            continue
        for found in imports(source):
            if within(found.module, IMPURE):
                yield f"{source.path}:{found.line}: a pure room imports {found.module}"
        for target, line in files[name].items():
            pure = within(target, PURE) and not within(target, NOT_PURE)
            if not pure and target not in PURE_ENOUGH:
                yield f"{source.path}:{line}: a pure room imports {target}, which is none"


def length_faults(root: Path) -> Iterator[str]:
    for folder in (*PACKAGES, "tests", "benchmarks", ".ci"):
        for path in sorted((root / folder).rglob("*.py")):
            lines = path.read_text().count("\n")
            if lines > LONGEST and not path.name.endswith(GENERATED):
                yield f"{path.relative_to(root)}:{LONGEST}: has {lines} lines, more than {LONGEST}: one file, one idea"


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    import foreign_writes  # stands beside this file

    sources = read(root)
    faults = [*circle_faults(sources), *pure_faults(sources), *length_faults(root)]
    faults += foreign_writes.faults(root, PACKAGES)
    print("\n".join(faults) if faults else f"the house is in order: {len(sources)} files")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
