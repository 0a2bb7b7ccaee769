"""The `warnings:` part: languages that exist, one or several, and what they are where nobody says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import NameText


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"language": "chinese"}, "'chinese' is no language tag: write zh-CN for Chinese or en for English"),
        ({"language": "zh_CN"}, "'zh_CN' is no language tag"),
        ({"language": ""}, "'' is no language tag"),
        ({"language": "fr"}, "there are no texts in 'fr'"),
        ({"languages": ["zh-CN", "mandarin"]}, "'mandarin' is no language tag"),
        ({"languages": []}, "the list is empty"),
        ({"languages": ["en", "en-GB"]}, "two of them have the same texts"),
        ({"language": "en", "languages": ["zh-CN"]}, "give one of them"),
        ({"event_codes": {"GB/T35561": ""}}, "is no code"),
        ({"gather_s": 601}, "less than or equal to 600"),
        ({"references": "some"}, "'unexpired' or 'all'"),
    ],
)
def test_what_cannot_be_said_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", "\\(")):
        WarningSettings.model_validate(given)


def test_which_languages_messages_have(small_district: Catalogue) -> None:
    def named(name: Any) -> Catalogue:
        zones = {z: x.model_copy(update={"name": NameText.of(name)}) for z, x in small_district.zones.items()}
        return replace(small_district, zones=zones)

    assert WarningSettings().tags(small_district) == ("en",)
    assert WarningSettings().tags(named({"zh": "北", "en": "North"})) == ("zh-CN", "en")
    assert WarningSettings().tags(named("北区")) == ("zh-CN",)
    assert WarningSettings(language="zh-CN").tags(small_district) == ("zh-CN",)
    assert WarningSettings(languages=("en", "zh-CN")).tags(small_district) == ("en", "zh-CN")
