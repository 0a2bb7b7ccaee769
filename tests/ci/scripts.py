"""The Python scripts of .ci/, which have no .py at the end of their names, as modules."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

CI = Path(__file__).parents[2] / ".ci"


def script(name: str) -> Any:
    """The script as a module; it is not run."""
    loader = SourceFileLoader(name, str(CI / name))
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
