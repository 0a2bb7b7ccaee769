"""Names that people read: one text, or the same name in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, InstanceOf, WithJsonSchema

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
LONGEST = 200


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
    def of(cls, given: str | Mapping[Language, str]) -> NameText:
        """given: a plain name, or one a language. Raises ValueError on anything else, an empty or an overlong name."""
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
        if max(map(len, (plain, *languages.values()))) > LONGEST:
            raise ValueError(f"a name has at most {LONGEST} characters")
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


# The type of a field that holds a name.
Name = Annotated[
    InstanceOf[NameText],
    BeforeValidator(NameText.of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": LONGEST},
                {
                    "type": "object",
                    "properties": {k: {"type": "string", "minLength": 1, "maxLength": LONGEST} for k in LANGUAGES},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    ),
]
