"""All conditions as bytes, and back: for a snapshot, which is written again and again. Pure.

Two parts. What seldom changes: which conditions there are, and by which thresholds they were judged (`judged`). And how
they stand (`pack`): every column, where nearly all rows are alike as that value and the rows that differ. Each begins
with a mark, the number of its form and a checksum (CRC-32) of the rest, which is compressed; numbers are little-endian.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.conditions.columns import DOUBTS, LEVELS, REASONS, STATES, State
from contract.conditions.latches import Conditions
from contract.conditions.stored import Stored, Thresholds, from_json, to_json
from contract.conditions.targets import ConditionKey, Target

_MARK: Final = b"HWC\x01"  # the last: the number of the form
_FINDINGS = ("time_ms", "found", "flag", "source")
_INDEX: Final = np.dtype("<u4")


class Unreadable(ValueError):
    """It is damaged, or of another release's form. The message says which."""


def judged(conditions: Conditions) -> bytes:
    """Which conditions there are, what each measures and by what it is judged: the same bytes for the same rules and
    catalogue."""
    keys, limits = conditions.keys, conditions.limits
    measured = [conditions.watched[key].quantity for key in keys]
    quantities = sorted(set(measured))
    number = {quantity: n for n, quantity in enumerate(quantities)}
    head = {
        "keys": [[key.target.text, key.rule] for key in keys],
        "words": _words(),
        "quantities": quantities,
    }
    by_row = np.array([number[quantity] for quantity in measured], np.uint8)
    return _sealed(head, [_row(limits.threshold), _row(limits.clear), by_row])


def checksum(part: bytes) -> int:
    """Of a part: by it `pack` names the rules that its rows were judged by."""
    return zlib.crc32(part)


def pack(state: State, more: Mapping[str, Any]) -> bytes:
    """How all conditions stand. more: whatever else goes with it, for JSON."""
    columns, arrays = [], []
    for name, column in _columns(state):
        fill, rows = _alike(column)
        columns.append([name, len(rows)])
        if len(rows) * (column.itemsize + _INDEX.itemsize) < column.nbytes:
            arrays += [fill, rows, column[rows]]
        else:
            columns[-1][1] = -1
            arrays.append(column)
    most = int(state.count.max(initial=0))
    used = np.arange(most)[:, None] < state.count
    for name in _FINDINGS:
        arrays.append(getattr(state, name)[:most][used])
    return _sealed({"more": dict(more), "columns": columns}, arrays)


def unpack(part: bytes, state: State) -> dict[str, Any]:
    """Put what `pack` gave into a state with the same conditions, and give what went with it. Raises Unreadable."""
    head, body = _opened(part)
    try:
        wanted = dict(_columns(state))
        if {name for name, _ in head["columns"]} != wanted.keys():
            raise Unreadable("its columns are those of another release")
        for name, differ in head["columns"]:
            column = wanted[name]
            if differ < 0:
                column[:] = body.take(column.dtype, len(column))
            else:
                column[:] = body.take(column.dtype, 1)
                rows = body.take(_INDEX, differ)
                column[rows] = body.take(column.dtype, differ)
        most = int(state.count.max(initial=0))
        used = np.arange(most)[:, None] < state.count
        for name in _FINDINGS:
            slots = getattr(state, name)
            slots[:most][used] = body.take(slots.dtype, int(used.sum()))
        body.end()
        more: dict[str, Any] = head["more"]
        return more
    except (LookupError, TypeError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(f"it makes no sense ({error})") from error


def stored(judged_part: bytes, part: bytes) -> tuple[list[Stored], dict[str, Any]]:
    """The conditions under the rules that judged them, one by one, for `reconciling.restore`, and what went with them.

    Raises Unreadable.
    """
    head, body = _opened(judged_part)
    try:
        if head["words"] != _words():
            raise Unreadable("its words are those of another release")
        keys = [ConditionKey(Target.parse(target), rule) for target, rule in head["keys"]]
        state = State(keys)
        shape = (len(LEVELS), len(keys))
        rows = np.dtype("<f8")
        at, clear = (body.take(rows, shape[0] * shape[1]).reshape(shape) for _ in range(2))
        quantities = head.get("quantities", [""])  # a release that did not say
        measured = body.take(np.dtype("u1"), len(keys) if "quantities" in head else 0).tolist() or [0] * len(keys)
        quantity = [quantities[n] for n in measured]
    except (LookupError, TypeError, ValueError, AssertionError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(f"it makes no sense ({error})") from error
    more = unpack(part, state)
    limits = Thresholds(at, clear)
    each = (from_json(to_json(state, limits, row)) for row in range(len(keys)))
    return [replace(s, quantity=of) for s, of in zip(each, quantity, strict=True)], more


def _words() -> list[list[str]]:
    """What the numbers in the columns mean."""
    return [[word.value for word in words] for words in (LEVELS, STATES, REASONS, DOUBTS)]


def _columns(state: State) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every column but those of findings; those of levels one behind another."""
    for name, column in vars(state).items():
        if isinstance(column, np.ndarray) and name not in _FINDINGS:
            yield name, _row(column)


def _row(column: NDArray[Any]) -> NDArray[Any]:
    return column.reshape(-1)


def _alike(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The value in the middle row, shape (1,), and the rows that have another."""
    fill = column[len(column) // 2 :][:1]
    as_bits = f"u{column.itemsize}"  # one NaN is like another
    return fill, np.flatnonzero(column.view(as_bits) != fill.view(as_bits)).astype(_INDEX)


def _sealed(head: Mapping[str, Any], arrays: list[NDArray[Any]]) -> bytes:
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    parts = [len(text).to_bytes(4, "little"), text]
    parts += [a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes() for a in arrays]
    body = zlib.compress(b"".join(parts), 1)
    return b"".join((_MARK, zlib.crc32(body).to_bytes(4, "little"), body))


def _opened(part: bytes) -> tuple[Any, _Bytes]:
    if part[: len(_MARK)] != _MARK:
        raise Unreadable("it is of another release's form" if part[:3] == _MARK[:3] else "it is none")
    packed = memoryview(part)[len(_MARK) + 4 :]
    if zlib.crc32(packed) != int.from_bytes(part[len(_MARK) : len(_MARK) + 4], "little"):
        raise Unreadable("its checksum does not fit")
    try:
        body = memoryview(zlib.decompress(packed))
        end = 4 + int.from_bytes(body[:4], "little")
        return json.loads(bytes(body[4:end])), _Bytes(body[end:])
    except (ValueError, zlib.error) as error:
        raise Unreadable(f"it makes no sense ({error})") from error


class _Bytes:
    """Arrays, one behind another."""

    def __init__(self, body: memoryview) -> None:
        self._body, self._at = body, 0

    def take(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """The next `count` numbers. Raises ValueError when there are fewer."""
        little = dtype.newbyteorder("<")
        found = np.frombuffer(self._body, little, count, self._at) if count else np.empty(0, little)
        self._at += found.nbytes
        return found.astype(dtype, copy=False)

    def end(self) -> None:
        if self._at != len(self._body):
            raise Unreadable("it is longer than it should be")
