#!/usr/bin/env python3
"""`make man`: a manual page for each program, out of what its own --help says. Into docs/man, or the folder given.

One page a program, with its commands one behind another: an operator searches one page. No date and no version, so that
a page changes when a command does; tests/ci/test_man.py holds them together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "headwater-cloud": ("cloud.cli.main", "receives, keeps, warns, answers: the cloud of Headwater"),
    "headwater-edge": ("edge_agent.cli.main", "reads sensors and keeps what they say: the agent of Headwater"),
    "headwater-sim": ("simulators.cli.main", "a district that floods, on one machine, for Headwater"),
}


def page(name: str) -> str:
    """In roff, for the macros of man(7)."""
    module, what = PROGRAMS[name]
    command = typer.main.get_command(import_module(module).app)
    context = command.make_context(name, [], resilient_parsing=True)
    lines = [f'.TH {_roff(name.upper())} 1 "" "Headwater" "Headwater"', ".SH NAME", f"{_roff(name)} \\- {_roff(what)}"]
    lines += [".SH SYNOPSIS", f".B {_roff(name)}", "[OPTIONS] COMMAND [ARGS]..."]
    lines += [".SH DESCRIPTION", *_prose(command.help or what)]
    lines += [".SH OPTIONS", *_parameters(command, context), ".SH COMMANDS"]
    for path, sub, own in _commands(command, context):
        pieces = [x.upper() for x in sub.collect_usage_pieces(own)]
        lines += [f".SS {_roff(path)}", f".B {_roff(name)} {_roff(path)}", _roff(" ".join(pieces)), ".PP"]
        lines += [*_prose(sub.help or ""), *_parameters(sub, own)]
    others = [f".BR {_roff(x)} (1)" for x in PROGRAMS if x != name]
    lines += [
        ".SH EXIT STATUS",
        "0: done. 1: looked at, and not as it should be. 2: refused, with what to do about it.",
    ]
    lines += [".SH SEE ALSO", *others]
    return "\n".join(lines) + "\n"


def _commands(group: Any, context: Any, before: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Those that do something, by their words behind the program's name."""
    for word in sorted(group.list_commands(context)):
        sub = group.get_command(context, word)
        if sub.hidden:
            continue
        own = sub.make_context(word, [], parent=context, resilient_parsing=True)
        path = f"{before} {word}".strip()
        if hasattr(sub, "list_commands"):
            yield from _commands(sub, own, path)
        else:
            yield path, sub, own


def _parameters(command: Any, context: Any) -> list[str]:
    lines: list[str] = []
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None and parameter.name != "help":
            names, said = record
            lines += [".TP", f".B {_roff(names)}", _roff(" ".join(said.split())) or "\\&"]
    return lines


def _prose(text: str) -> list[str]:
    """Paragraphs; one that begins with \\b keeps its lines."""
    lines: list[str] = []
    for n, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if n:
            lines.append(".PP")
        kept = paragraph.startswith("\b")
        rows = [x.strip() for x in paragraph.replace("\b", "").splitlines() if x.strip()]
        lines += [".nf", *map(_roff, rows), ".fi"] if kept else [_roff(" ".join(rows))]
    return [x for x in lines if x]


def _roff(text: str) -> str:
    """As it is shown, whatever stands in it."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def main(folder: Path) -> None:
    """Writes every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        (folder / f"{name}.1").write_text(page(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "man")
