"""The cloud's configuration: one YAML file, and the district's catalogue it points to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from cloud.access.settings import AccessSettings, is_loopback
from cloud.delivery.settings import Sink, Url
from cloud.receiver import ReceiverSettings
from cloud.warnings.settings import WarningSettings
from contract.catalogue import Catalogue
from contract.clock import Clock, parse_clock
from contract.loading import load
from contract.models import ClockText, Positive, Shape
from contract.yaml_lines import ConfigError, read_yaml, validate


class BrokerSettings(Shape):
    """embedded: start one on loopback, for a demonstration; else the address of a real one."""

    embedded: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=0, le=65535)
    username: str | None = None
    password_file: Path | None = None


class LogSettings(Shape):
    engine: Literal["sqlite"] = "sqlite"
    tick_s: Positive = 30.0  # of the cloud's clock: how soon silence is seen


class ParquetSettings(Shape):
    engine: Literal["parquet"] = "parquet"


class InfluxSettings(Shape):
    """token_file: holds a token that may write, delete and read the bucket."""

    engine: Literal["influx"]
    url: Url
    org: str
    bucket: str
    token_file: Path


SeriesSettings = Annotated[ParquetSettings | InfluxSettings, Field(discriminator="engine")]


class ReceiveSettings(Shape):
    oldest_days: Positive = 400.0
    newest_s: Positive = 600.0

    def receiver(self) -> ReceiverSettings:
        return ReceiverSettings(self.oldest_days, self.newest_s)


class HttpSettings(Shape):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class ConfigFile(Shape):
    """ledger_url: a SQLAlchemy URL; empty for SQLite in the data folder."""

    catalogue: Path
    data_dir: Path
    clock: ClockText = "system"
    broker: BrokerSettings = BrokerSettings()
    log: LogSettings = LogSettings()
    receive: ReceiveSettings = ReceiveSettings()
    series: SeriesSettings = ParquetSettings()
    ledger_url: str = ""
    warnings: WarningSettings = WarningSettings()
    delivery: tuple[Sink, ...] = ()
    http: HttpSettings = HttpSettings()
    access: AccessSettings = AccessSettings()


@dataclass(frozen=True)
class CloudConfig:
    file: ConfigFile
    catalogue: Catalogue
    clock: Clock
    data_dir: Path
    base: Path

    @property
    def ledger_url(self) -> str:
        return self.file.ledger_url or f"sqlite:///{self.data_dir / 'ledger.sqlite'}"


def load_config(path: Path) -> CloudConfig:
    """Relative paths count from the file's folder. Raises ConfigError with every mistake, of the catalogue too."""
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
        names = [sink.name for sink in shaped.delivery]
        for i, sink in enumerate(shaped.delivery):
            if names.index(sink.name) != i:
                mistakes.append(document.mistake(("delivery", i, "name"), f"sink {sink.name!r} exists already"))
            if sink.kind == "webhook":
                mistakes += [
                    document.mistake(("delivery", i, "secret_files"), f"{f} is not a file: put the key there")
                    for f in sink.secret_files
                    if not (path.parent / f).is_file()
                ]
        if shaped.access.mode == "open" and not is_loopback(shaped.http.host):
            what = f"open to anybody who reaches {shaped.http.host}: write `required`, or http.host: 127.0.0.1"
            mistakes.append(document.mistake(("access", "mode"), what))
        series = shaped.series
        if isinstance(series, InfluxSettings) and not (path.parent / series.token_file).is_file():
            what = f"{series.token_file} is not a file: put the token there"
            mistakes.append(document.mistake(("series", "token_file"), what))
    if mistakes or shaped is None or catalogue is None:
        raise ConfigError(mistakes)
    return CloudConfig(shaped, catalogue, parse_clock(shaped.clock), path.parent / shaped.data_dir, path.parent)
