"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

MEDIA = "application/problem+json"


class Problem(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.headers = status, title, detail, headers


def answer(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    return JSONResponse(body, status, headers, media_type=MEDIA)


def install(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return answer(error.status, error.title, error.detail, error.headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:  # the router names the methods of the first route of that path only
            fits = (r for r in app.routes if r.matches(request.scope)[0] is not Match.NONE)
            headers["Allow"] = ", ".join(sorted({m for r in fits for m in getattr(r, "methods", None) or ()}))
        return answer(error.status_code, "Request refused", str(error.detail), headers)

    @app.exception_handler(Exception)
    async def ours(_: Request, __: Exception) -> Response:
        # Logged by the server with its trace; a caller learns nothing of our inside from it.
        return answer(500, "The server has failed", "this is a fault of ours: the log holds the cause")

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(str(x) for x in e['loc'])}: {e['msg']}" for e in error.errors())
        return answer(422, "A parameter cannot be used", said)
