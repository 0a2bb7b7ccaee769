"""What a cloud refuses, and a cloud that is not reached."""

from __future__ import annotations

import json


class HeadwaterError(Exception):
    """The cloud refused (RFC 9457). status: of HTTP; title: what is wrong; detail: what to change."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{title}: {detail} (HTTP {status})")
        self.status, self.title, self.detail = status, title, detail

    @classmethod
    def of(cls, status: int, body: bytes) -> HeadwaterError:
        """What an answer says, or that something between us and the cloud answered in its place."""
        try:
            said = json.loads(body)
            return cls(status, str(said["title"]), str(said["detail"]))
        except (ValueError, TypeError, KeyError):
            what = "that is not Headwater's answer: is the address right, and what does the proxy say?"
            return cls(status, "Refused", what)


class NotReached(Exception):
    """No answer came: the address, the network, the certificate, or time. The text says which."""
