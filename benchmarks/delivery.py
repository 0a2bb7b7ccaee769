"""From a message in the ledger to the consumer: one by one while the ledger is written to, behind others at a slow
consumer, and two hundred at once.

The ledger is SQLite in a file, with two thousand messages that were delivered before; the consumer is a webhook on
loopback. What the whole way takes, from a gateway on, is measured by `load`.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert, text

from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.egress import Egress
from cloud.delivery.sinks.webhook import WebhookSettings
from cloud.delivery.tables import deliveries
from cloud.ledger.open import open_ledger
from cloud.warnings.tables import messages
from contract.clock import SystemClock

OLD, ONE_BY_ONE, AT_ONCE, WAITING = 2000, 300, 200, 20
SLOW_S = 0.4
CAP = b"<alert/>" + b" " * 3000
RULES = Egress((ip_network("127.0.0.1/32"),), ("127.0.0.1",))


class Consumer(ThreadingHTTPServer):
    """`arrived`: message -> when (s). takes_s: what an answer takes."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.arrived: dict[str, float] = {}
        self.takes_s = 0.0


class Handler(BaseHTTPRequestHandler):
    server: Consumer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.arrived.setdefault(self.headers["webhook-id"], time.monotonic())
        time.sleep(self.server.takes_s)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Bench:
    def __init__(self, folder: Path) -> None:
        self.ledger: Engine = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        self.consumer = Consumer()
        threading.Thread(target=self.consumer.serve_forever, daemon=True).start()
        (folder / "key").write_text("whsec_" + b64encode(os.urandom(24)).decode())
        url = f"http://127.0.0.1:{self.consumer.server_address[1]}/"
        self.settings = WebhookSettings(kind="webhook", name="c", url=url, secret_files=(folder / "key",))
        self.number = 0
        self.put(OLD)
        with self.ledger.begin() as db:
            done = {"sink": "c", "attempts": 1, "first_ms": 0, "delivered_ms": 1, "receipt": ""}
            db.execute(insert(deliveries), [{**done, "message": f"m{n}"} for n in range(1, OLD + 1)])
        sink, clock = self.settings.make(folder, RULES), SystemClock()
        policy = getattr(self.settings, "policy", None)  # releases before had none
        self.dispatcher = Dispatcher(self.ledger, sink, clock, *([policy()] if policy else []))
        self.dispatcher.start()

    def close(self) -> None:
        self.dispatcher.stop()
        self.consumer.shutdown()
        self.ledger.dispose()

    def put(self, count: int, level: str = "blue") -> tuple[list[str], float]:
        """As many messages, each of an incident of its own, in one transaction; and when it was over."""
        ids = [f"m{self.number + n}" for n in range(1, count + 1)]
        told = {"sent_ms": 1, "msg_type": "Alert", "level": level, "refs": "[]", "cap_xml": CAP}
        rows: list[dict[str, Any]] = [{**told, "number": int(m[1:]), "id": m, "incident": f"i{m}"} for m in ids]
        self.number += count
        with self.ledger.begin() as db:
            db.execute(insert(messages), rows)
        return ids, time.monotonic()

    def took_s(self, ids: list[str], began_s: float) -> list[float]:
        """Of each, until it was there."""
        deadline_s = time.monotonic() + 60
        while not self.consumer.arrived.keys() >= set(ids):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not all of {len(ids)} messages have come")
            time.sleep(0.001)
        return [self.consumer.arrived[m] - began_s for m in ids]

    @contextmanager
    def busy_ledger(self) -> Iterator[None]:
        """Written to fifty times a second, as the warnings' view does."""
        over = threading.Event()

        def write() -> None:
            while not over.wait(0.02):
                with self.ledger.begin() as db:
                    said = (
                        "insert into view_state (name, cursor, state) values ('x', 1, :s) on conflict (name) do update"
                    )
                    db.execute(text(said + " set state = :s"), {"s": "x" * 20_000})

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def run() -> dict[str, float | str]:
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        try:
            one_by_one = []
            with bench.busy_ledger():
                for _ in range(ONE_BY_ONE):
                    ids, began_s = bench.put(1)
                    bench.dispatcher.wake()
                    one_by_one += bench.took_s(ids, began_s)
            ids, began_s = bench.put(AT_ONCE)
            bench.dispatcher.wake()
            at_once = bench.took_s(ids, began_s)
            bench.consumer.takes_s = SLOW_S
            waiting, _ = bench.put(WAITING)
            bench.dispatcher.wake()
            bench.took_s(waiting[:1], 0.0)
            ids, began_s = bench.put(1, "red")
            bench.dispatcher.wake()
            (red,) = bench.took_s(ids, began_s)
            bench.took_s(waiting, 0.0)
        finally:
            bench.close()
    return {
        f"{ONE_BY_ONE} one by one, ledger to webhook, p50, ms": float(np.percentile(one_by_one, 50) * 1000),
        f"{ONE_BY_ONE} one by one, ledger to webhook, p99, ms": float(np.percentile(one_by_one, 99) * 1000),
        f"{AT_ONCE} at once, the last, s": max(at_once),
        f"a red one behind {WAITING} at a consumer that takes {SLOW_S:g} s, s": red,
        "load average": f"{os.getloadavg()[0]:.1f}",
    }
