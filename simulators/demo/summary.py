"""What the terminal shows while the storm runs, and the report at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cloud.warnings.model import Message
from contract.clock import from_ms, to_ms
from simulators.audit.compare import Audit
from simulators.demo.levels import Rise, worst_s

_STYLE = {"blue": "blue", "yellow": "yellow", "orange": "dark_orange", "red": "bold red"}


def local(time_ms: int, zone: str, with_date: bool = False) -> str:
    return from_ms(time_ms).astimezone(ZoneInfo(zone)).strftime("%d %b %H:%M" if with_date else "%H:%M")


def live(
    state: Mapping[str, Any], rain_mm: float, progress: float, counts: Mapping[str, int], url: str
) -> RenderableType:
    """state: of `/page/state`. progress: 0 to 1."""
    zone = state["time_zone"]
    watched = [s for s in state["stations"] if s["quantity"] == "depth" and s["value"] is not None]
    deepest = max(watched, key=lambda s: s["value"], default=None)
    pumps = [p for s in state["pumps"] for p in s["pumps"]]
    running = sum(1 for p in pumps if p["running"])
    open_now = [w for w in state["warnings"] if not w["closed_ms"]]
    unknown = sum(1 for s in state["stations"] if s["state"] == "unknown")
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        "storm clock", Text(local(to_ms(datetime.fromisoformat(state["now"])), zone, with_date=True), style="bold")
    )
    grid.add_row("rain", f"{rain_mm:.0f} mm so far")
    grid.add_row("deepest", f"{deepest['value']:.2f} m  {deepest['name']}" if deepest else "unknown")
    grid.add_row("pumps", f"{running} of {len(pumps)} running")
    grid.add_row("stations", f"{len(state['stations']) - unknown} heard, {unknown} unknown")
    grid.add_row("readings", "  ".join(f"{k} {v}" for k, v in counts.items()))
    said = Text("none")
    if open_now:
        said = Text("  ").join(Text(f"{w['zone_name']} {w['level']}", style=_STYLE[w["level"]]) for w in open_now)
    grid.add_row("warnings", said)
    grid.add_row("page", Text(url, style="underline"))
    return Group(grid, ProgressBar(total=1.0, completed=progress, width=60))


def report(audit: Audit, messages: Sequence[Message], told: Sequence[Rise], zone: str) -> RenderableType:
    """messages: oldest first."""
    figures = Table.grid(padding=(0, 2))
    for name in ("made", "suppressed", "reported", "stored", "lost", "doubled", "altered"):
        figures.add_row(name, f"{getattr(audit, name)}")
    warnings = Table("sent", "message", "level", "why", "incident", title="Warnings", title_justify="left")
    for m in messages:
        level = Text(m.level_word, style=_STYLE.get(m.level_word, ""))
        warnings.add_row(local(m.sent_ms, zone), m.msg_type.value, level, m.why.value if m.why else "", m.incident)
    renewals = sum(m.renewal for m in messages)
    longest_s, untold = worst_s(told), sum(r.told_ms is None for r in told)
    said = f"{len(messages) - renewals} messages and {renewals} renewals"
    if longest_s is not None:
        said += f"; each of {len(told) - untold} rises of the water told within {longest_s:.0f} s"
    if untold:
        said += f"; {untold} not told"
    verdict = "every reading is kept once, as it was" if audit.good else "THE AUDIT FAILED: " + "; ".join(audit.notes)
    return Group(Text("\nReadings", style="bold"), figures, Text(verdict), warnings, Text(said))
