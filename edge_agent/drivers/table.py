"""Which module asks the devices of a bus, by the protocol that the bus names: a line each.

A module is imported when a bus needs it: a gateway loads no library of a protocol that none of its buses speaks.
"""

from __future__ import annotations

import importlib
from typing import cast

from edge_agent.drivers.base import DriverModule

MODULES = {
    "modbus": "edge_agent.drivers.modbus",
    "node": "edge_agent.drivers.node",
}


def driver_module(protocol: str) -> DriverModule:
    """Raises KeyError for a protocol that has no line."""
    return cast(DriverModule, importlib.import_module(MODULES[protocol]))
