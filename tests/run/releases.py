"""Agent and cloud as another commit had them, out of the clone's history, in the Python of these tests.

What a commit required and nobody requires any more is installed beside, at the version that the commit pins.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_END_S = 20


@dataclass(frozen=True)
class Release:
    """tree: the sources of one commit. beside: folders with packages that it needs, and that these tests lack."""

    tree: Path
    beside: tuple[Path, ...] = ()

    def sources_of(self, package: str) -> Path:
        """Where its processes find one of our packages."""
        look = f"import {package}; print({package}.__file__)"
        found = subprocess.run(
            [sys.executable, "-c", look], env=self._environment(), cwd="/", capture_output=True, text=True, check=True
        )
        return Path(found.stdout.strip())

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (self.tree, *self.beside)))}

    def _command(self, program: str, words: Sequence[str | Path]) -> list[str]:
        scripts = tomllib.loads((self.tree / "pyproject.toml").read_text())["project"]["scripts"]
        module, _, function = scripts[program].partition(":")
        start = f"import sys; sys.argv[0] = {program!r}; from {module} import {function}; {function}()"
        return [sys.executable, "-c", start, *map(str, words)]

    @contextmanager
    def running(self, program: str, *words: str | Path, log: Path) -> Iterator[subprocess.Popen[str]]:
        """program: headwater-edge or headwater-cloud. Until the end of the block; then it may hand on what it has."""
        with log.open("ab") as errors:
            process = subprocess.Popen(
                self._command(program, words),
                env=self._environment(),
                cwd=log.parent,  # not the root of this tree: Python would look for modules there first
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            yield process
        finally:
            self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """An older agent may not heed that it is to end: that of cbf9ad8 does not, when it is told so within a read."""
        process.terminate()
        try:
            process.communicate(timeout=_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            if self.tree == _ROOT:
                raise


def of_today() -> Release:
    return Release(_ROOT)


def of_commit(commit: str, folder: Path, *gone: str) -> Release:
    """folder: an empty one. gone: packages that it needs, by name."""
    archive = subprocess.run(["git", "archive", commit], cwd=_ROOT, capture_output=True)
    if archive.returncode:
        message = f"no commit {commit} in this clone (a shallow one?): git fetch --unshallow"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder / "tree", filter="data")
    tree, beside = folder / "tree", folder / "beside"
    named = ["--no-deps", "--constraint", str(tree / "constraints.txt"), "--target", str(beside), *gone]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, *named], check=True)
    return Release(tree, (beside,))
