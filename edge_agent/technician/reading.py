"""`headwater-edge probe` and `read`: what the technician asks now. One poll a line, or in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing

from edge_agent.config import EdgeConfig
from edge_agent.door import NoAgent, ask_agent
from edge_agent.drivers.base import DeviceInfo
from edge_agent.status import NeverRan, read_status
from edge_agent.technician.asking import LONGEST_S, Answered, as_line, as_text, asked, good

Say = Callable[[str], None]


class NotAsked(Exception):
    """Nothing was asked; the text says why, and what to do."""


async def show(answers: AsyncIterator[Answered], say: Say, as_json: bool) -> bool:
    """Says each answer as it comes; whether any value came."""
    any_good = False
    async with aclosing(answers) as each:  # type: ignore[type-var]
        async for said in each:
            any_good |= good(said)
            say(as_line(said) if as_json else as_text(said))
    return any_good


def chosen(config: EdgeConfig, device: str | None) -> Mapping[str, Sequence[DeviceInfo]]:
    """By bus the devices to ask; all when none is named. Raises NotAsked for one that is not this gateway's.

    A device whose registers have several periods stands there once for each, and is meant with all of them.
    """
    found = {bus.id: config.devices(bus.id) for bus in config.gateway.buses}
    if device is None:
        return {bus: infos for bus, infos in found.items() if infos}
    meant = {bus: [i for i in infos if device in (i.device.id, _base(i.device.id))] for bus, infos in found.items()}
    meant = {bus: infos for bus, infos in meant.items() if infos}
    if not meant:
        known = ", ".join(sorted({_base(i.device.id) for infos in found.values() for i in infos}))
        raise NotAsked(f"no device {device!r} feeds a channel of {config.gateway.id}; there are {known}")
    return meant


def _base(name: str) -> str:
    return name.partition("@")[0]


async def read(config: EdgeConfig, device: str | None, every_s: float | None) -> AsyncIterator[Answered]:
    """What the devices say now: through the running agent, for a line has one master; without one over the bus itself.

    every_s: again and again, so many seconds apart; None: once. Raises NotAsked.
    """
    buses = chosen(config, device)
    again = True
    while again:
        for bus_id, infos in buses.items():
            for info in infos:
                try:
                    yield await ask_agent(config.door_path, info.device.id, LONGEST_S)
                except NoAgent as error:
                    nobody_runs(config, error)
                    bus = next(b for b in config.gateway.buses if b.id == bus_id)
                    async for said in asked(bus, config.address(bus_id), [info], 1, 0.0):
                        yield said
                except (ValueError, TimeoutError) as error:
                    raise NotAsked(f"the agent did not say: {error or 'no answer in time'}") from error
        again = every_s is not None
        if every_s is not None:
            await asyncio.sleep(every_s)


def nobody_runs(config: EdgeConfig, error: NoAgent) -> None:
    """Raises NotAsked where an agent runs that cannot be asked."""
    try:
        alive = read_status(config.status_path)["alive"]
    except NeverRan:
        return
    if alive:
        what = "an agent is running, and a second master would disturb it"
        raise NotAsked(f"{what}; its door does not open ({error}): are you in the group headwater?")
