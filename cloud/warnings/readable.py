"""A CAP message as people read it: a few lines of Markdown a language. Pure."""

from __future__ import annotations

from lxml import etree

from cloud.cap.rules import named, text_of

_PARTS = ("headline", "description", "instruction")
_PARAMETERS = {"headwater:sign": "sign", "headwater:sms": "SMS"}


def readable(cap_xml: bytes) -> str:
    """Kind and times of a message, then its texts in each language with sign and SMS and how long they are."""
    alert = etree.fromstring(cap_xml)
    head = [text_of(alert, name) or "" for name in ("msgType", "status", "sent")]
    first = next(iter(named(alert, "info")), None)
    expires = "" if first is None else f", until {text_of(first, 'expires')}"
    response = "" if first is None else f", {text_of(first, 'responseType')}"
    lines = [f"{head[0]} ({head[1]}{response}), {head[2]}{expires}", ""]
    for info in named(alert, "info"):
        lines.append(f"- **{text_of(info, 'language')}**: {text_of(info, 'headline')}")
        lines += [f"  - {part}: {text_of(info, part)}" for part in _PARTS[1:]]
        for parameter in named(info, "parameter"):
            kind = _PARAMETERS.get(text_of(parameter, "valueName") or "")
            if kind is not None:
                text = text_of(parameter, "value") or ""
                lines.append(f"  - {kind} ({len(text)}): {text}")
    return "\n".join([*lines, ""])
