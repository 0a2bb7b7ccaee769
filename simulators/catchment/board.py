"""Numbers that two processes see: a block of shared memory with a name for every slot."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing import shared_memory

import numpy as np

_FIXED = ("time_ms", "beats", "stop")


class Board:
    """float64 slots. `create` in one process, `join` in the other; both `close`, the creator also `unlink`s."""

    def __init__(self, memory: shared_memory.SharedMemory, names: Sequence[str]) -> None:
        self._memory = memory
        self._slot = {name: i for i, name in enumerate((*_FIXED, *names))}
        self._cells = np.ndarray((len(self._slot),), np.float64, buffer=memory.buf)

    @classmethod
    def create(cls, names: Sequence[str]) -> Board:
        memory = shared_memory.SharedMemory(create=True, size=8 * (len(_FIXED) + len(names)))
        board = cls(memory, names)
        board._cells[:] = 0.0
        return board

    @classmethod
    def join(cls, name: str, names: Sequence[str]) -> Board:
        return cls(shared_memory.SharedMemory(name=name), names)

    @property
    def memory_name(self) -> str:
        return self._memory.name

    def __getitem__(self, name: str) -> float:
        return float(self._cells[self._slot[name]])

    def __setitem__(self, name: str, value: float) -> None:
        self._cells[self._slot[name]] = value

    def close(self, unlink: bool = False) -> None:
        del self._cells
        self._memory.close()
        if unlink:
            self._memory.unlink()
