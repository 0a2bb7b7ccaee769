"""Which requests a Modbus device is read with, and what is learnt of it: holes within a read, registers it has not.

A read that spans several registers and is refused is split: first at its gaps, then in halves, until what is refused
stands alone. What answers stays as it is from then on; a register that is refused is asked again every `AGAIN_S`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.drivers.base import DeviceFault
from edge_agent.drivers.read_plan import Read, Wanted

AGAIN_S = 60.0


@dataclass(slots=True)
class Part:
    """One request. answered: it was, once. refused: why it is not asked before `again_s`."""

    read: Read
    answered: bool = False
    refused: DeviceFault | None = None
    again_s: float = 0.0


class Reads:
    """The requests of one device, in their order. Times are seconds of the caller's clock."""

    def __init__(self, plan: Sequence[Read]) -> None:
        self.parts = [Part(r) for r in plan]
        self.holes: dict[str, str] = {}  # by the read that has one

    def split(self, part: Part) -> list[Part]:
        """Puts smaller requests in a part's place, and gives them; [] when it is one register, which cannot be cut."""
        pieces = [Part(r) for r in _pieces(part.read)]
        if len(pieces) < 2:
            return []
        at = self.parts.index(part)
        self.parts[at : at + 1] = pieces
        return pieces

    def refuse(self, part: Part, fault: DeviceFault, now_s: float) -> None:
        """The part is left out until `AGAIN_S` have passed."""
        part.refused, part.again_s = fault, now_s + AGAIN_S

    def answer(self, part: Part) -> None:
        """The part was answered."""
        part.answered, part.refused = True, None

    def found_hole(self, read: Read, why: str) -> None:
        """A read that was refused as a whole answers in pieces: `holes` tells."""
        names = ", ".join(w.register.name for w in read.wanted)
        self.holes[span(read)] = f"{span(read)} ({names}) is read in pieces: {why}"


def span(read: Read) -> str:
    """ "holding 0+3": table, first address, number."""
    return f"{read.table.value} {read.address}+{read.count}"


def _pieces(read: Read) -> list[Read]:
    """Runs of registers without a gap; of one run its halves, cut where no register is cut in two."""
    runs: list[list[Wanted]] = []
    end = -1
    for w in sorted(read.wanted, key=lambda w: w.at):
        if not runs or w.at > end:
            runs.append([])
        runs[-1].append(w)
        end = max(end, _end(read, w))
    if len(runs) == 1:
        runs = _halves(read, runs[0])
    return [_read(read, run) for run in runs]


def _halves(read: Read, run: list[Wanted]) -> list[list[Wanted]]:
    cuts = [n for n in range(1, len(run)) if run[n].at >= max(_end(read, w) for w in run[:n])]
    if not cuts:
        return [run]
    cut = min(cuts, key=lambda n: abs(n - len(run) / 2))
    return [run[:cut], run[cut:]]


def _read(read: Read, run: list[Wanted]) -> Read:
    start, end = run[0].at, max(_end(read, w) for w in run)
    wanted = tuple(Wanted(w.channel, w.register, w.at - start) for w in run)
    return Read(read.table, read.address + start, end - start, wanted)


def _end(read: Read, wanted: Wanted) -> int:
    """Where what it takes from this place ends, counted from the read's first word."""
    address = read.address + wanted.at
    spans = [s for s in wanted.register.spans() if (s.table, s.address) == (read.table, address)]
    return max(s.end for s in spans) - read.address
