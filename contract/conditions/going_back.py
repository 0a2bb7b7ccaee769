"""What becomes of conditions when the log's time goes back: it was ahead, and is put right. Pure.

Levels hold, as through silence. What was to happen at a time that is far off now happens in its time.
"""

from __future__ import annotations

import numpy as np

from contract.conditions import judging, memory
from contract.conditions.columns import NEVER, State
from contract.conditions.limits import Limits
from contract.readings import Int64s

# A reading may be so much ahead of the cloud's clock and is let in (`receive.newest_s`); a later one is of a time that
# never was, and would make history of all that is measured now.
_AHEAD_MS = 600_000


def go_back(state: State, limits: Limits, now_ms: int) -> None:
    """Every moment of the log that is later than now_ms becomes now_ms; findings from far beyond it are forgotten.

    Those that have forgotten what they rest on become UNKNOWN in the next step.
    """
    for times in (state.since_ms, state.set_ms, state.from_ms, state.base_ms, state.brisk_ms, state.shown_ms):
        np.minimum(times, now_ms, out=times)
    rows = np.arange(len(state.since_ms))
    _disbelieve(state, np.flatnonzero(state.reading_ms > now_ms + _AHEAD_MS), now_ms)
    heard = rows[state.reading_ms != NEVER]
    state.due_ms[heard] = judging.next_due(state, limits, heard, np.full(len(heard), now_ms, np.int64))


def _disbelieve(state: State, rows: Int64s, now_ms: int) -> None:
    """What these rows have heard says nothing: they are as silent, from the next step on."""
    if not len(rows):
        return
    memory.forget(state, rows)
    state.reading_ms[rows], state.value[rows] = NEVER, np.nan
    state.step_value[rows], state.base_value[rows], state.base_ms[rows] = np.nan, np.nan, NEVER
    state.due_ms[rows] = now_ms
