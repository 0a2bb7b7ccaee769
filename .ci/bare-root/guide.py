"""A guide as a list of steps: commands behind `$` in `console` blocks, and files.

A block whose first line is `# /path` is that file; `# more of /path` is put behind what stands there. What a block
tells below a command must be among what the command says, line by line; "..." stands for any lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Command:
    text: str
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    path: str
    content: str
    more: bool


def steps(page: Path) -> list[Command | Written]:
    """In the order of the page."""
    out: list[Command | Written] = []
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
        if kind == "console":
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("$ "):
                    out.append(Command(line[2:]))
                elif line != "...":
                    last = out[-1]
                    assert isinstance(last, Command), line
                    last.told.append(line)
        elif (named := re.match(r"# (more of )?(/\S+)\n", block)) is not None:
            content = block if named[1] is None else block[named.end() :]
            out.append(Written(named[2], content, named[1] is not None))
    return out
