"""Webhooks whose names lead where they may not: asked of the resolver by `headwater-cloud check`, never at start-up.

A cloud that comes up after a power cut must not wait for name service, and what a name leads to can change within the
hour; delivery judges again at every attempt.
"""

from __future__ import annotations

from collections.abc import Sequence

from cloud.delivery.egress import Egress, TargetRefused, permitted, target_of
from cloud.delivery.outgoing import Resolver, resolve
from cloud.delivery.settings import Sink


def lead_astray(sinks: Sequence[Sink], rules: Egress, resolver: Resolver = resolve) -> list[str]:
    """One sentence a webhook that cannot be delivered to as names resolve now."""
    said = []
    for sink in sinks:
        if sink.kind != "webhook":
            continue
        try:
            target = target_of(sink.url, rules)
            permitted(target.host, resolver(target.host, target.port), rules)
        except TargetRefused as error:
            said.append(f"sink {sink.name!r}: {error}")
        except (OSError, UnicodeError) as error:
            said.append(f"sink {sink.name!r}: {target.host} does not resolve: {error}")
    return said
