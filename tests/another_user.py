"""A Python that another user than root can run: its own library may lie where only root may look."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

NOBODY = 65534
ROOT = Path(__file__).parents[1]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def python() -> list[str]:
    """The command; skips the test where there is none."""
    ours = [sysconfig.get_path("purelib"), str(ROOT)]
    for found in (sys.executable, "/usr/bin/python3.11"):
        command = ["env", f"PYTHONPATH={':'.join(ours)}", found]
        tried = "import os; os.setgroups([]); os.setegid(65534); os.seteuid(65534); import uuid, numpy, host.tls"
        if Path(found).exists() and subprocess.run([*command, "-c", tried], capture_output=True).returncode == 0:
            return command
    pytest.skip("no Python 3.11 that other users than root can read")
