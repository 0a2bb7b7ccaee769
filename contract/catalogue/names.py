"""Names and sentences that people read: one text, or the same in Chinese and English."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, InstanceOf, WithJsonSchema

from contract.refusing import refusal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
LONGEST = 200
# No XML can carry these, screens and pagers act on them instead of showing them, or they turn text around: control
# characters, halves of characters, what is none, and marks of direction.
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unfit(text: str, allowed: str = "") -> str | None:
    """The first character of a text that no message can carry, by its code; None when there is none.

    >>> unfit("Sha\x07kou")
    'U+0007'
    """
    for c in text:
        unfit_kind = unicodedata.category(c) in _UNFIT or c in _DIRECTION or (ord(c) & 0xFFFE) == 0xFFFE
        if unfit_kind and c not in allowed:
            return f"U+{ord(c):04X}"
    return None


class NameText(str):
    """A name. As text it is the plain name, else the English one, else the Chinese: whoever knows nothing of languages
    uses it as it is.

    languages: what is known of it by language; empty for a plain name.

    >>> tunnel = NameText.of({"zh": "京广隧道", "en": "Jingguang Tunnel"})
    >>> f"{tunnel}", tunnel.into("zh"), NameText.of("Shakou").into("zh")
    ('Jingguang Tunnel', '京广隧道', 'Shakou')
    """

    languages: Mapping[Language, str]

    @classmethod
    def of(cls, given: str | Mapping[Language, str], longest: int = LONGEST, allowed: str = "") -> NameText:
        """given: a plain name, or one a language. longest: in characters. allowed: control characters that may stand.

        Raises ValueError on anything else, an empty or an overlong name, or one that no message can carry.
        """
        if isinstance(given, NameText):
            return given
        if isinstance(given, str):
            languages: dict[Language, str] = {}
            plain = given
        elif (
            isinstance(given, Mapping)
            and given
            and all(k in LANGUAGES and isinstance(v, str) for k, v in given.items())
        ):
            languages = {k: given[k] for k in LANGUAGES if k in given}
            plain = languages.get("en") or languages.get("zh", "")
        else:
            raise ValueError("a name is a text, or {zh: …, en: …}")
        if any(not text.strip() for text in languages.values()):
            raise ValueError("a name in a language is not empty: leave the language out")
        for text in (plain, *languages.values()):
            if len(text) > longest:
                raise refusal(f"{len(text)} characters: at most {longest} may stand here")
            found = unfit(text, allowed)
            if found is not None:
                what = f"it holds the control character {found}, which no message can carry: take it out"
                raise refusal(what)
        name = cls(plain)
        name.languages = languages
        return name

    def into(self, language: Language) -> str:
        """The name in a language; the one that is known when that is not."""
        return self.languages.get(language, str(self))


def _is_by_language(given: object) -> bool:
    if not isinstance(given, Mapping) or not given:
        return False
    return all(k in LANGUAGES and isinstance(v, str) for k, v in given.items())


def _schema(longest: int, least: int = 0) -> WithJsonSchema:
    in_a_language = {"type": "string", "minLength": 1, "maxLength": longest}
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": longest} | ({"minLength": least} if least else {}),
                {
                    "type": "object",
                    "properties": dict.fromkeys(LANGUAGES, in_a_language),
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    )


def _says_something(name: NameText) -> NameText:
    if not name.strip():
        raise refusal("a name is not empty: messages say where it is by it")
    return name


# The type of a field that holds a name.
Name = Annotated[
    InstanceOf[NameText], BeforeValidator(NameText.of), AfterValidator(_says_something), _schema(LONGEST, 1)
]
# What a message says in a line; and in sentences, which may be written over several lines.
LONGEST_LINE, LONGEST_TEXT = 120, 1000
Line = Annotated[
    InstanceOf[NameText], BeforeValidator(partial(NameText.of, longest=LONGEST_LINE)), _schema(LONGEST_LINE)
]
Sentences = Annotated[
    InstanceOf[NameText],
    BeforeValidator(partial(NameText.of, longest=LONGEST_TEXT, allowed="\n")),
    _schema(LONGEST_TEXT),
]
