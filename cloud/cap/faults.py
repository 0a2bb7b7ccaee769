"""What is wrong with a CAP message: element, what, and what to do. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """line: of the message's text, from 1; 0 for none. element: as a path from `alert`."""

    line: int
    element: str
    what: str
    mend: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.element}: {self.what}; {self.mend}"
