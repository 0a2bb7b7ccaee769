"""README, SECURITY and docs name only commands, options, targets and files that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks.__main__ import NAMES
from cloud.cli.main import app as cloud
from edge_agent.cli import app as edge
from simulators.cli.main import app as sim

REPO = Path(__file__).parents[2]
PAGES = [REPO / "README.md", REPO / "SECURITY.md", *sorted((REPO / "docs").rglob("*.md"))]
MAY_BE_ABSENT = {".ci/audit-waived.txt"}  # made by who needs it
APPS = {"headwater-cloud": cloud, "headwater-edge": edge, "headwater-sim": sim}
each = pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(REPO)) for p in PAGES])


def code(page: Path) -> Iterator[str]:
    """What stands in backquotes, in fences and in indented lines; comments and line ends joined by a backslash gone."""
    text = page.read_text().replace("\\\n", " ")
    yield from (" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text))
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield re.sub(r"\s#.*", "", line).strip()


def words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # prose or a fragment
        return line.split()


@cache
def tree(name: str) -> Any:
    return get_command(APPS[name])


def mistakes_of_command(name: str, arguments: list[str]) -> list[str]:
    at, said = tree(name), name
    while arguments and hasattr(at, "commands") and not arguments[0].startswith("-"):
        if arguments[0] not in at.commands:
            return [f"{said} has no command {arguments[0]}"]
        at, said = at.commands[arguments[0]], f"{said} {arguments[0]}"
        arguments = arguments[1:]
    known = {option for p in at.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
    given = [a.partition("=")[0] for a in arguments if a.startswith("--")]
    return [f"{said} has no option {option}" for option in given if option not in known]


@each
def test_commands_and_options_exist(page: Path) -> None:
    found: list[str] = []
    for line in code(page):
        parts = words(line)
        for i, word in enumerate(parts):
            name = word.rpartition("/")[2]
            if name in APPS and (i == 0 or parts[i - 1] in ("sudo", "&&")):
                found += mistakes_of_command(name, parts[i + 1 :])
    assert not found


def test_what_does_not_exist_is_found() -> None:
    assert mistakes_of_command("headwater-cloud", ["view", "paint"]) == ["headwater-cloud view has no command paint"]
    given = ["key", "create", "x", "--scope", "read", "--colour=red"]
    assert mistakes_of_command("headwater-cloud", given) == ["headwater-cloud key create has no option --colour"]
    assert sum(line.startswith("headwater-") for line in code(REPO / "README.md")) > 10


@each
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(), re.M))
    for line in code(page):
        if line.startswith("make "):
            parts = words(line)
            assert parts[1] in targets, line
            if parts[1] == "bench":
                named = [name for p in parts if p.startswith("ARGS=") for name in p.removeprefix("ARGS=").split()]
                assert set(named) <= set(NAMES), line


@each
def test_files_exist(page: Path) -> None:
    """Paths below our own folders, and what links point at."""
    ours = {p.name for p in REPO.iterdir() if p.is_dir()} - {"demo-out"}
    absent: list[str] = []
    for line in code(page):
        for word in words(line):
            path = word.partition("::")[0].rstrip(",.;:")
            below = path.partition("/")[0] in ours and "/" in path and not set(path) & set("*<>{}…$")
            if below and path not in MAY_BE_ABSENT and not any((base / path).exists() for base in (REPO, page.parent)):
                absent.append(word)
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    absent += [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not absent


def test_every_decision_is_listed_once() -> None:
    folder = REPO / "docs" / "decisions"
    listed = re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(p.name for p in folder.glob("*.md") if p.name != "README.md")
