"""What every detector is: readings in, findings of its targets out.

A detector decides nothing: delays, hysteresis, hold and *unknown* are the conditions' (`contract.conditions.latches`),
and the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from contract.catalogue.catalogue import Catalogue, Watch
from contract.catalogue.quantities import Quantity
from contract.conditions.findings import Findings
from contract.conditions.targets import ConditionKey
from contract.readings import Bools, Int64s, ReadingBatch


class Detector(Protocol):
    """One detector, for all the rules that name it. Pure: it takes state, data and `now`, and gives state and findings.

    How readings are grouped into steps must not alter what is found: it works reading by reading of a channel, in the
    order of their times, however many come at once.
    """

    @property
    def conditions(self) -> Sequence[ConditionKey]:
        """The conditions that it speaks for, each a rule on a target; a finding's `condition` is a place in them."""
        ...

    @property
    def quantities(self) -> Sequence[Quantity]:
        """What the values found for each of `conditions` are, and so their unit."""
        ...

    def heeded(self, batch: ReadingBatch, now_ms: Int64s) -> Bools:
        """Which readings it needs, shape (n,). now_ms: shape (n,), of the step in which each reading comes.

        Leaving the others out beforehand alters nothing: they are not even decoded further.
        """
        ...

    def initial(self) -> Any:
        """The state before the first reading; None for a detector that remembers nothing."""
        ...

    def step(self, state: Any, batch: ReadingBatch, now_ms: int, /) -> tuple[Any, Findings]:
        """What follows from some readings, in any order and of any channel; none: from time alone. Consumes `state`."""
        ...

    def dump(self, state: Any, /) -> Any:
        """The state as plain values for JSON."""
        ...

    def restore(self, data: Any, /) -> Any:
        """What `dump` gave, after JSON. Channels and rules that have come or gone since are its to reconcile.

        Raises LookupError, ValueError or TypeError on anything else.
        """
        ...


@runtime_checkable
class PerReading(Protocol):
    """What a detector may have besides, that remembers nothing and judges each reading by itself.

    The readings of many entries are then taken at once.
    """

    def found(self, batch: ReadingBatch) -> tuple[Findings, Int64s]:
        """What `step` finds in it, and of each finding the place in the batch of its reading, rising."""
        ...


# Makes a detector of the rules that name it, each with its channels, in the order of `rules.yaml`.
MakeDetector = Callable[[Sequence[Watch], Catalogue], Detector]
