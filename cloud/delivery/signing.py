"""Keys that messages are signed with (Standard Webhooks 1.0.0, standardwebhooks.com)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks.webhooks import Webhook

from host.secret_files import secret_trouble

MAKE_A_KEY = '`echo "whsec_$(openssl rand -base64 24)"`'

_LEAST_DIFFERENT = 8  # bytes of a key; of 24 random ones there are fewer once in 10^20


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The newest first; several while keys are changed."""

    keys: tuple[Webhook, ...]

    @classmethod
    def read(cls, files: Sequence[Path]) -> Keys:
        """One a file. Raises OSError."""
        return cls(tuple(Webhook(path.read_text().strip()) for path in files))

    def sign(self, name: str, body: str) -> dict[bytes | str, bytes | str]:
        """`webhook-id`, `webhook-timestamp`, `webhook-signature`. name: the message's id, the same at each try.

        Signatures are judged by real time, whatever clock the storm is played at.
        """
        now = datetime.now(UTC)
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(key.sign(name, now, body) for key in self.keys),
        }


def key_trouble(path: Path) -> str | None:
    """Why messages cannot be signed with the key in this file, and what to do; None when they can.

    Standard Webhooks 1.0.0: 24 to 64 bytes in base64 behind `whsec_`.
    """
    if (said := secret_trouble(path, "the key")) is not None:
        return said
    try:
        bits = b64decode(path.read_text().strip().removeprefix("whsec_"), validate=True)
    except ValueError:
        bits = b""
    if 24 <= len(bits) <= 64 and len(set(bits)) >= _LEAST_DIFFERENT:
        return None
    return f"{path} holds no key (whsec_ and 24 to 64 random bytes in base64): {MAKE_A_KEY} makes one"
