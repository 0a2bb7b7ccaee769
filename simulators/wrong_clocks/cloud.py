"""The real cloud on a machine with a wrong clock: `python -m simulators.wrong_clocks.cloud CLOUD.yaml CLOCK.json`.

It becomes `headwater-cloud serve --config CLOUD.yaml`, but for what the kernel says of the time, which comes from
CLOCK.json: see `simulators.wrong_clocks.clock`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from cloud.app.allocator import keep_little

keep_little()

from cloud.app.process import run  # noqa: E402 - after the allocator is told
from cloud.config import load_config  # noqa: E402
from simulators.wrong_clocks.clock import WrongClock  # noqa: E402


def main() -> None:
    config = load_config(Path(sys.argv[1]))
    run(replace(config, clock=WrongClock(config.clock, Path(sys.argv[2]))))


if __name__ == "__main__":
    main()
