"""What threads free goes back to the system. In a process of its own: it cannot be undone."""

from __future__ import annotations

import subprocess
import sys

_RUN = """
import threading
from pathlib import Path
from cloud.app.allocator import keep_little

print(keep_little())
import pyarrow as pa
print(pa.default_memory_pool().backend_name)


def resident_kb():
    return int(next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmRSS")).split()[1])


def work(kept):  # answers, and something small that is made after them and stays
    bytearray(5_000_000)
    blocks = [bytearray(b"x") * 5_000_000 for _ in range(4)]
    kept.append([bytes(i) for i in range(2000)])
    del blocks


before, kept = resident_kb(), []
gate = threading.Barrier(16)
threads = [threading.Thread(target=lambda: (gate.wait(), work(kept), gate.wait())) for _ in range(16)]
for t in threads: t.start()
for t in threads: t.join()
print((resident_kb() - before) // 1024)
"""


def test_freed_memory_of_many_threads_is_not_kept():
    done = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True, timeout=60)
    told, pool, kept_mb = done.stdout.split()
    assert pool == "system"
    if told == "True":  # glibc
        assert int(kept_mb) < 100, "320 MB were freed"
