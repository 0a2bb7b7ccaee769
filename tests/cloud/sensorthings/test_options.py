"""Options laid together and checked, and what `Answer` makes of them without HTTP."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from cloud.api.ports import Services
from cloud.sensorthings.answer import Answer
from cloud.sensorthings.functions import Wrong
from cloud.sensorthings.grammar import Unreadable
from cloud.sensorthings.model import KINDS, Model
from cloud.sensorthings.options import checked, options_of, skip_token
from cloud.sensorthings.resource import resource_of
from contract.catalogue.catalogue import Catalogue


def test_expands_of_one_link_are_laid_together() -> None:
    options = options_of({"$expand": "Datastreams/Sensor,Datastreams($top=2),Datastreams/ObservedProperty"})
    (datastreams,) = checked(KINDS["Things"], options).expand
    assert datastreams.options.top == 2
    assert sorted(e.path[0] for e in datastreams.options.expand) == ["ObservedProperty", "Sensor"]


def test_a_skip_token_is_read_again() -> None:
    assert options_of({"$skiptoken": skip_token((1_626_768_000_000, 101))}).after == (1_626_768_000_000, 101)
    for text in ("", "!", "MTIz", "€"):
        with pytest.raises(Unreadable, match="nextLink as it is"):
            options_of({"$skiptoken": text})


def test_an_answer_without_http(small_district: Catalogue) -> None:
    services = cast(Services, SimpleNamespace(clock=SimpleNamespace(now_ms=lambda: 0)))
    answer = Answer(services, Model(small_district), "http://x/v1.1")
    found = answer.document(resource_of("Things"), options_of({"$select": "id", "$top": "1", "$filter": "id gt 's'"}))
    assert found["value"] == [{"@iot.id": "s1"}]
    assert found["@iot.nextLink"] == "http://x/v1.1/Things?$filter=(id%20gt%20's')&$select=id&$top=1&$skip=1"
    with pytest.raises(Wrong, match="did you mean name"):
        answer.document(resource_of("Things"), options_of({"$select": "nam"}))
