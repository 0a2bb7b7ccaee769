"""Four processes that open one ledger at once, and each write into it."""

from __future__ import annotations

import subprocess
import sys

HOW_MANY = 4


def open_at_once(url: str) -> list[int]:
    """What each of them ended with."""
    code = (
        "import sys; from cloud.ledger import audit; from cloud.ledger.open import open_ledger\n"
        "print('here', flush=True); sys.stdin.readline(); engine = open_ledger(sys.argv[1])\n"
        "audit.record(engine, now_ms=1, who='w', what='x', target='t', source='s', detail={})"
    )
    run = [sys.executable, "-c", code, url]
    busy = [subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(HOW_MANY)]
    for p in busy:
        assert p.stdout is not None
        assert p.stdout.readline() == "here\n"
    for p in busy:
        p.communicate("\n", timeout=60)
    return [p.returncode for p in busy]
