"""The Python scripts of .ci/ as modules, those without .py at the end of their names, too."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location, spec_from_loader
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


def loaded(name: str) -> Any:
    """A script that is named with .py; it is not run."""
    spec = spec_from_file_location(f"ci_{name}", CI / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
