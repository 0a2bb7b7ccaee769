"""The C allocators are told to give back what is freed.

An answer of five megabytes is made in one thread and freed in another, many times a second. glibc keeps an arena for
each thread and never returns what lies below its top; Arrow's own pool keeps pages for later. Together they held two
thirds of this process's memory under load: see docs/decisions/load.md.
"""

from __future__ import annotations

import ctypes
import os

# mallopt(3), malloc.h of glibc
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2
_LARGE_BYTES = 512 * 1024  # such a block is mapped alone, and unmapped when it is freed


def keep_little() -> bool:
    """Before pyarrow is imported and threads are started. False where the C library knows nothing of it (musl).

    What the operator has set in the environment (ARROW_DEFAULT_MEMORY_POOL) stands.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_M_ARENA_MAX, _ARENAS), (_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES))
    return [mallopt(ctypes.c_int(what), ctypes.c_int(how)) for what, how in wanted] == [1, 1, 1]
