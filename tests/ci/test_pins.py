"""What builds Headwater, and what it stands on, is pinned by name and version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


PINNED = {plain(name): version for name, version in PINS.items()}


def test_what_builds_it_is_pinned_as_everything_else_is():
    for text in PROJECT["build-system"]["requires"]:
        wanted = Requirement(text)
        assert str(wanted.specifier) == f"=={PINNED[plain(wanted.name)]}", text


def test_all_that_is_asked_for_is_pinned():
    extras = PROJECT["project"]["optional-dependencies"].values()
    for text in (*PROJECT["project"]["dependencies"], *(t for extra in extras for t in extra)):
        wanted = Requirement(text)
        if wanted.name != PROJECT["project"]["name"]:
            assert wanted.specifier.contains(PINNED[plain(wanted.name)], prereleases=True), text
