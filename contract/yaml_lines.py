"""YAML that remembers where everything stood, so that every mistake can name its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import SafeConstructor

Path_ = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTRUCTOR = SafeConstructor()


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


@dataclass(slots=True)
class Document:
    """A parsed file: plain `data`, and the line of every key and item."""

    file: Path
    data: Any
    lines: dict[Path_, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`, or of the nearest thing around it."""
        p = tuple(path)
        while p not in self.lines and p:
            p = p[:-1]
        return self.lines.get(p, 1)

    def mistake(self, path: Sequence[str | int], what: str) -> Mistake:
        return Mistake(self.file, self.line(path), what)


def read_yaml(file: Path) -> Document:
    """Parse one file. Unreadable or ill-formed files and repeated keys become mistakes, not exceptions."""
    document = Document(file, {})
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError) as error:
        document.mistakes.append(Mistake(file, 1, f"cannot be read: {error}"))
        return document
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        document.mistakes.append(Mistake(file, mark.line + 1 if mark else 1, problem))
        return document
    if node is not None:
        document.data = _build(node, (), document)
    return document


def validate(document: Document, model: type[M]) -> M | None:
    """The document as `model`, or None with its mistakes noted."""
    if document.mistakes:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        for e in error.errors():
            loc = tuple(e["loc"])
            where = ".".join(str(x) for x in loc)
            document.mistakes.append(document.mistake(loc, f"{where}: {e['msg']}" if where else e["msg"]))
        return None


def _build(node: yaml.Node, path: Path_, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        out: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _CONSTRUCTOR.construct_object(key_node)
            if not isinstance(key, str | int):
                document.mistakes.append(Mistake(document.file, line, f"key {key!r} must be a word"))
                continue
            if key in out:
                document.mistakes.append(Mistake(document.file, line, f"{key!r} is given twice"))
            document.lines[(*path, key)] = line
            out[key] = _build(value_node, (*path, key), document)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, i), document) for i, item in enumerate(node.value)]
    return _CONSTRUCTOR.construct_object(node, deep=True)
