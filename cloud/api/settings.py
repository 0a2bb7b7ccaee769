"""The `http:` part of the cloud's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, IPvAnyNetwork, StringConstraints

from contract.settings_model import LEAST_S, SettingsModel

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s*]+$")]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seconds = Annotated[float, Field(ge=LEAST_S, le=3600)]


class HttpSettings(SettingsModel):
    """Where the API and the page listen, and how much of a caller they bear.

    hosts: names under which we are called; any when empty. cors_origins: pages elsewhere whose scripts may read us.
    socket: a Unix socket in place of host and port. Who may connect there is believed as the proxy: on a port of
    loopback that is every user of the machine, and each could take the port while the cloud is down.
    trusted_proxies: whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody's when empty.
    max_requests are worked on at once, max_waiting more wait for at most wait_s; the others are told to come again.
    header_timeout_s, body_timeout_s: for a request to come in whole. answer_timeout_s: for its answer to begin.
    max_answers_mb, max_answers_mb_each: of answers that wait to be read, of all who ask and of each; one alone passes.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    socket: Path | None = None
    hosts: tuple[str, ...] = ()
    cors_origins: tuple[Origin, ...] = ()
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    max_body_bytes: Count = 1 << 20
    max_url_bytes: Count = 8192
    max_head_bytes: Count = 16384
    max_connections: Count = 1000
    max_requests: Count = 32  # below the 40 threads that answer, so that /healthz always finds one
    max_waiting: Count = 128
    wait_s: Seconds = 2.0
    header_timeout_s: Seconds = 10.0
    body_timeout_s: Seconds = 30.0
    answer_timeout_s: Seconds = 60.0
    max_answers_mb: Count = 256
    max_answers_mb_each: Count = 128
    keep_alive_s: Count = 75  # longer than clients keep theirs (httpx2 5, nginx 60), or one asks as we close
