"""What a person decided, as an entry of the log: who, when, what about. Pure.

The log is the record of who knew what when, so a decision is written there by the cloud itself, and whoever follows the
log takes it as input: a replay sees the same decisions at the same places.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cloud.log.base import EntryKind, Key, NewEntry
from contract.wire.envelope import Lane

VERSION = 1
MAX_BYTES = 16 * 1024
_LONGEST_NAME = 256
# What the ids of releases begin with; "batch of" such a one is what its batch is known by. Nobody else may give these.
OF_RELEASES = "release:"
_OURS = (OF_RELEASES, f"batch of {OF_RELEASES}")


class DecisionKind(StrEnum):
    """What a person may decide. The words stand in the log: they keep their meaning."""

    RELEASE = "release"  # let a refused batch out of quarantine
    # What these say of incidents and sensors: `cloud.warnings.decisions`.
    ACKNOWLEDGE = "acknowledge"
    TAKE_OVER = "take_over"
    END = "end"
    MUTE = "mute"
    RAIN_SIGNAL = "rain_signal"
    # Reserved: nobody heeds them yet, so none can be written.
    APPROVE = "approve"
    AMEND = "amend"
    REJECT = "reject"


IN_USE = frozenset(
    {
        DecisionKind.RELEASE,
        DecisionKind.ACKNOWLEDGE,
        DecisionKind.TAKE_OVER,
        DecisionKind.END,
        DecisionKind.MUTE,
        DecisionKind.RAIN_SIGNAL,
    }
)


class DecisionError(ValueError):
    """No decision: bytes that hold none, or one that cannot be written."""


@dataclass(frozen=True, slots=True)
class Decision:
    """id: made by whoever asks; the same id is written once, however often it is asked for.

    who: a person, a key, or a user of the shell, as in the audit record. at_ms: UTC. target: what it is about, in the
    words of its kind (`release`: the quarantined batch). detail: more of it, by name.
    """

    id: str
    kind: DecisionKind
    who: str
    at_ms: int
    target: str
    detail: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


def known_by(decision_id: str) -> Key:
    """By what the log knows a decision. No gateway has an empty id, so none can use it up."""
    return "", int.from_bytes(hashlib.sha256(decision_id.encode()).digest()[:8], "big"), 1


def encode_decision(decision: Decision) -> bytes:
    """JSON, version 1.

    Raises DecisionError on a kind that is reserved, an empty or overlong name, or too much detail.
    """
    if decision.kind is not DecisionKind.RELEASE and decision.id.startswith(_OURS):
        raise DecisionError(f"a decision's id may not begin with {OF_RELEASES!r}, which releases do: choose another")
    if decision.kind not in IN_USE:
        raise DecisionError(f"{decision.kind.value} is reserved: this release of Headwater cannot carry it out")
    for name, text in (("id", decision.id), ("who", decision.who), ("target", decision.target)):
        if not 0 < len(text) <= _LONGEST_NAME:
            raise DecisionError(f"a decision's {name} has 1 to {_LONGEST_NAME} characters, not {len(text)}")
    document = {
        "version": VERSION,
        "id": decision.id,
        "kind": decision.kind.value,
        "who": decision.who,
        "at_ms": decision.at_ms,
        "target": decision.target,
        "detail": dict(decision.detail),
    }
    try:
        payload = json.dumps(document, allow_nan=False, ensure_ascii=False, sort_keys=True).encode()
    except (ValueError, TypeError) as error:
        raise DecisionError(f"a decision's detail cannot be written: {error}") from error
    if len(payload) > MAX_BYTES:
        raise DecisionError(f"a decision of {len(payload)} bytes is too long: at most {MAX_BYTES}")
    return payload


def decode_decision(payload: bytes) -> Decision:
    """Of any kind, reserved ones too: a newer release may have written them. Raises DecisionError."""
    try:
        if len(payload) > MAX_BYTES:
            raise ValueError(f"{len(payload)} bytes")
        found = json.loads(payload)
        if found["version"] != VERSION:
            raise ValueError(f"version {found['version']!r}")
        texts = [found[name] for name in ("id", "who", "target")]
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(found["at_ms"], int):
            raise TypeError("a field of another type")
        detail = dict(found["detail"])
        return Decision(texts[0], DecisionKind(found["kind"]), texts[1], found["at_ms"], texts[2], detail)
    except (ValueError, TypeError, LookupError, RecursionError, AttributeError) as error:
        raise DecisionError(f"not a decision: {error}") from error


def entry_of(decision: Decision) -> NewEntry:
    """To append. Raises DecisionError, see `encode_decision`."""
    payload = encode_decision(decision)
    return NewEntry(
        "", 0, 0, Lane.ALARM, decision.at_ms, decision.at_ms, payload, EntryKind.DECISION, known_by(decision.id)
    )
