"""The district of `benchmarks.load`: many channels, one in ten a road's depth with a rule."""

from __future__ import annotations

import json
import os
from pathlib import Path

CHANNELS = int(os.environ.get("HEADWATER_LOAD_CHANNELS", "50000"))
GATEWAYS, PER_STATION = 50, 100
STATIONS = CHANNELS // PER_STATION


def district(folder: Path) -> None:
    """Stations of 100 channels, each a zone of its own; ten of them depths of a road. JSON, which is YAML."""
    (folder / "devices").mkdir(parents=True)
    registers = [
        {"name": f"r{i}", "quantity": "depth" if i % 10 == 0 else "voltage", "address": i} for i in range(PER_STATION)
    ]
    model = {"model": "m", "description": "bench", "protocol": "modbus", "period_s": 6, "registers": registers}
    write(folder / "devices" / "m.yaml", model)
    stations, zones, gateways = [], [], []
    for s in range(STATIONS):
        channels = [{"id": s * PER_STATION + i + 1, "device": f"d{s}", "register": f"r{i}"} for i in range(PER_STATION)]
        place = {"id": f"s{s}", "name": f"S{s}", "zone": f"z{s}", "kind": "street", "lat": 34, "lon": 113}
        stations.append({**place, "channels": channels})
        zones.append({"id": f"z{s}", "name": f"Z{s}", "area": [[34, 113], [34, 114], [35, 114]]})
    for g in range(GATEWAYS):
        devices = [{"id": f"d{s}", "model": "m", "unit": s // GATEWAYS + 1} for s in range(g, STATIONS, GATEWAYS)]
        bus = {"id": f"b{g}", "kind": "modbus_tcp", "address": "127.0.0.1:9", "devices": devices}
        gateways.append({"id": f"g{g}", "buses": [bus]})
    head = {"id": "bench", "name": "Bench", "adcode": "410105", "time_zone": "Asia/Shanghai"}
    write(folder / "district.yaml", {"district": head, "zones": zones, "stations": stations})
    write(folder / "gateways.yaml", {"gateways": gateways})
    rule = {"id": "road", "station_kind": "street", "levels": {"red": 0.4}, "on_delay_s": 0}
    write(folder / "rules.yaml", {"rules": [rule]})
    plan = {level: {"headline": "h", "instruction": "i"} for level in ("blue", "yellow", "orange", "red")}
    write(folder / "response_plan.yaml", {"sender": "a@b.example", "contact": "c", "responses": plan})


def write(path: Path, data: object) -> None:
    path.write_text(json.dumps(data))
