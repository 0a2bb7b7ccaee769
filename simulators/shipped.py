"""The district that comes with Headwater: in a clone in `configs/`, in an installed wheel in `share/headwater/`."""

from __future__ import annotations

import sys
from pathlib import Path

_IN_CLONE = Path(__file__).parents[1] / "configs"
CONFIGS = _IN_CLONE if _IN_CLONE.is_dir() else Path(sys.prefix) / "share" / "headwater" / "configs"
DISTRICT = CONFIGS / "districts" / "jinshui"
