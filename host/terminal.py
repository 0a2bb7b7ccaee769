"""What is said at a terminal and in a log, made harmless: names and texts come from gateways, devices, callers and from
files that others wrote, and a terminal acts on control characters instead of showing them.
"""

from __future__ import annotations

import json
import sys

from contract.catalogue.names import unfit


class _Shown(dict[int, int | str]):
    """For `str.translate`: each character as it is, or as JSON writes it, so that JSON stays JSON; found once each."""

    def __missing__(self, code: int) -> int | str:
        character = chr(code)
        self[code] = found = code if unfit(character) is None else json.dumps(character)[1:-1]
        return found


_LINE = _Shown()
_LINES = _Shown({ord("\n"): "\n", ord("\t"): "\t"})


def shown(text: str, lines: bool = True) -> str:
    r"""A text with what acts on a terminal, or turns text around, written out. lines: whether it may have several;
    where not, whoever wrote it cannot begin another line of a log.

    >>> print(shown("gw-1\x1b[2J", lines=False))
    gw-1\u001b[2J
    """
    return text if text.isprintable() else text.translate(_LINES if lines else _LINE)


def say(text: str = "", err: bool = False) -> None:
    """A line, or several, to standard output or standard error, at once."""
    stream = sys.stderr if err else sys.stdout
    stream.write(shown(text) + "\n")
    stream.flush()
