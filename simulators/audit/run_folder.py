"""What a demonstration or a run of faults left in its folder, audited: see `simulators.audit.compare`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from contract.readings import ReadingBatch
from edge_agent.spool.batches import GivenUp
from simulators.audit.compare import Audit, Gap, compare, count, rows_by_channel

# Truth is stamped when the register is read, a reading when the reply is in: seconds of real time may lie between.
REPLY_S = 1.5
_OPENING_S = 8.0  # real; so long may a started agent take until it has heard every device, on a machine that is busy
_LIFE_OPENING_S = 15.0  # counted from before its process was made


def audit(folder: Path) -> Audit:
    """Of what a demonstration left in a folder, its cloud stopped. Raises OSError when it is no such folder.

    A gateway that ran without an agent has no truth to be held against; its channels are left out.
    """
    from cloud.config import load_config
    from cloud.log.open import open_log
    from cloud.series.open import open_series
    from edge_agent.spool.file import read_given_up, read_runs, read_totals
    from simulators.audit.clocks import runs_of, strangers, undated, wrong_lives
    from simulators.plant.truth import read_parquet

    run = json.loads((folder / "run.json").read_text())
    config = load_config(folder / "cloud.yaml")
    truth = read_parquet(folder / "truth.parquet")
    batch_log = open_log(config.data_dir)
    series = open_series(config.file.series, config.base, config.data_dir)
    try:
        while entries := batch_log.read(series.cursor(), 5000):
            series.apply(entries)
        channels = {c: i for c, i in config.catalogue.channels.items() if i.gateway != run.get("without")}
        stored = series.raw(sorted(channels), 0, 2**62)
        doubled, logged = _doubled(batch_log, run.get("without", ""))
    finally:
        series.close()
        batch_log.close()
    totals: dict[int, dict[str, int]] = {}
    gaps: dict[int, list[Gap]] = {}
    given_up: dict[int, list[GivenUp]] = {}
    for gateway in config.catalogue.gateways:
        if gateway == run.get("without"):
            continue
        spool = folder / "edge" / gateway / "spool.sqlite"
        own = read_totals(spool)
        totals |= own
        given_up |= dict.fromkeys(own, read_given_up(spool))
        lives = run.get("lives", {}).get(gateway)
        runs = runs_of(lives) if lives else read_runs(spool)
        opening_s = _LIFE_OPENING_S if lives else _OPENING_S
        gaps |= dict.fromkeys(own, _gaps(runs, int(run["ended_ms"]), float(run["speed"]), opening_s))
    deadband = {c: i.reporting.deadband for c, i in channels.items()}
    tolerance_ms = int((1.0 + REPLY_S * float(run["speed"])) * 1000)
    aside: dict[int, ReadingBatch] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    if "lives" in run:
        aside = undated(config.data_dir)
        for channel in aside:
            lives = run["lives"].get(config.catalogue.channels[channel].gateway, [])
            spans[channel] = wrong_lives(lives, int(run["ended_ms"]))
            gaps[channel] = [*gaps[channel], *(Gap(start, end, end) for start, end in spans[channel])]
    found = compare(truth, stored, deadband, gaps, tolerance_ms, given_up)
    found = replace(found, doubled=doubled, quarantined=sum(len(rows) for rows in aside.values()))
    for channel, rows in aside.items():
        if n := strangers(rows, truth.take(truth.channel == channel), spans[channel], tolerance_ms):
            what = "values in quarantine were never in its register while its clock was wrong"
            found.add_altered(n, f"channel {channel}: {n} {what}")
    count(found, totals, stored, _channel_counts(logged), {c: len(rows) for c, rows in aside.items()})
    return found


def _gaps(runs: Sequence[Any], ended_ms: int, speed: float, opening_s: float) -> list[Gap]:
    slack_ms = int(1500 * speed)
    ends = [r.last_commit_ms for r in runs[1:]]
    out = [
        Gap(
            (end if end is not None else r.started_ms) - slack_ms,
            r.started_ms,
            r.started_ms + int(opening_s * 1000 * speed),
        )
        for end, r in zip(ends, runs[1:], strict=True)
    ]
    first_ms = runs[0].started_ms
    return [Gap(0, first_ms, first_ms + int(opening_s * 1000 * speed)), *out, Gap(ended_ms - slack_ms, 2**62)]


def _doubled(batch_log: Any, without: str) -> tuple[int, ReadingBatch]:
    """Rows that stand in the log more than once with the same flag; a corrected flag is another row. without: this
    gateway's."""
    from cloud.views.decode import readings

    parts, after = [], 0
    while entries := batch_log.read(after, 5000):
        parts.append(readings([e for e in entries if not without or e.gateway != without]))
        after = entries[-1].offset
    rows = ReadingBatch.concat(parts)
    key = np.empty(len(rows), [("t", "<i8"), ("c", "<u4"), ("f", "u1")])
    key["t"], key["c"], key["f"] = rows.time_ms, rows.channel, rows.flag
    _, first = np.unique(key, return_index=True)
    return len(rows) - len(first), rows


def _channel_counts(rows: ReadingBatch) -> dict[int, int]:
    keys = np.unique(np.stack((rows.channel.astype(np.int64), rows.time_ms)), axis=1)
    return rows_by_channel(keys[0])
