"""The protocols that device files and buses may name: a line each.

See docs/extending.md, "A protocol". The agent's own table, of who asks the devices, is `edge_agent.drivers.table`.
"""

from __future__ import annotations

from contract.catalogue.protocols import Protocols
from firmware_bridge import modbus, node

PROTOCOLS = Protocols(
    (
        modbus.DEFINITION,
        node.DEFINITION,
    )
)
