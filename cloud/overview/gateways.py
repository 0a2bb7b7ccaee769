"""What is shown of a gateway: its link, and what it last said of its spool, its disk and its clock."""

from __future__ import annotations

from typing import Any

from cloud.ingest.links import GatewayLink


def gateway_state(link: GatewayLink) -> dict[str, Any]:
    """said: None until the gateway has said something since the cloud started."""
    s = link.state
    said = None
    if s is not None:
        said = {
            "lanes": {
                lane.name.lower(): {"batches": x.batches, "bytes": x.bytes, "oldest_age_s": x.oldest_age_s}
                for lane, x in sorted(s.lanes.items())
            },
            "thinned": s.thinned,
            "dropped": s.dropped,
            "held_in_memory": s.held_in_memory,
            "lost_to_full_disk": s.lost_to_full_disk,
            "refused": dict(s.refused),
            "bytes_today": s.bytes_today,
            "bytes_per_day": s.bytes_per_day,
            "kept_back": s.kept_back,
            "trouble": [x for x in (s.clock, s.disk_trouble) if x],
        }
    return {"id": link.gateway, "online": link.online, "refused": link.refused, "said": said}
