"""What messages say, from templates (jinja2) in Chinese and English that a district may change part by part. Pure.

A template is a file of macros without arguments, one a part of a message; `PARTS` names them, with the longest each may
be. Those of a blind notice begin with `blind_`, so that what a district says of water is not said of silence; only
`sender` is the same. A district's own file, `texts/zh.jinja` or `texts/en.jinja` of its folder, holds those that it
changes; the others are ours, `templates/` beside this file. docs/texts.md lists the variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import DictLoader, Environment, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cloud.warnings.values import clip
from contract.catalogue.names import LANGUAGES, Language, unfit
from contract.catalogue.texts import TextFile
from contract.documents import Mistake

# Part -> its longest in Chinese and English, in characters. 160: CAP 1.2, 3.2.2 headline; one SMS holds 70 characters
# in Chinese and 160 in English.
PARTS: Mapping[str, tuple[int, int]] = {
    "sender": (100, 100),
    "event": (60, 60),
    "headline": (160, 160),
    "description": (2000, 2000),
    "instruction": (1500, 1500),
    "sign": (40, 40),
    "sms": (70, 160),
}
_GSM = re.compile(r"[ -~\n]*")  # what one SMS of 160 may hold; anything else makes it one of 70
_MARKS = ";,.:)"  # no blank stands before them


class Words(NamedTuple):
    """The parts of one message in one language."""

    sender: str
    event: str
    headline: str
    description: str
    instruction: str
    sign: str
    sms: str


class _Fit(dict[int, int | None]):
    """For `str.translate`: each character as it is, or nothing for one that no message can carry; found once each."""

    def __missing__(self, code: int) -> int | None:
        self[code] = fit = None if unfit(chr(code)) else code
        return fit


_FIT = _Fit()


def carried(text: str) -> str:
    """A text without what no message can carry."""
    return text if text.isprintable() else text.translate(_FIT)  # nothing that prints is unfit


class _Sandbox(ImmutableSandboxedEnvironment):
    """That the texts of our own shapes may be read need not be found out at each."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return (type(value) is str and attr[:1] != "_") or super().is_safe_attribute(obj, attr, value)


class _OfMacros(Context):
    """Ours call nothing but their own macros, with all that they take: what else may be called, and what is left out,
    need not be found out."""

    def call(self, macro: Callable[..., Any], /, *given: Any, **_loop: Any) -> Any:
        return _plain(macro)(*given)


class _OfShapes(Environment):
    """Ours ask for nothing but what our own shapes have: Python's own `getattr` finds it."""

    getattr = staticmethod(getattr)  # type: ignore[assignment]


def _plain(macro: Any) -> Callable[..., str]:
    """The function that a macro without defaults and keywords is made of."""
    found: Callable[..., str] = getattr(macro, "_func", macro)
    return found


class TemplateFault(ValueError):
    """A template that cannot be used. line: in its file, from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class Texts:
    """The templates of one language. own: the district's, where it has some. Raises TemplateFault.

    Ours are macros and nothing else, so that their module is made once, and reads what is said from a dictionary of its
    own; a district's may reckon outside its macros, and is made anew for each message.
    """

    def __init__(self, language: Language, own: TextFile | None = None) -> None:
        self.language = language
        self._most = {part: most[LANGUAGES.index(language)] for part, most in PARTS.items()}
        self._said: dict[str, Any] = {}
        ours = _ours(language).make_module(self._said, shared=True)
        # Of a warning, and of a blind notice: each part, the name of its macro, and ours.
        self._parts = [
            [(part, name, _plain(getattr(ours, name))) for part in PARTS for name in [macro_name(part, blind)]]
            for blind in (False, True)
        ]
        try:
            self._own: Template | None = None if own is None else _of_a_district(language, own.source)
        except TemplateSyntaxError as error:
            raise TemplateFault(error.lineno, error.message or "no template") from error

    @property
    def has_own(self) -> bool:
        """Whether the district changes any of them."""
        return self._own is not None

    def words(self, said: Mapping[str, Any]) -> Words:
        """What the templates make of these variables, each part clipped to its longest. Raises TemplateFault."""
        return Words(*[clip(text, self._longest(part, text)) for part, text in self._rendered(said).items()])

    def overlong(self, said: Mapping[str, Any]) -> str | None:
        """Which part comes out longer than it may be, in words; None when none does. Raises TemplateFault."""
        for part, text in self._rendered(said).items():
            most = self._longest(part, text)
            if len(text) > most:
                macro = macro_name(part, bool(said.get("blind")))
                return f"{macro} comes out with {len(text)} characters, at most {most} may stand there: {text[:200]!r}"
        return None

    def _longest(self, part: str, text: str) -> int:
        if part == "sms" and self.language == "en" and not _GSM.fullmatch(text):
            return PARTS[part][0]
        return self._most[part]

    def _rendered(self, said: Mapping[str, Any]) -> dict[str, str]:
        self._said.clear()
        self._said.update(said)
        try:
            own = None if self._own is None else self._own.make_module(dict(said))
            out = {}
            for part, name, ours in self._parts[bool(said.get("blind"))]:
                macro = None if own is None else getattr(own, name, None)
                out[part] = self._tidy(str(macro()) if callable(macro) else ours())
            return out
        except Exception as error:  # whatever a template may do wrong
            raise TemplateFault(_line(error), _what(error)) from error

    def _tidy(self, text: str) -> str:
        """One line, as the language sets its blanks, of what messages can carry."""
        if self.language == "zh":
            text = "".join([line.strip() for line in text.split("\n")])
        else:
            text = " ".join(text.split())
            for mark in _MARKS:
                text = text.replace(f" {mark}", mark)
        return carried(text)


@lru_cache
def _ours(language: Language) -> Template:
    """Kept: compiling takes 70 ms."""
    environment = _environment(_OfShapes, language, _source(language))
    environment.context_class = _OfMacros
    return environment.get_template("ours")


@lru_cache(maxsize=16)
def _of_a_district(language: Language, source: str) -> Template:
    """Kept: compiling takes 70 ms. Raises TemplateSyntaxError."""
    return _environment(_Sandbox, language, _source(language), source).get_template("own")


def _source(language: Language) -> str:
    return (files("cloud.warnings") / "templates" / f"{language}.jinja").read_text("utf-8")


def _environment(kind: type[Environment], language: Language, ours: str, own: str = "") -> Environment:
    environment = kind(
        loader=DictLoader({"ours": ours, "own": own}),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    ellipsis = "…" if language == "zh" else "..."
    environment.filters["clip"] = lambda text, most: clip(str(text), most, ellipsis)
    return environment


def macro_name(part: str, blind: bool) -> str:
    """Of a part of a message: of a warning, or of a blind notice."""
    return f"blind_{part}" if blind and part != "sender" else part


def _line(error: BaseException) -> int:
    """Where in the district's template it went wrong, from the innermost of its frames."""
    line, at = 1, error.__traceback__
    while at is not None:
        template = at.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template) and template.name == "own":
            line = template.get_corresponding_lineno(at.tb_lineno)
        at = at.tb_next
    return line


def _what(error: BaseException) -> str:
    if isinstance(error, TemplateError):
        return error.message or type(error).__name__
    return f"{type(error).__name__}: {error}"


def language_of(tag: str) -> Language | None:
    """Whose templates a language tag takes: its first part; None when there are none."""
    first = tag.split("-", maxsplit=1)[0].lower()
    return next((language for language in LANGUAGES if language == first), None)


def mistakes(own: Mapping[Language, TextFile], cases: Mapping[Language, Sequence[Mapping[str, Any]]]) -> list[Mistake]:
    """What is wrong with a district's templates: every case must come out, within its lengths."""
    out = []
    for language, file in own.items():
        try:
            texts = Texts(language, file)
            for said in cases.get(language, ()):
                what = texts.overlong(said)
                if what is not None:
                    raise TemplateFault(_macro_line(file.source, what.split()[0]), what)
        except TemplateFault as fault:
            out.append(Mistake(file.file, fault.line, str(fault)))
    return out


def _macro_line(source: str, part: str) -> int:
    found = re.search(rf"{{%-?\s*macro\s+{part}\b", source)
    return 1 if found is None else source.count("\n", 0, found.start()) + 1
