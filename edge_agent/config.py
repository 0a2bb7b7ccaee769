"""The agent's configuration: one YAML file, and the district's catalogue it points to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.devices import Gateway
from contract.clock import Clock, ScaledClock, parse_clock
from contract.settings_model import ClockText, Id, Positive, Seconds, SettingsModel
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.table import MODULES
from edge_agent.timesync.timekeeping import EARLIEST_MS
from edge_agent.uplink.identity_files import shown, trouble
from edge_agent.uplink.mqtt import GatewayBrokerSettings
from edge_agent.uplink.outbox import OutboxSettings

if TYPE_CHECKING:
    from contract.documents import Document, Mistake


class UplinkSettings(SettingsModel):
    """See `edge_agent.uplink.outbox.OutboxSettings`; spool_cap_mb bounds the spool,
    disk_reserve_mb stays free on its disk."""

    window: int = Field(default=32, ge=1, le=1000)
    resend_s: Seconds = 5.0
    resend_max_s: Seconds = 60.0
    history_per_s: Positive = 100.0
    live_age_s: Seconds = 30.0
    bytes_per_day: int | None = Field(default=None, ge=100_000)
    history_bytes_per_s: Positive | None = None
    spool_cap_mb: Positive = 2048.0
    disk_reserve_mb: Positive = 8.0

    def outbox(self) -> OutboxSettings:
        # Not by model_dump: the running agent does without it (`edge_agent.without_checks`).
        return OutboxSettings(**{f.name: getattr(self, f.name) for f in fields(OutboxSettings)})


_MAX_BUSES = 1000
_YEAR_MS = 365 * 86_400_000


def _few(found: object) -> object:
    """Before each is looked at: a mistake for every one of very many would fill a gateway's memory."""
    if isinstance(found, dict) and len(found) > _MAX_BUSES:
        raise ValueError(f"{len(found)} addresses, at most {_MAX_BUSES}: name the buses of this gateway alone")
    return found


class ConfigFile(SettingsModel):
    """flush_s: readings are gathered for so many real seconds before they are judged and spooled together.

    addresses: bus id -> where that bus really is on this gateway, when the catalogue does not say so. simulated: its
    instruments are simulated, so whatever comes of its readings is an exercise; a scaled clock says the same.
    """

    gateway: Id
    catalogue: Path
    data_dir: Path
    broker: GatewayBrokerSettings
    clock: ClockText = "system"
    addresses: Annotated[dict[Id, str], BeforeValidator(_few)] = Field(default_factory=dict)
    flush_s: Seconds = 0.25
    simulated: bool = False
    uplink: UplinkSettings = UplinkSettings.model_construct()  # as in contract.catalogue.devices


@dataclass(frozen=True)
class EdgeConfig:
    """Everything an agent needs to know, checked. boot: of the machine; None: ask the kernel."""

    file: ConfigFile
    catalogue: Catalogue
    gateway: Gateway
    clock: Clock
    data_dir: Path
    boot: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether its readings are of no real place."""
        return self.file.simulated or isinstance(self.clock, ScaledClock)

    @property
    def spool_path(self) -> Path:
        return self.data_dir / "spool.sqlite"

    @property
    def quality_path(self) -> Path:
        return self.data_dir / "quality.npz"

    @property
    def status_path(self) -> Path:
        return self.data_dir / "status.json"

    @property
    def door_path(self) -> Path:
        return self.data_dir / "agent.sock"

    @property
    def earliest_ms(self) -> int:
        """A clock that shows less is wrong for sure. A scenario may play in any year, but no year before it starts."""
        clock = parse_clock(self.file.clock)
        return max(clock.start_ms - _YEAR_MS, 1) if isinstance(clock, ScaledClock) else EARLIEST_MS

    def address(self, bus_id: str) -> str:
        bus = next(b for b in self.gateway.buses if b.id == bus_id)
        return self.file.addresses.get(bus_id, bus.address)

    def devices(self, bus_id: str) -> list[DeviceInfo]:
        """Devices of a bus that feed a channel; the others are not asked.

        A device with registers of other periods than its own stands there once for each: `plc` and `plc@3600s`.
        """
        channels = [c for c in self.catalogue.channels_by_gateway[self.gateway.id] if c.bus == bus_id]
        bus = next(b for b in self.gateway.buses if b.id == bus_id)
        out = []
        for device in bus.devices:
            model = self.catalogue.models[device.model]
            feeds = [c for c in channels if c.device.id == device.id]
            own_s = device.period_s or model.period_s
            for period_s in sorted({c.period_s for c in feeds}, key=lambda p: (p != own_s, p)):
                name = device.id if period_s == own_s else f"{device.id}@{period_s:g}s"
                asked = device.model_copy(update={"id": name, "period_s": period_s})
                out.append(DeviceInfo(asked, model, tuple(c for c in feeds if c.period_s == period_s)))
        return out


def load_config(path: Path, complete: bool = False) -> EdgeConfig:
    """Relative paths count from the file's folder. Raises ConfigError with every mistake, of the catalogue too.

    complete: names missing and expired keys and certificates, too. They are no reason not to run: readings are spooled
    all the same, and the uplink says what is wrong.
    """
    from contract.documents import ConfigError, validate
    from host.district_folder import load  # the running agent is handed an EdgeConfig and reads no YAML
    from host.yaml_config import read_yaml

    document = read_yaml(path)
    shaped = validate(document, ConfigFile)
    mistakes = list(document.mistakes)
    if shaped is None:
        folder = document.data.get("catalogue") if isinstance(document.data, dict) else None
        if isinstance(folder, str):
            mistakes += _catalogue_mistakes(path.parent / folder)
        raise ConfigError(mistakes)
    try:
        catalogue = load(path.parent / shaped.catalogue)
    except ConfigError as error:
        raise ConfigError([*mistakes, *error.mistakes]) from error
    gateway = catalogue.gateways.get(shaped.gateway)
    if gateway is None:
        known = ", ".join(catalogue.gateways)
        raise ConfigError([document.mistake(("gateway",), f"no gateway {shaped.gateway!r}; there are {known}")])
    buses = {b.id: b for b in gateway.buses}
    for bus_id in shaped.addresses:
        if bus_id not in buses:
            mistakes.append(document.mistake(("addresses", bus_id), f"no bus {bus_id!r} on gateway {gateway.id!r}"))
    for bus in gateway.buses:
        where = ("addresses", bus.id) if bus.id in shaped.addresses else ("gateway",)
        if what := bus.address_trouble(shaped.addresses.get(bus.id, bus.address)):
            mistakes.append(document.mistake(where, f"bus {bus.id!r}: {what}"))
        if bus.protocol not in MODULES:
            what = f"no driver for protocol {bus.protocol!r}: a newer agent has one, or give the bus to another gateway"
            mistakes.append(document.mistake(("gateway",), f"bus {bus.id!r}: {what}"))
    shaped = shaped.model_copy(update={"broker": shaped.broker.under(path.parent)})
    mistakes += _link_mistakes(document, shaped.broker, catalogue, gateway, complete)
    if mistakes:
        raise ConfigError(mistakes)
    return EdgeConfig(shaped, catalogue, gateway, parse_clock(shaped.clock), path.parent / shaped.data_dir)


def _link_mistakes(
    document: Document, broker: GatewayBrokerSettings, catalogue: Catalogue, gateway: Gateway, complete: bool
) -> list[Mistake]:
    tls = broker.tls()
    if not complete:
        return []
    if (unread := broker.password_trouble()) is not None:
        return [document.mistake(("broker", "password_file"), unread)]
    if tls is None:
        return []
    found = [document.mistake(("broker", setting), what) for setting, what in trouble(tls).items()]
    if tls.cert is not None and not found:
        owner = shown(tls)[0].rpartition(".")[0]  # <gateway>.<generation>
        if owner != gateway.id and owner in catalogue.gateways:
            found.append(document.mistake(("broker", "cert_file"), f"this is {owner}'s, not {gateway.id}'s"))
    return found


def _catalogue_mistakes(folder: Path) -> list[Mistake]:
    from contract.documents import ConfigError
    from host.district_folder import load

    try:
        load(folder)
    except ConfigError as error:
        return error.mistakes
    return []
