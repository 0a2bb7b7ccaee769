"""Who changed an identity, when, what and from where: one JSON line each, durable on return. Never a key.

It lies beside the keys and needs no ledger; the cloud's audit record gets the same, see `cloud.ledger.audit`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from cloud.identity.store import own_file
from contract.clock import iso

log = logging.getLogger(__name__)


def record(
    folder: Path, *, now_ms: int, who: str, what: str, target: str, source: str, detail: Mapping[str, str]
) -> None:
    """what: e.g. `gateway.add`. target: the certificate's common name. source: e.g. `cli`."""
    line = {"time": iso(now_ms), "who": who, "what": what, "target": target, "source": source}
    with own_file(folder / "changes.jsonl", 0o640) as file:
        file.write((json.dumps({**line, "detail": dict(detail)}) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
    log.info("%s %s by %s: %s", what, target, who, ", ".join(f"{k} {v}" for k, v in detail.items()))
