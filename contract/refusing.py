"""How a model of a configuration file refuses a setting: in a sentence of its own, at the setting's place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[int | str, ...]
_LONGEST_WORD = 64


def no_such(kind: str, word: object, known: Iterable[str]) -> str:
    """A sentence for a word that names nothing: what there is, and what was perhaps meant.

    >>> no_such("protocol", "modbuss", ["modbus", "node"])
    "no protocol 'modbuss', did you mean 'modbus'? There are 'modbus', 'node'"
    """
    names = list(known)
    text = str(word)[:_LONGEST_WORD]
    near = get_close_matches(text.lower(), names, n=1)
    meant = f", did you mean {near[0]!r}? There are " if near else "; there are "
    return f"no {kind} {text!r}{meant}" + ", ".join(repr(n) for n in names)


def refusal(what: str) -> PydanticCustomError:
    """To raise where one setting is checked: `what` alone is said, without words of the library's."""
    return PydanticCustomError("refused", "{what}", {"what": what})


def refusals(model: str, found: Sequence[tuple[Place, str]]) -> ValidationError:
    """To raise where a model is checked as a whole. model: its name. found: places within it, and what is wrong."""
    errors = [InitErrorDetails(type=refusal(what), loc=place, input=None) for place, what in found]
    return ValidationError.from_exception_data(model, errors)
