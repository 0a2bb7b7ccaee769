"""The `warnings:` part of the cloud's configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from contract.settings_model import Positive, SettingsModel


class WarningSettings(SettingsModel):
    """status: CAP 1.2, 3.2.1. agency: the eight digits between the district's code and the time in an identifier.

    quiet_s: from a message to an Update because the incident eased or its certainty changed (one that gets worse does
    not wait). evidence_s: to an Update because another station joined, or anything else about the evidence changed.
    renew_s: an Update this long before a message expires.
    """

    status: Literal["Actual", "Exercise", "Test"] = "Actual"
    agency: Annotated[str, StringConstraints(pattern=r"^\d{8}$")] = "41600000"
    language: str = "en"
    quiet_s: Positive = 300.0
    evidence_s: Positive = 900.0
    renew_s: Positive = 600.0
