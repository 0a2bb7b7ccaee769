"""The manual pages say what the programs' --help says, and are good roff."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ci.scripts import loaded

PAGES = Path(__file__).parents[2] / "docs" / "man"
man = loaded("man")


@pytest.mark.parametrize("name", man.PROGRAMS)
def test_a_page_is_what_the_program_says(name: str) -> None:
    assert (PAGES / f"{name}.1").read_text() == man.page(name), "make man"


def test_there_is_a_page_for_each_program_and_no_other() -> None:
    assert {path.stem for path in PAGES.iterdir()} == set(man.PROGRAMS)


@pytest.mark.parametrize("name", man.PROGRAMS)
def test_it_is_shown_as_it_is_meant(name: str) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    run = ["groff", "-man", "-ww", "-Kutf8", "-Tutf8", "-P-c", PAGES / f"{name}.1"]
    shown = subprocess.run(run, capture_output=True, check=True, text=True)
    assert shown.stderr == ""
    text = subprocess.run(["col", "-b"], input=shown.stdout, capture_output=True, check=True, text=True).stdout
    wanted = {
        "headwater-cloud": "--key-file <path>",
        "headwater-edge": "read [OPTIONS]",
        "headwater-sim": "demo [OPTIONS]",
    }
    assert wanted[name] in text


def test_what_roff_would_take_as_its_own_is_shown() -> None:
    assert man._roff(r".x \n -y") == r"\&.x \en \-y"
    assert man._prose("One\nline.\n\n\b\nkept\nas it is") == ["One line.", ".PP", ".nf", "kept", "as it is", ".fi"]
