"""The real agent on a machine with a wrong clock: `python -m simulators.wrong_clocks.agent AGENT.yaml CLOCK.json`.

It becomes `headwater-edge run AGENT.yaml` in the same way as that does, but for what the kernel says of the time, which
comes from CLOCK.json: see `simulators.wrong_clocks.clock`. No setting of a cabinet asks for this.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from edge_agent.config import load_config
from edge_agent.process import hand_over
from simulators.wrong_clocks.clock import WrongClock, Wrongness


def main() -> None:
    agent, clock = Path(sys.argv[1]), Path(sys.argv[2])
    config = load_config(agent)
    hand_over(replace(config, clock=WrongClock(config.clock, clock), boot=Wrongness.read(clock).boot), agent)


if __name__ == "__main__":
    main()
