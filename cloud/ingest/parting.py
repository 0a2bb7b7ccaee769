"""A group of messages in which a gateway says different things of itself, cut so that no part does. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cloud.ingest.admission import InboundMessage
from contract.wire.batch import parse_batch, said_simulated
from contract.wire.envelope import WireError

_PARTS = 8  # an honest gateway's spool has two: what it was before, and is now


def gateway_of(message: InboundMessage) -> str:
    """headwater/1/district/GATEWAY/…; empty for another topic."""
    parts = message.topic.split("/", 4)
    return parts[3] if len(parts) == 5 else ""


def by_origin(group: Sequence[InboundMessage], said: Mapping[str, Collection[bool]]) -> list[list[InboundMessage]]:
    """The messages of gateways that say one thing together; then those of each other gateway, in order, a part for
    each time that it changes; what comes after the eighth part of a gateway is left out, for each is stored by itself.

    said: by gateway, what its messages say.
    """
    changing = {gateway for gateway, both in said.items() if len(both) > 1}
    parts = [[m for m in group if gateway_of(m) not in changing]]
    for gateway in sorted(changing):
        own: list[list[InboundMessage]] = []
        last: bool | None = None
        part: list[InboundMessage] = []
        for message in group:
            if gateway_of(message) != gateway:
                continue
            says = _says(message)
            if says is not None and last is not None and says is not last:
                own.append(part)
                part = []
            last = last if says is None else says
            part.append(message)
        parts += [*own, part][:_PARTS]
    return [part for part in parts if part]


def _says(message: InboundMessage) -> bool | None:
    try:
        return said_simulated(parse_batch(message.payload))
    except WireError:
        return None
