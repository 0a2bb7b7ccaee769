"""A district's own templates for what its warnings say, as they were read. Pure data.

They stand in `texts/zh.jinja` and `texts/en.jinja` of the district's folder; what may stand in them, and what is said
where they say nothing: `cloud.warnings.texts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TextFile:
    """file: where it was read, for mistakes. source: its template."""

    file: Path
    source: str
