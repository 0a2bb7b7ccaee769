"""What a mapping may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from cloud.imports.mapping import Mapping, channels_of
from contract.catalogue.catalogue import Catalogue
from contract.documents import Document

TIME = {"columns": ["t"], "zone": "UTC"}


def test_a_channel_by_number_or_name(small_district: Catalogue) -> None:
    said = [{"column": "a", "channel": 201}, {"column": "b", "channel": small_district.channels[301].name}]
    mapping = Mapping.model_validate({"time": TIME, "channels": said})
    document = Document(Path("map.yaml"), {})
    assert [c.id for c in channels_of(mapping, small_district, document)] == [201, 301]
    assert document.mistakes == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"separator": '"'}, "cannot be a quote"),
        ({"channels": [{"column": "v", "channel": 1, "factor": 0}]}, "every value the same"),
        ({"channels": [{"column": "v", "channel": 1, "flag_column": "q"}]}, "flags: given"),
        ({"channels": []}, "at least one entry"),
    ],
)
def test_what_cannot_be_meant_is_refused(more: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Mapping.model_validate({"time": TIME, "channels": [{"column": "v", "channel": 1}], **more})
