"""The parent's handle on the water: `Signals` over shared memory."""

from __future__ import annotations

import multiprocessing as mp
import time
from pathlib import Path

from contract.clock import Clock
from simulators.catchment.board import Board
from simulators.catchment.signals import Simulation
from simulators.catchment.swmm import RAIN_FACTOR, run
from simulators.processes.ending import how_it_ended, last_words
from simulators.storms.storms import Storm

_START_TIMEOUT_S = 120.0


class CatchmentError(RuntimeError):
    """The water's process could not start, or died."""


class Catchment:
    """Starts SWMM at `start_ms` of the clock. Raises CatchmentError when the first step does not come.

    log: a file for what its process says; its end is in the error when it dies. record: a file for the depths of the
    water, see `simulators.catchment.record`; whole after `close`.
    """

    def __init__(
        self,
        folder: Path,
        simulation: Simulation,
        storm: Storm,
        start_ms: int,
        clock: Clock,
        log: Path,
        record: Path | None = None,
    ) -> None:
        signals = {s for by_register in simulation.signals.values() for s in by_register.values()}
        signals |= {f"rain:{gauge}" for gauge in RAIN_FACTOR} | {"stage:OUT"}
        pumps = [link for links in simulation.pumps.values() for link in links]
        names = [*sorted(signals), *(f"pump:{p}" for p in pumps)]
        self._signals, self._log = signals, log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._board = Board.create(names)
        network = folder / simulation.network
        arguments = (network, storm, start_ms, clock, self._board.memory_name, names, pumps, log)
        self._process = mp.get_context("spawn").Process(
            target=run, args=arguments, kwargs={"record": record}, daemon=True, name="catchment"
        )
        self._process.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._board["beats"]:
            ended = how_it_ended(self._process.exitcode)
            if not self._process.is_alive() or time.monotonic() > deadline:
                self.close()
                raise CatchmentError(f"SWMM did not start on {network}: its process {ended}; {last_words(log)}")
            time.sleep(0.02)

    def value(self, signal: str) -> float:
        if signal not in self._signals:
            raise KeyError(f"the catchment has no signal {signal!r}; it offers {', '.join(sorted(self._signals))}")
        return self._board[signal]

    def set_pump(self, link: str, setting: float) -> None:
        self._board[f"pump:{link}"] = setting

    @property
    def pid(self) -> int | None:
        """Of its process."""
        return self._process.pid

    def check(self) -> None:
        """Raises CatchmentError when its process has ended."""
        if not self._process.is_alive():
            ended = how_it_ended(self._process.exitcode)
            raise CatchmentError(f"the catchment's process {ended}; {last_words(self._log)}")

    def time_ms(self) -> int:
        return int(self._board["time_ms"])

    def close(self) -> None:
        self._board["stop"] = 1.0
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._board.close(unlink=True)
