"""What the agent becomes does not depend on the folder in which the command is given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent import process


def test_nothing_is_imported_from_the_folder_in_which_root_gives_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('run as root')")
    become: list[list[str]] = []
    config: Any = SimpleNamespace(data_dir=tmp_path / "data")
    monkeypatch.setattr(process, "_own_part", lambda _config: None)
    monkeypatch.setattr(os, "execv", lambda _program, words: become.append(words))
    process.hand_over(config, tmp_path / "agent.yaml")
    (words,) = become
    os.close(int(words[words.index("edge_agent.process") + 1]))
    interpreter = words[: words.index("-m")]
    done = subprocess.run([*interpreter, "-c", "import planted"], cwd=tmp_path, capture_output=True, text=True)
    assert "No module named 'planted'" in done.stderr
