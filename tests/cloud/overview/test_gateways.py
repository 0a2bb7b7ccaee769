"""What is shown of a gateway that said nothing yet: that it is not known, rather than that all is well."""

from __future__ import annotations

from cloud.ingest.links import GatewayLink
from cloud.overview.gateways import gateway_state


def test_a_gateway_that_said_nothing_is_shown_as_one() -> None:
    link = GatewayLink("gw-1", online=True, last_batch_ms=None, batches=0, readings=0, refused=3)
    assert gateway_state(link) == {"id": "gw-1", "online": True, "refused": 3, "said": None}
