"""The `retention:` part of the cloud's configuration."""

from __future__ import annotations

from pydantic import model_validator

from contract.settings_model import Days, SettingsModel

MONTH_DAYS = 32  # segments of a month go whole


class RetentionSettings(SettingsModel):
    """In days; what is left out is kept for ever. log_days: batches and ticks of the log. raw_days: readings in the
    series store. hourly_days: their hourly figures. quarantine_days: refused batches, released or not.
    audit_days: rows of the audit record. warnings_days: warnings since they ended, with messages and deliveries, and
    the record of conditions. Both go into files of the folder `archive`, the record of conditions without.
    """

    log_days: Days | None = None
    raw_days: Days | None = None
    hourly_days: Days | None = None
    quarantine_days: Days | None = None
    audit_days: Days | None = None
    warnings_days: Days | None = None

    @property
    def stated(self) -> bool:
        """Whether the operator said anything."""
        return any(value is not None for _, value in self)

    @model_validator(mode="after")
    def _hours_outlive_readings(self) -> RetentionSettings:
        if self.hourly_days is not None and (self.raw_days is None or self.hourly_days < self.raw_days):
            raise ValueError("hourly_days counts from readings that are gone: state raw_days, and no more than it")
        return self

    def trouble(self, oldest_days: float, rolled_up: bool) -> str | None:
        """What does not fit the rest of the file. oldest_days: of readings that are still received. rolled_up: whether
        the series store keeps hourly figures of its own."""
        if self.raw_days is not None:
            least = oldest_days + (self.log_days or 0) + MONTH_DAYS
            if self.log_days is None:
                return "raw_days without log_days: a rebuild from the whole log would bring the readings back"
            if self.raw_days < least:
                what = f"readings of {oldest_days:g} days ago are received (receive.oldest_days)"
                return f"{what}, and the log has {self.log_days:g} days: raw_days must be at least {least:g}"
        if self.hourly_days is not None and not rolled_up:
            return "InfluxDB has hourly figures of its raw readings only: leave hourly_days out"
        return None
