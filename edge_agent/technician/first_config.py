"""What `headwater-edge init` writes: the agent's file, and a district of one station for an office to grow."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from contract.catalogue.devices import DeviceModel
from contract.catalogue.loader import device_file
from contract.catalogue.quantities import Quantity
from contract.documents import ConfigError
from contract.refusing import no_such
from edge_agent.config import load_config
from firmware_bridge.protocols import PROTOCOLS
from host.files import put
from host.yaml_config import read_yaml

# Where device files are looked for, when nobody says where.
PLACES = (Path("configs/devices"), Path("/etc/headwater/configs/devices"), Path("devices"))
_KIND_OF_STATION = {
    Quantity.RAIN_TOTAL: "rain",
    Quantity.RAIN_EVENT: "rain",
    Quantity.RAIN_INTENSITY: "rain",
    Quantity.STAGE: "river",
    Quantity.DEPTH: "street",
    Quantity.WET_WELL: "pump_station",
    Quantity.PUMP_RUNNING: "pump_station",
}
_HALF_SIDE_DEG = 0.005  # of the zone drawn about the station: about 500 m
_FIRST_CHANNEL = 101
_HEADS = {
    "agent.yaml": "# The agent of this gateway. `headwater-edge check` names every mistake in it and in its catalogue.",
    "district.yaml": "# Of `headwater-edge init`: a station in a zone of a kilometre; the office draws real ones.",
    "gateways.yaml": "# Buses and devices of this gateway; docs/device-files.md says what else a device may have here.",
    "rules.yaml": "# No rules yet: the office that answers for warnings writes them (see configs/districts/jinshui).",
    "response_plan.yaml": "# What each level calls for. The office's to write: these are placeholders.",
}


class NotWritten(Exception):
    """Nothing was written; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class ChosenDevice:
    """One instrument. file: its device file. registers: those that become channels; () for all."""

    id: str
    file: Path
    model: DeviceModel
    unit: int | str
    registers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstConfig:
    """bus: settings beside id, kind and address. broker: host and port, and what else the agent's file may say of it.
    station_kind: None for what fits the first device."""

    gateway: str
    kind: str
    address: str
    devices: tuple[ChosenDevice, ...]
    lat: float
    lon: float
    station: str
    station_kind: str | None = None
    district: str = "site"
    adcode: str = "000000"
    data_dir: str = "data"
    bus: Mapping[str, Any] = field(default_factory=dict)
    broker: Mapping[str, Any] = field(default_factory=lambda: {"host": "127.0.0.1", "port": 1883})

    def files(self) -> dict[str, dict[str, Any]]:
        """By path from the folder on, what stands in each file; device files are copied beside them."""
        folder = f"districts/{_id(self.district)}"
        return {
            "agent.yaml": {
                "gateway": self.gateway,
                "catalogue": folder,
                "data_dir": self.data_dir,
                "broker": dict(self.broker),
            },
            f"{folder}/district.yaml": self._district(),
            f"{folder}/gateways.yaml": {"gateways": [self._gateway()]},
            f"{folder}/rules.yaml": {"rules": []},
            f"{folder}/response_plan.yaml": _plan(_id(self.district)),
        }

    def _gateway(self) -> dict[str, Any]:
        devices = [{"id": d.id, "model": d.model.model, "unit": d.unit} for d in self.devices]
        bus = {"id": f"{self.gateway}-bus", "kind": self.kind, "address": self.address, **self.bus, "devices": devices}
        return {"id": self.gateway, "name": self.gateway, "buses": [bus]}

    def _district(self) -> dict[str, Any]:
        south, north = round(self.lat - _HALF_SIDE_DEG, 5), round(self.lat + _HALF_SIDE_DEG, 5)
        west, east = round(self.lon - _HALF_SIDE_DEG, 5), round(self.lon + _HALF_SIDE_DEG, 5)
        area = [[north, west], [north, east], [south, east], [south, west]]
        station = {
            "id": _id(self.station),
            "name": self.station,
            "zone": "zone-1",
            "kind": self.station_kind or _kind_of(self.devices),
            "lat": self.lat,
            "lon": self.lon,
            "channels": list(self._channels()),
        }
        return {
            "district": {"id": _id(self.district), "name": self.district, "adcode": self.adcode},
            "zones": [{"id": "zone-1", "name": f"Around {self.station}", "area": area}],
            "stations": [station],
        }

    def _channels(self) -> Iterator[dict[str, Any]]:
        number = _FIRST_CHANNEL
        for device in self.devices:
            for name in device.registers or tuple(r.name for r in device.model.registers):
                yield {"id": number, "device": device.id, "register": name}
                number += 1


def write(config: FirstConfig, folder: Path, overwrite: bool) -> list[Path]:
    """Writes the files, once they pass `check`; the paths. Raises NotWritten, and ConfigError for what does not fit."""
    files = config.files()
    targets = {folder / path: _text(path, content) for path, content in files.items()}
    devices = {
        folder / Path(files["agent.yaml"]["catalogue"]) / "devices" / d.file.name: d.file for d in config.devices
    }
    there = [str(p) for p in (*targets, *devices) if p.exists()]
    if there and not overwrite:
        raise NotWritten(f"{', '.join(there)}: there already; another folder, or --overwrite to lose what they say")
    with tempfile.TemporaryDirectory(prefix="headwater-init-") as tried:
        _lay(Path(tried), folder, targets, devices)
        try:
            load_config(Path(tried) / "agent.yaml")
        except ConfigError as error:
            ours = [replace(m, file=folder / m.file.relative_to(tried)) for m in error.mistakes]
            raise ConfigError(ours) from error
    _lay(folder, folder, targets, devices)
    return [*targets, *devices]


def _lay(base: Path, folder: Path, texts: Mapping[Path, str], copies: Mapping[Path, Path]) -> None:
    """Writes what belongs below `folder` below `base`."""
    try:
        for path, text in texts.items():
            put(_place(base, path.relative_to(folder)), text.encode())
        for path, source in copies.items():
            at = _place(base, path.relative_to(folder))
            if not (at.exists() and at.samefile(source)):
                put(at, source.read_bytes())
    except OSError as error:
        raise NotWritten(f"cannot write {error.filename}: {error.strerror}") from error


def _place(base: Path, path: Path) -> Path:
    """Where a file goes, with its folder made. Raises OSError where a link in `base` leads that folder out of it: root
    would write where another user likes."""
    at = base / path
    if not at.parent.resolve().is_relative_to(base.resolve()):
        raise OSError(errno.EPERM, "a link leads out of the folder: remove it, or name another folder", str(at.parent))
    at.parent.mkdir(parents=True, exist_ok=True)
    return at


def device_files(folder: Path | None, wanted: Sequence[str] = ()) -> list[Path]:
    """The device files there are to choose from, by name. wanted: MODEL:UNIT of each device, as `chosen` takes it.
    Raises NotWritten when there are none, and a model is not given by its file."""
    places = (folder,) if folder is not None else PLACES
    for place in places:
        if found := sorted(place.glob("*.yaml")):
            return found
    if wanted and all(_is_file(text.partition(":")[0]) for text in wanted):
        return []
    looked = ", ".join(str(p) for p in places)
    where = "say with --devices where they are (configs/devices of Headwater), or --device FILE.yaml:UNIT"
    raise NotWritten(f"no device files in {looked}: {where}")


def chosen(text: str, files: Sequence[Path]) -> ChosenDevice:
    """A device of MODEL:UNIT or MODEL:UNIT:ID. MODEL: a name, a number of the list, or a path. Raises NotWritten, and
    ConfigError for a device file with mistakes."""
    model, _, rest = text.partition(":")
    unit, _, name = rest.partition(":")
    if not model or not unit:
        raise NotWritten(f"--device {text!r} is not MODEL:UNIT or MODEL:UNIT:NAME, such as us-level-60:1:bridge")
    return device_of(model, unit, name, files)


def device_of(model: str, unit: str, name: str, files: Sequence[Path]) -> ChosenDevice:
    """As `chosen`, of its parts. name: "" for one that is made of model and unit."""
    file = _file_of(model, files)
    document = read_yaml(file)
    checked = device_file(document, PROTOCOLS)
    if checked is None:
        raise ConfigError(document.mistakes)
    return ChosenDevice(
        _id(name) if name else f"{checked.model}-{unit}", file, checked, int(unit) if unit.isdigit() else unit
    )


def _file_of(model: str, files: Sequence[Path]) -> Path:
    if model.isdigit() and 1 <= int(model) <= len(files):
        return files[int(model) - 1]
    if _is_file(model):
        return Path(model)
    found = next((f for f in files if f.stem == model), None)
    if found is None:
        raise NotWritten(no_such("device file", model, [f.stem for f in files]))
    return found


def _is_file(model: str) -> bool:
    return model.endswith(".yaml") and Path(model).is_file()


def _kind_of(devices: Sequence[ChosenDevice]) -> str:
    quantities = [r.quantity for d in devices for r in d.model.registers]
    return next((kind for q in quantities if (kind := _KIND_OF_STATION.get(q))), "street")


def _id(name: str) -> str:
    """A name as identifiers are written: small letters, digits and dashes."""
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return made if re.match(r"[a-z]", made) else f"site-{made}".rstrip("-")


def _plan(district: str) -> dict[str, Any]:
    words = {
        "blue": ("Water on the road", "Watch the site."),
        "yellow": ("Water rising", "Send a crew with barriers."),
        "orange": ("Close to traffic", "Close the road and start mobile pumps."),
        "red": ("Danger to life", "Clear people from the site at once."),
    }
    told = {level: {"headline": head, "instruction": what} for level, (head, what) in words.items()}
    return {"sender": f"drainage@{district}.example", "contact": "the drainage office", "responses": told}


def _text(path: str, content: Mapping[str, Any]) -> str:
    made = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    return f"{_HEADS[Path(path).name]}\n{made}"
