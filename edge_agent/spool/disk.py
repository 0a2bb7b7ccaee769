"""What a sender does when its spool cannot be written or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.spool.file import SpoolCorrupt, SpoolFull

if TYPE_CHECKING:
    from edge_agent.uplink.session import Session


class Disk:
    """Errors of the spool are told, not thrown: a full disk is said, a damaged file set aside."""

    def __init__(self, sender: Session, now_ms: int | None) -> None:
        self._sender, self._now_ms = sender, now_ms

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, SpoolCorrupt):
            self._sender.disk_trouble = f"{error}: set aside, a new spool begins"
            try:
                self._sender.renew(self._now_ms)
            except (SpoolFull, SpoolCorrupt, OSError) as worse:
                self._sender.disk_trouble = str(worse)
            return True
        if isinstance(error, SpoolFull):
            self._sender.disk_trouble = str(error)
            return True
        return False
