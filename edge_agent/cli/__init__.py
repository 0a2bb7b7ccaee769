"""`headwater-edge`."""

from edge_agent.cli.main import app

__all__ = ["app"]
