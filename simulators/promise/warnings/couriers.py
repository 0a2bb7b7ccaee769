"""The real dispatchers of one life of the cloud, stepped in virtual time instead of by threads."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.maintenance_queue import ZoneOf
from cloud.delivery.values import Policy
from cloud.delivery.wants import Kind
from cloud.log.believed_clock import BelievedClock
from simulators.promise.disks import Crash
from simulators.promise.warnings.consumers import SLOW_S, Consumer, Mood
from simulators.promise.world import World

WRITTEN_MS = 6_000  # so long it may take until what came of an attempt is written down
_IDLE_S, _AGAIN_S = 900.0, 2.0
_BEHIND_MS = 500  # a heartbeat is sent just after its interval begins
_RETRY_S = 20.0  # so often one looks whose consumer has not taken a maintenance notice
_POLICY = Policy(parallel=2, eager_s=15.0)  # fewer tries than by default: each costs a seed its time


class Courier:
    """One consumer's. fell: called when the disk crashes under it."""

    def __init__(
        self,
        world: World,
        ledger: Engine,
        consumer: Consumer,
        clock: BelievedClock,
        fell: Callable[[], None],
        zone_of: ZoneOf,
        as_of: Callable[[], int | None],
    ) -> None:
        self._world, self._consumer, self._clock, self._fell = world, consumer, clock, fell
        self._dead = False
        self._planned_ms: int | None = None
        rng = random.Random(f"{consumer.name} {world.seed} {world.true_ms}")
        self._dispatcher = Dispatcher(
            ledger,
            consumer,
            clock,
            _POLICY,
            wants=consumer.wants,
            heartbeat_s=consumer.heartbeat_s,
            as_of=as_of,
            zone_of=zone_of,
            idle_s=_IDLE_S,
            least_s=0.0,
            spawn=self._spawn,
            spread=_spread(rng),
        )

    def die(self) -> None:
        """The process is gone; what is on the wire is not."""
        tried_ms = self._consumer.tried_ms
        if not self._dead and tried_ms is not None and self._world.true_ms - tried_ms <= WRITTEN_MS:
            self._consumer.cut_off()
        self._dead = True

    def wake(self, seconds: float = 0.05) -> None:
        """It steps then, unless it would anyway."""
        at_ms = self._world.true_ms + int(seconds * 1000)
        if self._planned_ms is None or at_ms < self._planned_ms:
            self._planned_ms = at_ms
            self._world.at(at_ms, lambda: self._turn(at_ms))

    def finish(self) -> None:
        """What came of attempts is written down, as at an orderly end."""
        if not self._dead:
            self._step()

    def _turn(self, at_ms: int) -> None:
        if not self._dead and self._planned_ms == at_ms:
            self._planned_ms = None
            wait_s = self._step()
            if wait_s is not None:
                self.wake(max(wait_s, 0.02))

    def _step(self) -> float | None:
        """How long there is nothing to do; None: it is gone."""
        try:
            wait_s = self._dispatcher.step()
            retries = Kind.MAINTENANCE in self._consumer.wants.kinds and self._dispatcher.trouble()
            wait_s = min(wait_s, _RETRY_S) if retries else wait_s
            return wait_s if self._consumer.heartbeat_s is None else min(wait_s, self._next_beat_s())
        except Crash:
            self._consumer.cut_off()
            self._fell()
            return None
        except SQLAlchemyError as error:
            self._world.say(f"{self._consumer.name} waits for the ledger: {type(error).__name__}")
            return _AGAIN_S

    def _next_beat_s(self) -> float:
        """To the next full interval, by its clock."""
        assert self._consumer.heartbeat_s is not None
        every_ms = round(self._consumer.heartbeat_s * 1000)
        return (every_ms - self._clock.now_ms() % every_ms + _BEHIND_MS) / 1000

    def _spawn(self, attempt: Callable[[], None]) -> None:
        if self._consumer.mood() is not Mood.SLOW:
            attempt()
            return

        def later() -> None:
            attempt()
            if not self._dead:
                self.wake()

        self._world.after(SLOW_S, later)


def _spread(rng: random.Random) -> Callable[[], float]:
    return lambda: rng.uniform(0.8, 1.2)


def some_couriers(
    world: World,
    ledger: Engine,
    consumers: Sequence[Consumer],
    clock: BelievedClock,
    fell: Callable[[], None],
    zone_of: ZoneOf,
    as_of: Callable[[], int | None],
) -> list[Courier]:
    """One for each consumer, at its first step. as_of: see `Dispatcher`."""
    out = [Courier(world, ledger, consumer, clock, fell, zone_of, as_of) for consumer in consumers]
    for courier in out:
        courier.wake()
    return out
