"""The cloud's configuration: one YAML file, and the district's catalogue it points to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cloud.access.settings import AccessSettings, is_loopback
from cloud.api.settings import HttpSettings
from cloud.data_folder import data_folder_trouble
from cloud.delivery import between_sinks
from cloud.delivery.maintenance_wants import ALL_AT_ONCE, MaintenanceSettings
from cloud.delivery.settings import EgressSettings, FeedSettings
from cloud.delivery.sinks.registry import AnySinkSettings
from cloud.identity import check as identity_check
from cloud.identity.settings import IdentitySettings
from cloud.ingest import embedded_broker
from cloud.ingest.admission import AdmissionSettings
from cloud.ingest.listening import SILENCE_MOST_S, SILENCE_S
from cloud.ingest.quarantine import Quota
from cloud.ingest.queue import READINGS_PER_S
from cloud.ledger.url import url_trouble
from cloud.log.settings import BatchLogSettings
from cloud.retention.settings import RetentionSettings
from cloud.series.settings import InfluxSettings, ParquetSettings, SeriesSettings
from cloud.warnings.settings import WarningSettings
from cloud.warnings.situations import template_mistakes
from contract.catalogue.catalogue import Catalogue
from contract.clock import Clock, parse_clock
from contract.documents import ConfigError, Document, Mistake, validate
from contract.refusing import no_such
from contract.settings_model import LEAST_DAYS, LEAST_S, ClockText, Positive, SettingsModel
from contract.wire.topics import TopicKind
from host.broker_settings import BrokerSettings
from host.district_folder import load
from host.secret_files import secret_trouble
from host.yaml_config import read_yaml


class CloudBrokerSettings(BrokerSettings):
    """embedded: start one on loopback, for a demonstration; else the address of a real one.

    cert_file, key_file: see `headwater-cloud broker files`.
    """

    embedded: bool = False
    host: str = "127.0.0.1"


class ReceiveSettings(SettingsModel):
    """How far a reading's time may be from the cloud's, in days before and seconds after it.

    alarm_per_s, live_per_s, history_per_s: readings a second that are taken of one gateway in each lane; what is above
    waits, then is let go and sent again. quarantine_batches, quarantine_mb: how much is kept in quarantine of one
    gateway; its oldest go first, counted. silence_s: for so long a gateway is not listened to at all that sends a
    thousand messages a second and more; twice as long each time that it goes on within an hour.
    """

    oldest_days: Annotated[float, Field(ge=LEAST_DAYS, le=36_500)] = 400.0
    newest_s: Annotated[float, Field(ge=LEAST_S, le=86_400)] = 600.0
    alarm_per_s: Positive = READINGS_PER_S[TopicKind.ALARM]
    live_per_s: Positive = READINGS_PER_S[TopicKind.LIVE]
    history_per_s: Positive = READINGS_PER_S[TopicKind.HISTORY]
    quarantine_batches: Annotated[int, Field(ge=1, le=10_000_000)] = 50_000
    quarantine_mb: Annotated[int, Field(ge=1, le=100_000)] = 128
    silence_s: Annotated[float, Field(ge=LEAST_S, le=SILENCE_MOST_S)] = SILENCE_S

    def admission(self) -> AdmissionSettings:
        return AdmissionSettings(self.oldest_days, self.newest_s)

    def readings_per_s(self) -> dict[TopicKind, float]:
        lanes = (TopicKind.ALARM, self.alarm_per_s), (TopicKind.LIVE, self.live_per_s)
        return dict((*lanes, (TopicKind.HISTORY, self.history_per_s)))

    def quota(self) -> Quota:
        return Quota(self.quarantine_batches, self.quarantine_mb << 20)


class ConfigFile(SettingsModel):
    """ledger_url: a SQLAlchemy URL; empty for SQLite in the data folder. identity: None lets any gateway in.
    maintenance: of consumers that do not say it themselves."""

    catalogue: Path
    data_dir: Path
    clock: ClockText = "system"
    broker: CloudBrokerSettings = CloudBrokerSettings()
    log: BatchLogSettings = BatchLogSettings()
    receive: ReceiveSettings = ReceiveSettings()
    series: SeriesSettings = ParquetSettings()
    ledger_url: str = ""
    warnings: WarningSettings = WarningSettings()
    delivery: tuple[AnySinkSettings, ...] = ()
    maintenance: MaintenanceSettings = ALL_AT_ONCE
    egress: EgressSettings = EgressSettings()
    feed: FeedSettings = FeedSettings()
    http: HttpSettings = HttpSettings()
    identity: IdentitySettings | None = None
    access: AccessSettings = AccessSettings()
    retention: RetentionSettings = RetentionSettings()


@dataclass(frozen=True)
class CloudConfig:
    file: ConfigFile
    catalogue: Catalogue
    clock: Clock
    data_dir: Path
    base: Path

    @property
    def identity_folder(self) -> Path | None:
        return self.base / self.file.identity.folder if self.file.identity is not None else None

    @property
    def rolled_up(self) -> bool:
        """Whether the series store keeps hourly figures of its own."""
        return isinstance(self.file.series, ParquetSettings)

    @property
    def ledger_url(self) -> str:
        return self.file.ledger_url or f"sqlite:///{self.data_dir / 'ledger.sqlite'}"


def load_config(path: Path, complete: bool = True, now_ms: int | None = None) -> CloudConfig:
    """Relative paths count from the file's folder. Raises ConfigError with every mistake, of the catalogue too.

    complete: False while keys and certificates are still to be made. now_ms: names certificates that have expired by
    then, which are no reason not to start: the page and the warnings must go on.
    """
    document = read_yaml(path)
    shaped = validate(document, ConfigFile)
    mistakes = list(document.mistakes)
    folder = document.data.get("catalogue") if isinstance(document.data, dict) else None
    catalogue: Catalogue | None = None
    if isinstance(folder, str):
        try:
            catalogue = load(path.parent / folder)
        except ConfigError as error:
            mistakes += error.mistakes
    if shaped is not None:
        mistakes += _sink_mistakes(document, shaped, path.parent)
        if shaped.access.mode == "open" and shaped.http.socket is None and not is_loopback(shaped.http.host):
            what = f"open to anybody who reaches {shaped.http.host}: write `required`, or http.host: 127.0.0.1"
            mistakes.append(document.mistake(("access", "mode"), what))
        if shaped.feed.public and not shaped.feed.url:
            what = "the public follows its links: write feed.url, https and the name under which it reaches this cloud"
            mistakes.append(document.mistake(("feed", "public"), what))
        mistakes += _secret_mistakes(document, shaped, path.parent)
        rolled_up = isinstance(shaped.series, ParquetSettings)
        if (unfit := shaped.retention.trouble(shaped.receive.oldest_days, rolled_up)) is not None:
            mistakes.append(document.mistake(("retention",), unfit))
        if (wrong := url_trouble(shaped.ledger_url)) is not None:
            mistakes.append(document.mistake(("ledger_url",), wrong))
        if complete:
            mistakes += _mistakes_at_start(document, shaped, path.parent)
            mistakes += identity_check.mistakes(document, shaped.broker, shaped.identity, path.parent, now_ms)
    if catalogue is not None:
        mistakes += template_mistakes(catalogue)
        if shaped is not None:
            mistakes += _zone_mistakes(document, shaped, catalogue)
    if mistakes or shaped is None or catalogue is None:
        raise ConfigError(mistakes)
    return CloudConfig(shaped, catalogue, parse_clock(shaped.clock), path.parent / shaped.data_dir, path.parent)


def data_dir_of(path: Path) -> Path | None:
    """The data folder that a file names, before anything else of it is looked at; None where it names none."""
    data = read_yaml(path).data
    folder = data.get("data_dir") if isinstance(data, dict) else None
    return path.parent / folder if isinstance(folder, str) else None


def _secret_mistakes(document: Document, shaped: ConfigFile, base: Path) -> list[Mistake]:
    found: dict[tuple[str, str], str | None] = {}
    if isinstance(shaped.series, InfluxSettings):
        found["series", "token_file"] = secret_trouble(base / shaped.series.token_file, "the token")
    found["broker", "password_file"] = shaped.broker.under(base).password_trouble()
    return [document.mistake(where, what) for where, what in found.items() if what is not None]


def _mistakes_at_start(document: Document, shaped: ConfigFile, base: Path) -> list[Mistake]:
    """Of the embedded broker and the data folder; commands that need neither do not ask."""
    out: list[Mistake] = []
    if shaped.broker.embedded and shaped.broker.ca_file is not None:
        what = "the embedded broker has no TLS: give a real one's host"
        out.append(document.mistake(("broker", "embedded"), what))
    if shaped.broker.embedded and (absent := embedded_broker.trouble()) is not None:
        out.append(document.mistake(("broker", "embedded"), absent))
    if (unusable := data_folder_trouble(base / shaped.data_dir)) is not None:
        out.append(document.mistake(("data_dir",), unusable))
    return out


def unproxied(file: ConfigFile) -> str:
    """What an operator is to know of a cloud to which only a proxy can lead and that names none; empty: nothing."""
    known = file.http.socket is not None or bool(file.http.trusted_proxies)
    if file.access.mode == "open" or not is_loopback(file.http.host) or known:
        return ""
    return (
        "http.trusted_proxies is empty: behind a proxy all people would have its address: one's wrong passwords would "
        "shut out the others, and the audit record would name it for all; write trusted_proxies: [127.0.0.1/32]"
    )


def _sink_mistakes(document: Document, shaped: ConfigFile, base: Path) -> list[Mistake]:
    out = [document.mistake(("delivery", *place), what) for place, what in between_sinks.mistakes(shaped.delivery)]
    for i, sink in enumerate(shaped.delivery):
        found = sink.mistakes(base, shaped.egress.rules())
        out += [document.mistake(("delivery", i, key), what) for key, what in found]
    return out


def _zone_mistakes(document: Document, shaped: ConfigFile, catalogue: Catalogue) -> list[Mistake]:
    """Of sinks: a zone that does not exist would never be told of."""
    return [
        document.mistake(("delivery", i, "zones", j), no_such("zone", zone, catalogue.zones))
        for i, sink in enumerate(shaped.delivery)
        for j, zone in enumerate(sink.zones)
        if zone not in catalogue.zones
    ]
