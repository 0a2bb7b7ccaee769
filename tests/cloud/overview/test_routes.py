"""The overview over HTTP: one document, and a stream that only they get who ask for one."""

from __future__ import annotations

from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI

from cloud.api import problems
from cloud.overview.routes import mount
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from tests.cloud.web.test_state import Said


@pytest.fixture
def http(small_district: Catalogue) -> httpx2.AsyncClient:
    app = FastAPI()
    problems.install(app)
    said = Said(small_district, ReadingBatch.empty())
    mount(app, cast("Any", said))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://cloud.test")


async def test_the_whole_district_in_one_document(http: httpx2.AsyncClient) -> None:
    found = (await http.get("/v1/overview")).json()
    assert (found["ready"], found["troubles"], found["quarantined"]) == (True, ["sink x: 503"], 2)
    assert {s["state"] for s in found["stations"]} == {"unknown"}
    assert [s["id"] for s in found["stations"]] == sorted(s["id"] for s in found["stations"])
    assert (await http.get("/v1/overview")).json()["version"] == found["version"]


async def test_a_stream_goes_to_those_who_ask_for_one(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/overview/stream")
    assert (answer.status_code, answer.json()["detail"]) == (
        406,
        "send Accept: text/event-stream, and read line by line",
    )
