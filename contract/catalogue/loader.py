"""Makes a catalogue of a district's parsed files and checks them as a whole; `contract.catalogue.catalogue` says what
stands in them. No I/O: reading the files is the host's, see `host.district_folder`."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from contract.catalogue import sense
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.devices import Bus, Device, DeviceModel, Gateway, GatewaysFile, Register
from contract.catalogue.names import Language
from contract.catalogue.places import Channel, DistrictFile, Station
from contract.catalogue.plan import ResponsePlanFile
from contract.catalogue.protocols import Protocols
from contract.catalogue.rules import RulesFile
from contract.catalogue.texts import TextFile
from contract.documents import ConfigError, Document, M, Mistake, validate


@dataclass(frozen=True, slots=True)
class DistrictDocuments:
    """The parsed files of a district, each with its line marks.

    device: model name -> its parsed device file; None where there is none. device_places: model name -> where such a
    file was looked for, in words. texts: see `contract.catalogue.texts`.
    """

    district: Document
    gateways: Document
    rules: Document
    response_plan: Document
    device: Callable[[str], Document | None]
    device_places: Callable[[str], str]
    texts: Mapping[Language, TextFile] = field(default_factory=dict)


def make_catalogue(documents: DistrictDocuments, protocols: Protocols) -> Catalogue:
    """The catalogue of a district. protocols: what devices and buses may speak.

    Raises ConfigError with every mistake in the documents, each with file and line.
    """
    loader = _Loader(documents, protocols)
    catalogue = loader.load()
    if catalogue is None or loader.mistakes:
        raise ConfigError(loader.mistakes)
    return catalogue


def device_file(document: Document, protocols: Protocols) -> DeviceModel | None:
    """A device file, checked by the protocol that it names; None with its mistakes noted in the document."""
    if document.mistakes or not isinstance(document.data, dict):
        return validate(document, DeviceModel)  # it says what the file is instead
    named = document.data.get("protocol")
    definition = protocols.by_name.get(named) if isinstance(named, str) else None
    if definition is None:
        document.mistakes.append(document.mistake(("protocol",), f"protocol: {protocols.unknown(named)}"))
        return None
    return validate(document, definition.device_file)


class _Loader:
    def __init__(self, documents: DistrictDocuments, protocols: Protocols) -> None:
        self.documents = documents
        self.protocols = protocols
        self.mistakes: list[Mistake] = []
        self._digest = hashlib.sha256()

    def load(self) -> Catalogue | None:
        district_doc, gateways_doc = self.documents.district, self.documents.gateways
        rules_doc = self.documents.rules
        district = self._checked(district_doc, DistrictFile)
        gateways = self._checked(gateways_doc, GatewaysFile, self.protocols.bus_models)
        rules = self._checked(rules_doc, RulesFile)
        plan = self._checked(self.documents.response_plan, ResponsePlanFile)
        models = self._models(gateways_doc, gateways)
        if district is None or gateways is None or rules is None or plan is None:
            return None
        self._unique(district_doc, ("zones",), [z.id for z in district.zones])
        self._unique(district_doc, ("subdistricts",), [s.id for s in district.subdistricts])
        self._unique(district_doc, ("stations",), [s.id for s in district.stations])
        self._places(district_doc, district)
        devices = self._devices(gateways_doc, gateways)
        self._speak_alike(gateways_doc, gateways, models)
        registers = self._registers(gateways_doc, gateways, models)
        channels = self._channels(district_doc, district, devices, models, registers)
        self._rules(rules_doc, rules, district, {g.id for g in gateways.gateways})
        catalogue = Catalogue(
            district=district.district,
            zones={z.id: z for z in district.zones},
            stations={s.id: s for s in district.stations},
            gateways={g.id: g for g in gateways.gateways},
            models=models,
            channels=channels,
            rules=rules.rules,
            response_plan=plan,
            digest=self._digest.hexdigest(),
            subdistricts={s.id: s for s in district.subdistricts},
            texts=self.documents.texts,
        )
        self.mistakes.extend(district_doc.mistake(path, what) for path, what in sense.of_places(district))
        self.mistakes.extend(rules_doc.mistake(path, what) for path, what in sense.of_rules(catalogue))
        return catalogue

    def _checked(
        self, document: Document, model: type[M], choices: Mapping[str, type[BaseModel]] | None = None
    ) -> M | None:
        if not document.mistakes:
            self._digest.update(document.content)
        checked = validate(document, model, choices)
        self.mistakes.extend(document.mistakes)
        return checked

    def _models(self, doc: Document, gateways: GatewaysFile | None) -> dict[str, DeviceModel]:
        """The models in use; a model file nobody uses is not read."""
        out: dict[str, DeviceModel] = {}
        wanted: dict[str, tuple[str | int, ...]] = {}
        for path, _, _, device in _walk(gateways):
            wanted.setdefault(device.model, (*path, "model"))
        for name, path in sorted(wanted.items()):
            document = self.documents.device(name)
            if document is None:
                places = self.documents.device_places(name)
                self.mistakes.append(doc.mistake(path, f"device model {name!r} has no file {places}"))
                continue
            model = device_file(document, self.protocols)
            self.mistakes.extend(document.mistakes)
            if model is None:
                continue
            self._digest.update(document.content)
            if model.model != name:
                self.mistakes.append(document.mistake(("model",), f"this file must describe model {name!r}"))
            out[name] = model
        return out

    def _speak_alike(self, doc: Document, gateways: GatewaysFile, models: Mapping[str, DeviceModel]) -> None:
        """Every device speaks what its bus speaks."""
        for path, _, bus, device in _walk(gateways):
            model = models.get(device.model)
            if model is not None and (what := self.protocols.mismatch(bus, device, model)):
                self.mistakes.append(doc.mistake((*path, "model"), what))

    def _devices(self, doc: Document, gateways: GatewaysFile) -> dict[str, tuple[str, str, Device]]:
        """Device id -> gateway id, bus id, device. Ids are unique in the district, units on their bus."""
        self._unique(doc, ("gateways",), [g.id for g in gateways.gateways])
        out: dict[str, tuple[str, str, Device]] = {}
        buses: dict[str, int] = {}
        units: dict[tuple[str, int | str], Device] = {}
        for path, gateway, bus, device in _walk(gateways):
            if buses.setdefault(bus.id, id(bus)) != id(bus):
                self.mistakes.append(doc.mistake(path[:4], f"bus {bus.id!r} exists already"))
            if device.id in out:
                self.mistakes.append(doc.mistake((*path, "id"), f"device {device.id!r} exists already"))
            other = units.setdefault((bus.id, device.unit), device)
            if other.id != device.id and (other.model == device.model or not device.shares_unit):
                what = f"unit {device.unit} on bus {bus.id!r} is {other.id!r} already"
                if other.model != device.model:
                    what += "; if one unit is to be read by both models, say shares_unit: true"
                self.mistakes.append(doc.mistake((*path, "unit"), what))
            out[device.id] = (gateway.id, bus.id, device)
        return out

    def _registers(
        self, doc: Document, gateways: GatewaysFile, models: Mapping[str, DeviceModel]
    ) -> dict[tuple[str, str], Register | None]:
        """Device id and register name -> the register as that instrument has it; None where its settings are wrong."""
        out: dict[tuple[str, str], Register | None] = {}
        for path, _, _, device in _walk(gateways):
            model = models.get(device.model)
            if model is None:
                continue
            out |= {(device.id, r.name): r for r in model.registers}
            for name, own in device.registers.items():
                place = (*path, "registers", name)
                register = out.get((device.id, name))
                if register is None:
                    self.mistakes.append(doc.mistake(place, f"model {model.model!r} has {_no_register(model, name)}"))
                    continue
                try:
                    out[device.id, name] = register.of_instrument(own)
                except ValidationError as error:
                    out[device.id, name] = None
                    for e in error.errors(include_url=False, include_context=False, include_input=False):
                        what = f"{name}.{'.'.join(str(x) for x in e['loc'])}: {e['msg']}"
                        self.mistakes.append(doc.mistake((*place, *e["loc"]), what))
        return out

    def _places(self, doc: Document, district: DistrictFile) -> None:
        """Sub-districts and neighbours that stations name are there."""
        subdistricts, stations = {s.id for s in district.subdistricts}, {s.id for s in district.stations}
        for s, station in enumerate(district.stations):
            if station.subdistrict is not None and station.subdistrict not in subdistricts:
                what = f"no sub-district {station.subdistrict!r}: name it under `subdistricts`"
                self.mistakes.append(doc.mistake(("stations", s, "subdistrict"), what))
            for n, other in enumerate(station.neighbours or ()):
                if other not in stations:
                    self.mistakes.append(doc.mistake(("stations", s, "neighbours", n), f"no station {other!r}"))

    def _channels(
        self,
        doc: Document,
        district: DistrictFile,
        devices: Mapping[str, tuple[str, str, Device]],
        models: Mapping[str, DeviceModel],
        registers: Mapping[tuple[str, str], Register | None],
    ) -> dict[int, ChannelInfo]:
        zones = {z.id for z in district.zones}
        out: dict[int, ChannelInfo] = {}
        fed: dict[tuple[str, str], int] = {}
        for s, station in enumerate(district.stations):
            if station.zone not in zones:
                self.mistakes.append(doc.mistake(("stations", s, "zone"), f"no zone {station.zone!r}"))
            for c, channel in enumerate(station.channels):
                path = ("stations", s, "channels", c)
                if channel.id in out:
                    where = out[channel.id].station.id
                    what = f"channel {channel.id} exists already, at station {where!r}"
                    self.mistakes.append(doc.mistake((*path, "id"), what))
                    continue
                info = self._channel(doc, path, station, channel, devices, models, registers)
                if info is None:
                    continue
                out[channel.id] = info
                twin = fed.setdefault((channel.device, channel.register_name), channel.id)
                if twin != channel.id:
                    what = f"{channel.device}.{channel.register_name} feeds channel {twin} already"
                    self.mistakes.append(doc.mistake((*path, "register"), what))
        return out

    def _channel(
        self,
        doc: Document,
        path: tuple[str | int, ...],
        station: Station,
        channel: Channel,
        devices: Mapping[str, tuple[str, str, Device]],
        models: Mapping[str, DeviceModel],
        registers: Mapping[tuple[str, str], Register | None],
    ) -> ChannelInfo | None:
        if channel.device not in devices:
            what = f"no device {channel.device!r} in gateways.yaml"
            self.mistakes.append(doc.mistake((*path, "device"), what))
            return None
        gateway, bus, device = devices[channel.device]
        model = models.get(device.model)
        if model is None:  # said already, where the device names it
            return None
        if (device.id, channel.register_name) not in registers:
            what = f"model {model.model!r} has {_no_register(model, channel.register_name)}"
            self.mistakes.append(doc.mistake((*path, "register"), what))
            return None
        register = registers[device.id, channel.register_name]
        if register is None:  # said already, where the device has settings of its own
            return None
        self._quality(doc, path, channel, register, device)
        return ChannelInfo(
            id=channel.id,
            name=channel.name or f"{station.name} {register.name}",
            names=channel.name.languages,
            station=station,
            gateway=gateway,
            bus=bus,
            device=device,
            model=model,
            register=register,
            quality=channel.quality or register.quality,
            reporting=channel.reporting or register.reporting,
        )

    def _quality(
        self, doc: Document, path: tuple[str | int, ...], channel: Channel, register: Register, device: Device
    ) -> None:
        """What its quality tests ask must be possible. A model's own were held against the model already."""
        if channel.quality is not None:
            for place, what in register.quality_trouble(channel.quality):
                said = f"{'.'.join(str(x) for x in place)}: {what}"
                self.mistakes.append(doc.mistake((*path, "quality", *place), said))
        elif register.name in device.registers:
            for place, what in register.quality_trouble(register.quality):
                said = (
                    f"{'.'.join(str(x) for x in place)} of model {device.model!r}, with the settings of {device.id!r}"
                )
                self.mistakes.append(doc.mistake(path, f"{said}: {what}; give this channel a quality of its own"))

    def _rules(self, doc: Document, rules: RulesFile, district: DistrictFile, gateways: Collection[str]) -> None:
        """What rules name is there. A channel that is there and wrong is not missed: that is said where it stands."""
        self._unique(doc, ("rules",), [r.id for r in rules.rules])
        channels = {c.id for s in district.stations for c in s.channels}
        stations = {s.id for s in district.stations}
        for r, rule in enumerate(rules.rules):
            parts: Mapping[str, tuple[Sequence[int | str], Collection[int | str]]] = {
                "channel": (rule.channels, channels),
                "station": (rule.stations, stations),
                "gateway": (rule.gateways, gateways),
            }
            for what, (named, there) in parts.items():
                for i, one in enumerate(named):
                    if one not in there:
                        said = f"no {what} {one!r}" if isinstance(one, str) else f"no {what} {one}"
                        self.mistakes.append(doc.mistake(("rules", r, f"{what}s", i), said))

    def _unique(self, doc: Document, path: tuple[str | int, ...], ids: Sequence[str]) -> None:
        seen: defaultdict[str, int] = defaultdict(int)
        for i, name in enumerate(ids):
            seen[name] += 1
            if seen[name] == 2:
                self.mistakes.append(doc.mistake((*path, i, "id"), f"{name!r} exists already"))


def _no_register(model: DeviceModel, name: str) -> str:
    return f"no register {name!r}, it has " + ", ".join(r.name for r in model.registers)


def _walk(gateways: GatewaysFile | None) -> Iterator[tuple[tuple[str | int, ...], Gateway, Bus, Device]]:
    """Every device with its path in gateways.yaml."""
    for g, gateway in enumerate(gateways.gateways if gateways else ()):
        for b, bus in enumerate(gateway.buses):
            for d, device in enumerate(bus.devices):
                yield ("gateways", g, "buses", b, "devices", d), gateway, bus, device
