"""Parameters that an operation does not have are refused by name, on every operation; so are times in seconds."""

from __future__ import annotations

import pytest

from tests.cloud.api.asking import Http
from tests.fuzz import api

APP = api.app()
HTTP = Http(APP)
OPERATIONS = sorted((m.upper(), path) for path, found in APP.openapi()["paths"].items() for m in found)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_unknown_parameter_is_refused_by_name_on_every_operation(method: str, path: str) -> None:
    filled = path.replace("{name}", "x").replace("{number}", "1")
    answer = HTTP.request(method, filled, params={"colour": "red"})
    assert (answer.status_code, answer.json()["title"]) == (422, "There is no such parameter")
    assert "'colour'" in answer.json()["detail"]
    assert "422" in APP.openapi()["paths"][path][method.lower()]["responses"]


def test_it_says_which_was_meant_and_which_there_are() -> None:
    said = HTTP.get("/v1/warnings", params={"opne": True, "limit": 2}).json()["detail"]
    assert (
        said
        == "/v1/warnings has no parameter 'opne': did you mean 'open'? it takes before, end, level, limit, open, start"
    )
    assert HTTP.get("/healthz", params={"x": 1}).json()["detail"] == (
        "/healthz takes no parameters, and 'x' was given: leave it away"
    )


@pytest.mark.parametrize("seconds", [1_626_768_000, 100_000_000, 4_102_444_799])
def test_a_time_in_seconds_is_refused_with_what_is_meant(seconds: int) -> None:
    answer = HTTP.get("/v1/readings", params={"channel": 101, "start": seconds, "end": 4_000_000_000_000})
    assert (answer.status_code, answer.json()["title"]) == (422, "A time is in seconds")
    assert f"Then write {seconds}000" in answer.json()["detail"]


@pytest.mark.parametrize("ms", ["0", "1", "-5", "99999999", "1626768000000", "4102444800"])
def test_other_numbers_are_milliseconds(ms: str) -> None:
    assert HTTP.get("/v1/readings", params={"channel": 101, "start": ms, "end": 4_000_000_000_000}).status_code == 200
