"""A district of a few zones with several stations each, and random histories of it as log entries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cloud.log.base import Entry, EntryKind
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from contract.readings import Flag, ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

START_MS = 1_626_768_000_000
PER_ZONE, ZONES = 4, 3
RULE = Rule(
    id="depth",
    channels=tuple(range(1, ZONES * PER_ZONE + 1)),
    levels={Level.BLUE: 0.1, Level.YELLOW: 0.2, Level.RED: 0.5},
    on_delay_s=60,
    off_delay_s=120,
    min_hold_s=0,
    stale_after_s=600,
)


def city(small: Catalogue) -> Catalogue:
    one, zone = small.channels[201], small.zones["south"]
    # Asked every 20 s: what stands for the on-delay is evidence enough.
    device = one.device.model_copy(update={"period_s": 20.0})
    zones = {f"z{n}": zone.model_copy(update={"id": f"z{n}", "name": f"Zone {n}"}) for n in range(ZONES)}
    stations, channels = {}, {}
    for n in RULE.channels:
        own = one.station.channels[0].model_copy(update={"id": n})
        where = {"id": f"s{n}", "name": f"Street {n}", "zone": f"z{(n - 1) // PER_ZONE}", "channels": (own,)}
        s = one.station.model_copy(update=where)
        stations[s.id], channels[n] = s, replace(one, id=n, station=s, device=device)
    return replace(small, zones=zones, stations=stations, channels=channels, rules=(RULE,))


def tick(offset: int, now_ms: int) -> Entry:
    return Entry(offset, now_ms, EntryKind.TICK, "", 0, 0, Lane.LIVE, 0, 0, b"")


def entry(offset: int, now_ms: int, readings: ReadingBatch) -> Entry:
    payload = encode_batch(WireBatch("gw-1", 1, offset, Lane.LIVE, readings))
    return Entry(offset, now_ms, EntryKind.BATCH, "gw-1", 1, offset, Lane.LIVE, now_ms, now_ms, payload)


def history(seed: int, count: int = 150) -> list[Entry]:
    """Levels that wander, sensors that fall silent or turn suspect, batches that come late, hours that pass."""
    rng = np.random.default_rng(seed)
    now_ms, out = START_MS, []
    level = np.zeros(ZONES * PER_ZONE + 1)
    for offset in range(1, count + 1):
        now_ms += int(
            rng.choice([0, 1000, 20_000, 30_000, 60_000, 120_000, 700_000], p=[0.1, 0.1, 0.2, 0.2, 0.2, 0.15, 0.05])
        )
        n = int(rng.integers(0, 6))
        if n == 0:
            out.append(tick(offset, now_ms))
            continue
        channel = rng.choice(np.array(RULE.channels), n, replace=False)
        level[channel] = np.clip(level[channel] + rng.choice([-0.3, -0.05, 0.0, 0.06, 0.15], n), 0, 1).round(3)
        late_ms = rng.choice([0, 0, 0, 5000, 650_000], n)
        flag = rng.choice([Flag.PASS, Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.FAIL], n)
        out.append(entry(offset, now_ms, ReadingBatch.of(now_ms - late_ms, channel, level[channel], flag)))
    return out
