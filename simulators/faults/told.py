"""What a warning centre that failed for a while holds against what the cloud has said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.warnings.model import Message, MsgType


def differences(said: Sequence[Message], told: Sequence[Mapping[str, Any]], poison: str, now_ms: int) -> list[str]:
    """said: by the cloud, oldest first. told: bodies that the centre took (`cloud.delivery.base.body_of`), notices of
    other consumers among them. poison: id of the message that it never took. now_ms: of the log, at its end.

    Empty when it has nothing but what was said, each once and as it was said, and of each incident the newest message
    that is in force.
    """
    texts = {m.id: m.cap_xml.decode() for m in said}
    has = [body["id"] for body in told if body["type"] == "warning"]
    out = [f"{name} was told twice" for name in sorted({n for n in has if has.count(n) > 1})]
    for body in told:
        if body["type"] != "warning":
            continue
        if body["id"] not in texts:
            out.append(f"{body['id']} was told, and is not among the cloud's messages")
        elif body["cap"] != texts[body["id"]]:
            out.append(f"{body['id']} was told with another text than the cloud has")
    newest = {m.incident: m for m in said}
    heard = {m.incident for m in said if m.id in has}
    for m in newest.values():
        owed = m.incident in heard if m.msg_type is MsgType.CANCEL else m.expires_ms is None or m.expires_ms > now_ms
        if owed and m.id not in has and m.id != poison:
            out.append(f"{m.id} is in force, and the centre was never told of it")
    return out
