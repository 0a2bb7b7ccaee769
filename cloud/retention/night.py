"""All that goes in one night, part by part; what went is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cloud.ingest.quarantine import Quarantine
from cloud.ledger import audit_archive
from cloud.ledger.open import open_ledger
from cloud.log.open import open_log
from cloud.retention import ended
from cloud.retention.settings import RetentionSettings
from cloud.retention.trimming import DAY_MS, trim
from cloud.series import policy
from cloud.series.settings import InfluxSettings, ParquetSettings
from contract.catalogue.catalogue import Catalogue
from contract.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Where:
    """data: the cloud's data folder. base: from where the paths of `series` count. engine: of the log. sinks: names of
    the consumers. who: gives the command, for the audit record."""

    data: Path
    base: Path
    engine: str
    series: ParquetSettings | InfluxSettings
    ledger_url: str
    catalogue: Catalogue
    sinks: tuple[str, ...] = ()
    who: str = "shell"


def let_go(settings: RetentionSettings, where: Where) -> dict[str, int]:
    """Ages count from the newest entry of the log. What went, part by part, and begins_ms, the log's time from
    which on it is whole; only what was asked for is named.

    Raises what the parts raise; what is done then holds, and the rest goes the next night.
    """
    out: dict[str, int] = {}
    log = open_log(where.data, where.engine)
    try:
        now_ms = log.now_ms()
        if settings.log_days is not None:
            ledger = open_ledger(where.ledger_url)
            try:
                sealed = policy.sealed(where.series, where.base, where.data)
                found = trim(log, where.data, ledger, where.catalogue, settings.log_days, sealed)
            finally:
                ledger.dispose()
            out["entries"] = found.entries
            if found.begins_ms is not None:
                out["begins_ms"] = found.begins_ms
    finally:
        log.close()

    def older(days: float) -> int:
        return now_ms - int(days * DAY_MS)

    def drop(kind: str, days: float) -> int:
        return policy.drop(where.series, where.base, where.data, kind, older(days))

    def refused(days: float) -> int:
        quarantine = Quarantine(where.data / "quarantine.sqlite")
        try:
            return quarantine.forget(older(days))
        finally:
            quarantine.close()

    def noted(days: float) -> int:
        ledger = open_ledger(where.ledger_url)
        try:
            return audit_archive.move(ledger, SystemClock().now_ms() - int(days * DAY_MS), where.data / "archive")
        finally:
            ledger.dispose()

    def over(days: float) -> dict[str, int]:
        ledger = open_ledger(where.ledger_url)
        try:
            archive = where.data / "archive"
            return asdict(ended.let_go(ledger, older(days), where.sinks, archive, SystemClock().now_ms(), where.who))
        finally:
            ledger.dispose()

    if settings.warnings_days is not None:  # before the audit record goes by age: it is written into it
        out |= over(settings.warnings_days)
    parts: tuple[tuple[str, float | None, Callable[[float], int]], ...] = (
        ("readings", settings.raw_days, lambda days: drop("raw", days)),
        ("hours", settings.hourly_days, lambda days: drop("hourly", days)),
        ("refused", settings.quarantine_days, refused),
        ("noted", settings.audit_days, noted),  # by the machine's clock, as they were written
    )
    return out | {name: go(days) for name, days, go in parts if days is not None}
