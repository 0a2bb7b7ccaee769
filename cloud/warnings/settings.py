"""The `warnings:` part of the cloud's configuration."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import langcodes
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import LANGUAGES, NameText, unfit
from contract.refusing import refusal
from contract.settings_model import LEAST_S, Seconds, SettingsModel, Some

_DAY_S = 86_400.0
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)


def _is_a_language(tag: str) -> str:
    """RFC 5646, of a language in which there are texts."""
    mend = "write zh-CN for Chinese or en for English"
    if not _TAG.fullmatch(tag) or not langcodes.tag_is_valid(tag):
        raise refusal(f"{tag[:64]!r} is no language tag: {mend}")
    if tag.split("-", maxsplit=1)[0].lower() not in LANGUAGES:
        raise refusal(f"there are no texts in {tag[:64]!r}: {mend}")
    return tag


def _can_be_said(codes: dict[str, str]) -> dict[str, str]:
    for name, value in codes.items():
        if not (name.strip() and value.strip()) or unfit(name + value):
            raise refusal(f"{name[:64]!r}: {value[:64]!r} is no code: write the list's name and the event's code in it")
    return codes


Tag = Annotated[str, AfterValidator(_is_a_language)]


class WarningSettings(SettingsModel):
    """status: CAP 1.2, 3.2.1; what rests on simulated readings says Exercise where this says Actual. agency: the eight
    digits between the district's code and the time in an identifier.

    languages: of the messages, one info block each; where neither this nor `language` is given, Chinese and English
    when every zone has both names, else the one that the zones' names are in. language: one alone. event_codes: list ->
    code of the event in it (GB/T 35561's is unverified); rain_event_codes: the same, where rain alone speaks.
    references: which earlier messages one names, those that have not expired or all.

    gather_s: from when a place joins an incident or gets worse in it to an Update, so that what comes close together is
    told together (an incident whose own level rises does not wait). quiet_s: from a message to an Update because the
    incident eased or its certainty changed. evidence_s: to an Update because a place left it or eased. renew_s: an
    Update this long before a message expires. blind_after_s: from when all watched channels of a zone are unknown to a
    notice of it.
    """

    status: Literal["Actual", "Exercise", "Test"] = "Actual"
    agency: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")] = "41600000"
    language: Tag | None = None
    languages: Some[Tag] | None = None
    event_codes: Annotated[dict[str, str], AfterValidator(_can_be_said)] = Field(
        max_length=10,
        default_factory=lambda: {
            "OET:v1.2": "OET-140",  # OASIS event terms list 1.2: overland flood
            "GB/T35561": "11A02",  # waterlogging
        },
    )
    rain_event_codes: Annotated[dict[str, str], AfterValidator(_can_be_said)] = Field(
        max_length=10,
        default_factory=lambda: {
            "OET:v1.2": "OET-159",  # rain
            "GB/T35561": "11B03",  # rainstorm
        },
    )
    references: Literal["unexpired", "all"] = "unexpired"
    gather_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    quiet_s: Annotated[float, Field(ge=LEAST_S, le=_DAY_S)] = 1800.0
    evidence_s: Annotated[float, Field(ge=LEAST_S, le=_DAY_S)] = 3600.0
    renew_s: Seconds = 600.0
    blind_after_s: Annotated[float, Field(ge=LEAST_S, le=7 * _DAY_S)] = 3600.0

    def renew_after_s(self, expires_s: float) -> float:
        """How long after a message that holds for `expires_s` it is renewed."""
        return max(expires_s / 2, expires_s - self.renew_s)

    @model_validator(mode="after")
    def _one_way(self) -> WarningSettings:
        if self.language is not None and self.languages is not None:
            raise ValueError("language is for one and languages for several: give one of them")
        first = [tag.split("-", maxsplit=1)[0].lower() for tag in self.languages or ()]
        if len(set(first)) != len(first):
            raise ValueError("languages: two of them have the same texts: leave one out")
        return self

    def tags(self, catalogue: Catalogue) -> tuple[str, ...]:
        """The languages of a district's messages."""
        if self.languages is not None:
            return self.languages
        if self.language is not None:
            return (self.language,)
        names = [NameText.of(zone.name) for zone in catalogue.zones.values()]
        both = all(len(name.languages) == len(LANGUAGES) for name in names)
        if both:
            return ("zh-CN", "en")
        return ("zh-CN",) if all(map(_is_chinese, names)) else ("en",)


def _is_chinese(name: NameText) -> bool:
    return "zh" in name.languages or any("\u3400" <= c <= "\u9fff" for c in name)
