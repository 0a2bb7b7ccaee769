"""A configuration file as it was parsed: its plain data, the line of everything in it, and what is wrong with it.

Reading the file is the host's (`host.yaml_config`); checking it against a model is done here, without I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contract.settings_model import Check, TooManyMistakes

# A line; or, of what holds others, its line and theirs.
Lines = int | tuple[int, "dict[str | int, Lines] | list[Lines]"]
M = TypeVar("M", bound=BaseModel)
_MAX_SAID = 200  # mistakes listed one by one
_PLAINLY = {
    "extra_forbidden": "there is no such setting here: mend its name, or take it out",
    "tuple_type": "this is a list: write its entries in brackets, [ ], or each behind a dash",
    "model_type": "here stand settings, each with its name: name: value",
    "dict_type": "here stand settings, each with its name: name: value",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend in a configuration file; line counts from 1."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


class ConfigError(ValueError):
    """A configuration that must not start; `mistakes` lists everything wrong with it at once."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes), key=lambda m: (str(m.file), m.line, m.what))
        super().__init__("\n".join(str(m) for m in self.mistakes))

    def report(self) -> str:
        """For who gave a command: every mistake, a line each, and that nothing was done."""
        return f"{self}\n{len(self.mistakes)} to mend; nothing was started"


@dataclass(slots=True)
class Document:
    """A parsed file: plain `data`, the line of every key and item, and the bytes that it was parsed from."""

    file: Path
    data: Any
    lines: Lines = 1
    mistakes: list[Mistake] = field(default_factory=list)
    content: bytes = b""

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`, or of the nearest thing around it."""
        at = self.lines
        for step in path:
            if isinstance(at, int):
                break
            inside = at[1]
            if isinstance(inside, dict):
                if step not in inside:
                    break
                at = inside[step]
            elif isinstance(step, int) and 0 <= step < len(inside):
                at = inside[step]
            else:
                break
        return at if isinstance(at, int) else at[0]

    def mistake(self, path: Sequence[str | int], what: str) -> Mistake:
        return Mistake(self.file, self.line(path), what)


def validate(document: Document, model: type[M], choices: Mapping[str, type[BaseModel]] | None = None) -> M | None:
    """The document as `model`, or None with its mistakes noted. choices: see `contract.settings_model.Check`."""
    if document.mistakes:
        return None
    try:
        return model.model_validate(document.data, context=Check(_MAX_SAID, choices or {}))
    except TooManyMistakes:
        document.mistakes.append(document.mistake((), f"hundreds of settings are wrong: is this a {model.__name__}?"))
        return None
    except ValidationError as error:
        if error.error_count() > _MAX_SAID:  # to list them all would take more memory than the file
            what = f"{error.error_count()} settings are wrong: is this a {model.__name__}?"
            document.mistakes.append(document.mistake((), what))
            return None
        for loc, what in _said_once(error.errors(include_url=False, include_context=False, include_input=False)):
            where = ".".join(str(x)[:64] for x in loc)
            document.mistakes.append(document.mistake(loc, f"{where}: {what}" if where else what))
        return None


def _said_once(errors: Sequence[ErrorDetails]) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Places and words of what is wrong, without what only follows from something else that is said.

    A setting that is missing beside an unknown one of nearly its name is that one; of the entries of a list that are
    wrong as they stand the first is said; a list is not too short because of them.
    """
    missing: dict[tuple[int | str, ...], list[str]] = {}
    for e in errors:
        if e["type"] == "missing":
            missing.setdefault(e["loc"][:-1], []).append(str(e["loc"][-1]))
    meant: dict[tuple[int | str, ...], str] = {}
    for e in errors:
        if e["type"] == "extra_forbidden":
            near = get_close_matches(str(e["loc"][-1])[:64], missing.get(e["loc"][:-1], ()), n=1)
            meant.update((e["loc"], name) for name in near)
    explained = {(*loc[:-1], name) for loc, name in meant.items()}
    lists: set[tuple[int | str, ...]] = set()
    for e in errors:
        loc = e["loc"]
        if e["type"] == "missing" and loc in explained:
            continue
        if e["type"] == "too_short" and any(o["loc"][: len(loc)] == loc and o["loc"] != loc for o in errors):
            continue  # too short only without the entries that are wrong
        if loc and isinstance(loc[-1], int):
            if loc[:-1] in lists:
                continue
            lists.add(loc[:-1])
        if loc in meant:
            yield loc, f"there is no such setting here, did you mean {meant[loc]!r}?"
        else:
            yield loc, _PLAINLY.get(e["type"], e["msg"])
