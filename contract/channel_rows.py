"""Where a channel stands in a sorted list of channels: what lets settings and states be kept as arrays. Pure."""

from __future__ import annotations

import numpy as np

from contract.readings import Int64s, Uint32s

_LARGEST_TABLE = 10_000_000


def channel_rows(listed: Uint32s, channels: Uint32s) -> Int64s:
    """int64[n]: for each of `channels` its place in `listed`; -1 for one that is not listed.

    listed: sorted, unique, may be empty. channels: in any order, may come several times.

    >>> channel_rows(np.array([3, 5, 9], np.uint32), np.array([9, 4, 3, 9], np.uint32)).tolist()
    [2, -1, 0, 2]
    """
    if not len(listed):
        return np.full(len(channels), -1, np.int64)
    near = np.minimum(np.searchsorted(listed, channels), len(listed) - 1)
    return np.where(listed[near] == channels, near, -1)


class ChannelRows:
    """`channel_rows` of one list asked for many readings: a table instead of a search, where memory allows."""

    def __init__(self, listed: Uint32s) -> None:
        """listed: sorted, unique. The table takes eight bytes a number up to the highest listed; above ten million
        there is none."""
        self._listed = listed
        highest = int(listed[-1]) if len(listed) else 0
        self._table: Int64s | None = None
        if highest < _LARGEST_TABLE:
            self._table = np.full(highest + 2, -1, np.int64)  # the last stands for every higher number
            self._table[listed] = np.arange(len(listed))

    def of(self, channels: Uint32s) -> Int64s:
        """int64[n]: for each of `channels` its place in the list; -1 for one that is not listed."""
        if self._table is None:
            return channel_rows(self._listed, channels)
        return self._table[np.minimum(channels, len(self._table) - 1)]
