"""Questions over HTTP: tried again while a cloud is busy, refusals as errors."""

from __future__ import annotations

import datetime as dt
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import httpx2

from cloud.client.errors import HeadwaterError, NotReached
from cloud.client.times import Time, said

Value: TypeAlias = Time | float | bool | None
Params: TypeAlias = Mapping[str, Value | Sequence[Value]]
_BUSY = (429, 503)
_LONGEST_WAIT_S = 60.0


class Http:
    """tries: of one question, the first among them. Nothing but GET is asked, so trying again does nothing twice."""

    def __init__(self, url: str, key: str | None, ca_file: str | Path | None, timeout_s: float, tries: int) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no address of a cloud: write https://headwater.example")
        headers = {"user-agent": "headwater-client"}
        if key is not None:
            headers["authorization"] = f"Bearer {key.strip()}"
        verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
        self._tries = max(tries, 1)
        self._client = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout_s, verify=verify)

    def pieces(self, path: str, params: Params, headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """Of the answer's body. Raises HeadwaterError, NotReached."""
        for left in reversed(range(self._tries)):
            try:
                with self._client.stream("GET", path, params=_texts(params), headers=dict(headers or {})) as answer:
                    if answer.status_code < 300:
                        yield from answer.iter_bytes()
                        return
                    body = answer.read()
                    if answer.status_code not in _BUSY or not left:
                        raise HeadwaterError.of(answer.status_code, body)
                    wait_s = _wait_s(answer.headers.get("retry-after"))
            except httpx2.ConnectError as error:
                if not left:
                    raise NotReached(f"{self._client.base_url}: {error}") from error
                wait_s = 1.0
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                raise NotReached(f"{self._client.base_url}{path}: {type(error).__name__} {error}") from error
            time.sleep(wait_s)

    def close(self) -> None:
        self._client.close()


def _texts(params: Params) -> dict[str, list[str]]:
    """As in the address. None: not said."""
    out: dict[str, list[str]] = {}
    for name, value in params.items():
        values: Sequence[Value] = [value] if value is None or isinstance(value, _ONE) else value
        if found := [_text(v) for v in values if v is not None]:
            out[name] = found
    return out


def _text(value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float() | None:
            return str(value)
    return said(value)


_ONE = (str, int, float, dt.datetime)


def _wait_s(retry_after: str | None) -> float:
    try:
        return min(max(float(retry_after or 1), 0.1), _LONGEST_WAIT_S)
    except ValueError:  # a date: clocks may differ
        return 5.0
