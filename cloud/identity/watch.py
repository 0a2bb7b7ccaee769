"""Keeps a running cloud in step with the registry, and with its own certificate."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cloud.identity import client, store
from cloud.identity.registry import Registry
from cloud.identity.store import IdentityError
from host.tls import TlsFiles

log = logging.getLogger(__name__)

_DAY_MS, _WARN_DAYS = 86_400_000, 30


class IdentityWatch:
    """allow: takes the gateways that may speak. reconnect: called when the cloud's own certificate was replaced.

    A registry that cannot be read any more leaves the last one in force, and is said in `trouble`.
    """

    def __init__(
        self,
        folder: Path,
        refresh_s: float,
        now_ms: Callable[[], int],
        allow: Callable[[frozenset[str]], None],
        tls: TlsFiles | None = None,
        reconnect: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder, self._refresh_s, self._now_ms = folder, refresh_s, now_ms
        self._allow, self._tls, self._reconnect = allow, tls, reconnect
        self._registry = Registry()
        self._seen = (0, 0)
        self._own = tls.stamp() if tls is not None else ()
        self._trouble = ""
        self._warned_ms = -_DAY_MS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="identity", daemon=True)

    def start(self) -> None:
        """The set is in force on return. Raises IdentityError."""
        self.look()
        if self._trouble:
            raise IdentityError(self._trouble)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def trouble(self) -> str:
        return self._trouble

    def days_left(self) -> dict[str, float]:
        """See `Registry.ends_ms`; of the registry that is in force."""
        now_ms = self._now_ms()
        return {gateway: (ends_ms - now_ms) / _DAY_MS for gateway, ends_ms in self._registry.ends_ms().items()}

    def look(self) -> None:
        """Once; the thread does it every refresh_s."""
        try:
            found = (self._folder / store.FILE).stat()
            if (found.st_mtime_ns, found.st_ino) != self._seen:
                self._registry = store.read(self._folder)
                self._seen = (found.st_mtime_ns, found.st_ino)
            self._trouble = ""
        except (OSError, IdentityError) as error:
            self._trouble = f"identities cannot be read; the last known are in force: {error}"
            log.error(self._trouble)
        self._allow(self._registry.allowed(self._now_ms()))
        self._warn()
        if self._tls is not None and self._tls.stamp() != self._own:
            own = self._tls.stamp()
            if not client.trouble(self._tls):  # else half of it is written
                self._own = own
                log.info("the cloud's own certificate was replaced: connecting anew")
                self._reconnect()

    def _warn(self) -> None:
        """Once a day: whose identity ends soon, with none to follow."""
        now_ms = self._now_ms()
        if now_ms < self._warned_ms + _DAY_MS:
            return
        self._warned_ms = now_ms
        soon = self._registry.allowed(now_ms) - self._registry.allowed(now_ms + _WARN_DAYS * _DAY_MS)
        if soon:
            names = ", ".join(sorted(soon))
            log.warning("identities end within %d days: `headwater-cloud gateway renew`: %s", _WARN_DAYS, names)

    def _run(self) -> None:
        while not self._stop.wait(self._refresh_s):
            try:
                self.look()
            except Exception:
                log.exception("a defect while watching identities")
