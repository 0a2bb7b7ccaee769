"""`headwater-edge status --ask`: silent devices are asked now, whatever their back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from edge_agent.config import EdgeConfig
from edge_agent.door import NoAgent, ask_agent
from edge_agent.status import read_status
from edge_agent.technician.asking import LONGEST_S
from edge_agent.technician.reading import NotAsked

_FRESH_S = 6.0  # the agent writes its status every two


def silent_ones(config: EdgeConfig) -> list[str]:
    """The devices that the agent hears nothing of. Raises NeverRan."""
    status = read_status(config.status_path)
    return [d["id"] for bus in status["buses"] for d in bus["devices"] if d["state"] != "good"]


async def ask_silent_ones(config: EdgeConfig, devices: Sequence[str], done: Callable[[], None]) -> None:
    """Each once, through the running agent; then until its status is newer than the last answer. Raises NotAsked."""
    for device in devices:
        try:
            await ask_agent(config.door_path, device, LONGEST_S)
        except NoAgent as error:
            raise NotAsked(f"no agent runs that could ask: {error}: systemctl start headwater-edge") from error
        except (ValueError, TimeoutError) as error:
            raise NotAsked(f"the agent did not say: {error or 'no answer in time'}") from error
        done()
    written_ms = read_status(config.status_path)["written_ms"]
    waited_s = 0.0
    while devices and waited_s < _FRESH_S and read_status(config.status_path)["written_ms"] == written_ms:
        await asyncio.sleep(0.1)
        waited_s += 0.1
