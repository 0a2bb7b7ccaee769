"""Which requests a Modbus device is read with, and what is learnt of it: holes within a read, registers it has not.

A read that spans several registers and is refused is split: first at its gaps, then in halves, until what is refused
stands alone. What answers stays as it is from then on; a register that is refused is asked again every `AGAIN_S`, or
every `SOON_S` when it is refused by an exception that is not in the protocol.

Some devices say nothing where others refuse, and silence may also be a lost reply or a device without power. So a read
counts as unanswered only when that came so often in a row as replies are not lost by chance on this line (`_NEVER` to
`_NO_MORE` times; the latter of one that was answered before), and each time the device had answered another question
since the time before. Then it is split, or left out: each time twice as long, for it costs a time-out. A device of
which nothing at all is heard is asked three times in four for a register of its first read, or for another read: as
often as before, for a time-out as before, and whichever is answered shows that it lives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from contract.catalogue.quantities import QuantityKind
from contract.readings import Uint32s
from edge_agent.drivers.base import DeviceFault, DeviceInfo
from edge_agent.drivers.read_plan import Read, Wanted
from firmware_bridge.register_types import Table
from firmware_bridge.registers import plain, reader_of

AGAIN_S, SOON_S = 60.0, 10.0
_LEFT_OUT_S, _MOST_S = 15.0, 3600.0  # at first, and at most
_NEVER, _NO_MORE = 3, 12
_CHANCE = 1e-4  # of so many replies lost in a row
_REMEMBERED = 200  # questions
_GOES_LAST = 2  # what was left unanswered so often must not keep the others from being asked


@dataclass(slots=True)
class Part:
    """One request.

    channels: that need it. places: where its words stand. plain: of its channels those that are one word of it, divided
    (`firmware_bridge.registers.plain`): their numbers; `decoded` gives their values. of_plain_alone: it serves no
    others. answered: it was, once. refused: why it is not asked before
    `again_s`. alone: how often in a row it was not answered and others were; answers: how many the device had given
    when it was last not answered. left_out: times in a row.
    """

    read: Read
    channels: frozenset[int] = field(init=False)
    places: tuple[tuple[Table, int], ...] = field(init=False)
    plain: Uint32s = field(init=False)
    of_plain_alone: bool = field(init=False)
    _divided: tuple[tuple[int, int, float], ...] = field(init=False)
    answered: bool = False
    refused: DeviceFault | None = None
    again_s: float = 0.0
    alone: int = 0
    answers: int = 0
    left_out: int = 0

    def __post_init__(self) -> None:
        self.channels = frozenset(w.channel for w in self.read.wanted)
        self.places = tuple((self.read.table, self.read.address + n) for n in range(self.read.count))
        found = [(w, how) for w in self.read.wanted if (how := plain(w.register)) is not None]
        self.plain = np.array([w.channel for w, _ in found], np.uint32)
        self.of_plain_alone = len(found) == len(self.read.wanted)
        self._divided = tuple((w.at, how.highest, how.divisor) for w, how in found)

    def decoded(self, words: Sequence[int]) -> list[float]:
        """The values of `plain`, in its order."""
        return [
            (words[at] if words[at] <= highest else words[at] - 65536) / divisor
            for at, highest, divisor in self._divided
        ]


class Reads:
    """The requests of one device, in their order. Times are seconds of the caller's clock."""

    def __init__(self, plan: Sequence[Read]) -> None:
        self.parts = [Part(r) for r in plan]
        self.registers = {w.channel: w.register for r in plan for w in r.wanted}
        # Of those that are no plain word of a part, which decodes these itself.
        self.readers = {c: reader_of(r) for c, r in self.registers.items() if plain(r) is None}
        self._channels = frozenset(self.registers)
        self.holes: dict[str, str] = {}  # by the read that has one
        self._answers = 0  # of the device, refusals too
        self._silent = 0  # times in a row that nothing came of it
        self._came = self._lost = 0.0  # replies to reads that the device is known to answer

    def wanted(self, device: DeviceInfo) -> frozenset[int]:
        """The channels that are wanted of the device: all, or fewer."""
        every = len(device.channels) == len(self._channels)
        return self._channels if every else frozenset(c.id for c in device.channels)

    def split(self, part: Part) -> list[Part]:
        """Puts smaller requests in a part's place, and gives them; [] when it is one register, which cannot be cut."""
        pieces = [Part(r) for r in _pieces(part.read)]
        if len(pieces) < 2:
            return []
        at = self.parts.index(part)
        self.parts[at : at + 1] = pieces
        return pieces

    def refuse(self, part: Part, fault: DeviceFault, now_s: float, for_long: bool) -> None:
        """The part is left out until `AGAIN_S` have passed; not for_long, as nobody knows what the maker means by the
        exception: `SOON_S`."""
        part.refused, part.again_s = fault, now_s + (AGAIN_S if for_long else SOON_S)

    def leave_out(self, part: Part, fault: DeviceFault, now_s: float, cheap: bool) -> None:
        """The part is not answered: it is left out, each time for longer; cheap: it costs no time-out to ask, for
        something answers in its place."""
        most_s = AGAIN_S if cheap else _MOST_S
        part.refused, part.again_s = fault, now_s + min(_LEFT_OUT_S * 2**part.left_out, most_s)
        part.left_out = min(part.left_out + 1, 16)

    def answer(self, part: Part) -> None:
        """The part was answered."""
        if part.answered:
            self._counts(came=1)
        part.answered, part.refused = True, None
        part.alone = part.left_out = 0
        self.lives()

    def replied(self, part: Part) -> None:
        """Replies to the part came, though not yet as many as it takes to believe one."""
        part.answered = True
        self.lives()

    def lives(self) -> None:
        """The device answered something, if only by a refusal."""
        self._answers += 1
        self._silent = 0

    def unanswered(self, part: Part) -> bool:
        """Nothing came of the part. True when it is this request that is not answered, and not the device that is
        silent."""
        self._silent += 1
        if self._answers > part.answers:
            part.alone += 1
            if part.answered:
                self._counts(lost=1)
        part.answers = self._answers
        return part.alone >= self.needs(part)

    def needs(self, part: Part) -> int:
        """How often a read must not be answered before that means something."""
        if part.answered:
            return _NO_MORE
        if not self._lost:
            return _NEVER
        in_a_row = math.log(_CHANCE) / math.log((self._lost + 1) / (self._lost + self._came + 2))
        return min(max(math.ceil(in_a_row), _NEVER), _NO_MORE)

    def _counts(self, came: int = 0, lost: int = 0) -> None:
        if self._came + self._lost >= _REMEMBERED:
            self._came, self._lost = self._came / 2, self._lost / 2
        self._came += came
        self._lost += lost

    def in_turn(self, parts: Sequence[Part]) -> list[Part]:
        """What was left unanswered while others were answered goes last."""
        return sorted(parts, key=lambda p: p.alone >= _GOES_LAST) if len(parts) > 1 else list(parts)

    def instead(self, part: Part, others: Sequence[Part]) -> Part | None:
        """What to ask before the part, as it was in vain so often that it may be the question; None: the part itself.

        others: the parts that wait behind it.
        """
        patience = _NO_MORE if part.answered else _NEVER if self._answers else 2
        time = self._silent - patience + 1
        if time < 0 or time % 4 == 3:
            return None
        found = [*others, *(Part(r) for r in _singly(part.read))]
        return found[(time - time // 4) % len(found)] if found else None

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


def _singly(read: Read) -> list[Read]:
    """Each register of a read by itself; [] when it has but one. Those that forget what they told are left out."""
    places = sorted({w.at for w in read.wanted})
    runs = [[w for w in read.wanted if w.at == at] for at in places] if len(places) > 1 else []
    return [_read(read, r) for r in runs if not any(w.register.quantity.kind is QuantityKind.AMOUNT for w in r)]


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
