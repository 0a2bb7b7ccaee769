"""What an HTTP answer to a delivery means: who is at fault, and when to try again. Pure.

Source: RFC 9110, 15 (status codes) and 10.2.3 (Retry-After); RFC 6585, 4 (429); Standard Webhooks 1.0.0 (410).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto


class Fault(Enum):
    """Whose fault it is that a message was not taken."""

    MESSAGE = auto()  # the consumer does not take this one: it would not take it an hour later
    CONSUMER = auto()  # it takes none for now, or our configuration does not reach it
    GONE = auto()  # it wants no more


# Of the message: what the consumer says of the content that it got. Everything else from 300 on is of the consumer:
# a wrong path (404), method (405) or key (401, 403) is so for every message, and only a person can mend it.
_OF_THE_MESSAGE: Mapping[int, str] = {
    400: "bad request",
    406: "not acceptable",
    409: "conflict",
    411: "length required",
    412: "precondition failed",
    413: "content too large",
    414: "URI too long",
    415: "unsupported media type",
    417: "expectation failed",
    422: "unprocessable content",
    431: "header fields too large",
    451: "unavailable for legal reasons",
}


def fault_of(status: int) -> Fault | None:
    """None for 2xx: the consumer has it."""
    if 200 <= status < 300:
        return None
    if status == 410:
        return Fault.GONE
    return Fault.MESSAGE if status in _OF_THE_MESSAGE else Fault.CONSUMER


def said_of(status: int) -> str:
    """The status in words for the operator, with what to do where we know it."""
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are refused; set the final address as url"
    hint = _OF_THE_MESSAGE.get(status) or _HINTS.get(status)
    return f"HTTP {status}: {hint}" if hint else f"HTTP {status}"


_HINTS: Mapping[int, str] = {
    401: "it does not accept our signature: compare secret_files with the consumer's key",
    403: "it does not let us in: compare secret_files with the consumer's key",
    404: "nothing is there: compare url with the consumer's address",
    405: "it takes no POST there: compare url with the consumer's address",
    429: "too many requests",
}


def retry_after_s(value: str | None, now_ms: int) -> float | None:
    """Seconds from now by a Retry-After header (RFC 9110, 10.2.3: seconds, or an HTTP date), 0 for a date that is over;
    None where there is none or it cannot be read. now_ms: real time, UTC.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(int(text[:9]))  # more digits than 31 years are as long
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return max((moment - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds(), 0.0)
    except OverflowError:
        return None
