"""Whatever goes wrong in the API is answered with a problem document (RFC 9457) that says what to do."""

from __future__ import annotations

from typing import Annotated

import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Query

from cloud.api import problems


@pytest.fixture
def client() -> httpx2.AsyncClient:
    app = FastAPI()
    problems.install(app)

    @app.get("/full")
    def full() -> None:
        raise problems.Problem(503, "Not ready", "the log cannot be written: free some space")

    @app.get("/number")
    def number(n: Annotated[int, Query(ge=1)], m: Annotated[int, Query()]) -> int:
        return n + m

    @app.get("/http")
    def http() -> None:
        raise HTTPException(401, "say who you are", headers={"WWW-Authenticate": "Bearer", "Retry-After": "7"})

    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://api")


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/full", 503, ["free some space"]),
        ("GET", "/number?n=0&m=x", 422, ["query.n", "query.m", "greater than or equal to 1"]),
        ("GET", "/number", 422, ["query.n", "query.m", "required"]),
        ("GET", "/nowhere", 404, ["Not Found"]),
        ("POST", "/full", 405, ["Method Not Allowed"]),
        ("GET", "/http", 401, ["say who you are"]),
    ],
)
async def test_every_error_is_a_problem_document(
    client: httpx2.AsyncClient, method: str, path: str, status: int, said: list[str]
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "status", "title", "detail"}
    assert body["status"] == status
    assert body["title"]
    for word in said:
        assert word in body["detail"]


async def test_headers_of_a_refusal_are_kept(client: httpx2.AsyncClient) -> None:
    refused = await client.get("/http")
    assert (refused.headers["www-authenticate"], refused.headers["retry-after"]) == ("Bearer", "7")
    assert "GET" in (await client.post("/full")).headers["allow"]
