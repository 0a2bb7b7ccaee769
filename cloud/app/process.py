"""The cloud as a process of its own: `headwater-cloud serve`."""

from __future__ import annotations

import logging
import socket
import sys
from typing import TYPE_CHECKING

from cloud.app.listener import listening
from cloud.config import CloudConfig
from host.logs import LogForm, set_up
from host.private import closed_to_others

if TYPE_CHECKING:
    from cloud.app.cloud import Cloud

# How long a thread that only hands on, as the network's does at every read, waits for one that computes: a tenth of
# Python's own 5 ms. An alarm changes hands many times: see docs/decisions/load.md.
_SWITCH_S = 0.0005


def run(config: CloudConfig, log: LogForm = LogForm.TEXT) -> None:
    """Until SIGTERM. Prints one JSON line when it is ready. Before: `cloud.app.allocator.keep_little`.

    Raises CannotListen before anything else is begun: a second cloud must not take the first one's place at the broker,
    nor tell its consumers anything.
    """
    sys.setswitchinterval(_SWITCH_S)
    from cloud.app.cloud import Cloud

    set_up(log)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with closed_to_others():  # readings, and hashes of passwords
        listener, url = listening(config.file.http, config.base)
        _serve(Cloud(config), listener, url)


def _serve(cloud: Cloud, listener: socket.socket, url: str) -> None:
    first = cloud.first_administrator()
    if first is not None:
        said = f"first start: log in as {first[0]} with password {first[1]} (it is not shown again)"
        print(said, file=sys.stderr, flush=True)
    cloud.start()
    try:
        cloud.serve_http(listener, url)
    finally:
        cloud.stop()
