"""When the others are told that a consumer takes nothing: it does not say so itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.delivery.notice import NoticeType


@dataclass(slots=True)
class Silence:
    """after_s: of trouble. told: the others know of it."""

    after_s: float
    told: bool = False

    def news(self, since_ms: int | None, now_ms: int) -> NoticeType | None:
        """What the others are to be told now. since_ms: since when it takes nothing; None: it does."""
        if since_ms is None:
            back, self.told = self.told, False
            return NoticeType.BACK if back else None
        if self.told or now_ms - since_ms < self.after_s * 1000:
            return None
        self.told = True
        return NoticeType.SILENT
