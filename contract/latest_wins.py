"""Of several readings of one channel and time, the one given last holds. Pure."""

from __future__ import annotations

import numpy as np

from contract.readings import Int64s, Uint32s

FEW = 500  # below, finding out whether they fit costs more than the second sort
_WORD_BITS = 63  # of an int64 that is not negative


def by_channel_and_time(channel: Uint32s | Int64s, time_ms: Int64s) -> Int64s:
    """int64[n]: the order that sorts by channel, then time; of equals the one given later stays later.

    channel: numbers or rows from 0 up, below 2**32. time_ms: same length. One sort instead of two where both fit one
    word, as those of any month do.

    >>> by_channel_and_time(np.array([7, 3, 7]), np.array([20, 90, 20])).tolist()
    [1, 0, 2]
    """
    if len(channel) < FEW:
        return np.asarray(np.lexsort((time_ms, channel)), np.int64)
    first_ms = int(time_ms.min())
    bits = (int(time_ms.max()) - first_ms).bit_length()
    if bits > _WORD_BITS - 32:
        return np.asarray(np.lexsort((time_ms, channel)), np.int64)
    key = (channel.astype(np.int64) << bits) | (time_ms - first_ms)
    return np.asarray(np.argsort(key, kind="stable"), np.int64)


def last_of_each_time(channel: Uint32s | Int64s, time_ms: Int64s) -> Int64s:
    """Places of the readings that hold, by channel, then time: of one channel and time the last given.

    >>> last_of_each_time(np.array([7, 3, 7]), np.array([20, 90, 20])).tolist()
    [1, 2]
    """
    order = by_channel_and_time(channel, time_ms)
    channel, time_ms = channel[order], time_ms[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = (channel[1:] != channel[:-1]) | (time_ms[1:] != time_ms[:-1])
    return order[last]


def newest_of_each_channel(channel: Uint32s | Int64s, time_ms: Int64s) -> Int64s:
    """Places of each channel's newest reading, by channel: of one time the last given.

    >>> newest_of_each_channel(np.array([7, 3, 7]), np.array([20, 90, 10])).tolist()
    [1, 0]
    """
    order = by_channel_and_time(channel, time_ms)
    channel = channel[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = channel[1:] != channel[:-1]
    return order[last]
