"""The examples of docs/extending.md, section by section."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def blocks(section: str, language: str) -> list[str]:
    """The code of a section, in its order."""
    text = PAGE.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run(code: str, name: str) -> dict[str, Any]:
    """The names that it defines, as a module of that name would."""
    module: dict[str, Any] = {"__name__": name}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), module)
    return module
