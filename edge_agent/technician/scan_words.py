"""What `headwater-edge scan` says: before it begins, while it goes, and what to do next. For people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from edge_agent.drivers.base import LOOK_AT, Fault
from edge_agent.technician.running_agents import RunningAgent
from edge_agent.technician.scan import Heard, Scan, UnitFound
from edge_agent.technician.scan_plan import ScanPlan, Setting

_MANY = 4  # units that all answer alike: it is one device
_NOT_NOISE = ("reconnects", "late_replies")


def before(plan: ScanPlan) -> str:
    """How long it will take, and of what it will keep its hands."""
    first = plan.settings[0]
    how = ", ".join(s.words for s in plan.settings)
    asked = _units(len(first.units))
    if len(plan.settings) > 1:
        asked += f" in each of {len(plan.settings)} settings"
    ends = (
        "" if plan.every or len(plan.settings) == 1 else "; it ends behind the first setting in which anybody answers"
    )
    return (
        f"{plan.address}: {asked} ({how}): at most {duration(plan.most_s)}{ends}.\n"
        "It only reads, one register a unit, and pauses in between. Ctrl-C ends it and gives what was found."
    )


def _units(number: int) -> str:
    return "1 unit" if number == 1 else f"{number} units"


def duration(seconds: float) -> str:
    """ "40 s", "3 min", "1.5 h"."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def of_setting(setting: Setting) -> str:
    """A heading."""
    return setting.words


def of_unit(found: UnitFound) -> str:
    """A line a unit, and one for each text by which it tells who it is."""
    lines = [f"  unit {found.unit:<3} {found.words}"]
    lines += [f"           {name}: {text}" for name, text in found.identity.items()]
    return "\n".join(lines)


def after(scan: Scan, interrupted: bool) -> str:
    """What else was heard, what was not tried, and what to do next."""
    lines: list[str] = []
    for heard in scan.heard:
        lines += _of_others(heard)
    if interrupted:
        left = sum(len(h.setting.units) - h.asked for h in scan.heard)
        were = "was" if left == 1 else "were"
        lines.append(
            f"ended by Ctrl-C: {_units(left)} of {scan.heard[-1].setting.words} {were} not asked" if scan.heard else ""
        )
    if scan.stopped is not None:
        lines.append(f"stopped: {scan.stopped}")
    if scan.not_tried and scan.complete:
        lines.append(f"not tried, for units answered before: {', '.join(s.words for s in scan.not_tried)} (--all does)")
    lines += _next(scan, interrupted)
    return "\n".join(line for line in lines if line)


def _of_others(heard: Heard) -> Iterator[str]:
    setting = heard.setting.words
    for unit, fault in heard.others.items():
        yield f"{setting}: unit {unit}: {fault}"
    if heard.silent:
        yield f"{setting}: {_units(heard.silent)} silent"
    if heard.behind_a_gateway:
        said = f"the gateway says that nobody is there for {_units(heard.behind_a_gateway)}"
        yield f"{setting}: {said} (exceptions 10 and 11)"
    faults = {k: n for k, n in heard.line_faults.items() if k not in _NOT_NOISE}
    if faults:
        yield f"{setting}: the line beside: " + "  ".join(f"{k} {n}" for k, n in faults.items())


def _next(scan: Scan, interrupted: bool) -> Iterator[str]:
    if scan.found:
        first = scan.found[0][0]
        units = [u for s, u in scan.found if s == first]
        if not first.form and len(units) >= _MANY and len(units) >= first_asked(scan):
            own = f"one device that has {scan.plan.address} to itself"
            yield f"whichever unit is asked answers: {own}; take unit {units[0].unit}"
            units = units[:1]
        yield "next, with the device file of the instrument, from configs/devices or written by docs/device-files.md:"
        how = f"{first.options} --address {scan.plan.address}"
        for unit in units:
            yield f"  headwater-edge probe --device FILE.yaml {how} --unit {unit.unit}"
        return
    if interrupted or scan.stopped is not None:
        return
    yield f"nobody answered: {_why(scan)}"


def first_asked(scan: Scan) -> int:
    """How many units were asked in the first setting that gave anybody."""
    return next((h.asked for h in scan.heard if h.found), 0)


def _why(scan: Scan) -> str:
    kinds = Counter(f.fault for h in scan.heard for f in h.others.values())
    if kinds:
        fault = kinds.most_common(1)[0][0]
        return f"something speaks, but no reply came whole ({fault.value}): {LOOK_AT[fault]}"
    faults = Counter[str]()
    for heard in scan.heard:
        faults.update(heard.line_faults)
    if faults["echoes_alone"]:
        return LOOK_AT[Fault.ECHO]
    if faults["noise_bytes"] or faults["bad_crc"]:
        return f"there is noise on the line: {LOOK_AT[Fault.NOISE]}"
    if any(h.behind_a_gateway for h in scan.heard):
        return LOOK_AT[Fault.GATEWAY]
    wider = "" if scan.plan.every else "; `--all` tries every unit, speed and parity"
    return f"silence. {LOOK_AT[Fault.TIMEOUT]}{wider}".replace("see to", "See to", 1)


def held(address: str, agent: RunningAgent) -> str:
    """The agent has the port: the ways out."""
    return (
        f"{address} is read by the running agent (process {agent.pid}, {agent.config}): a line has one master, and a "
        f"scan would disturb it.\nAsk through the agent instead:  headwater-edge read {agent.config}\n"
        f"or stop it, scan, and start it again:  systemctl stop headwater-edge"
    )
