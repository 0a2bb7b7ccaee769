"""What happens to gateways and cloud, and when. Each seed draws some kinds and leaves others out."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from simulators.promise.warnings.cloud import Cloud
from simulators.promise.warnings.district import next_edition
from simulators.promise.warnings.features import on
from simulators.promise.warnings.gateways import Gateway
from simulators.promise.world import World


class WrongStart:
    """The machine's clock is wrong when the cloud first starts; then it is put right, and a person says so."""

    def __init__(self, world: World, cloud: Cloud) -> None:
        self._world, self._cloud = world, cloud
        self._rng = random.Random(f"first clock {world.seed}")

    def plan(self) -> None:
        """One start in twelve; it is over before any water rises."""
        if self._rng.random() > 1 / 12:
            return
        by_s = self._rng.choice((30 * 86_400, 8 * 3600, 8 * 3600, 90, -3600))
        self._world.fault(f"wrong-start {by_s} s")
        self._cloud.machine.step(by_s * 1000)
        self._world.after(self._rng.uniform(20, 110), self._put_right)

    def _put_right(self) -> None:
        self._cloud.machine.step(0)
        self._confirm()

    def _confirm(self) -> None:
        """Who gets no answer, or sees another step, says it again."""
        right = self._cloud.machine.right
        if not (right and self._cloud.confirm_clock()):
            self._world.after(5, self._confirm)


class Trouble:
    def __init__(self, world: World, cloud: Cloud, gateways: Sequence[Gateway]) -> None:
        self._world, self._cloud, self._gateways = world, cloud, gateways
        self._kinds: dict[str, Callable[[], None]] = {
            "link-cut": self._link_cut,
            "box-off": self._box_off,
            "crash": self._crash,
            "crash-when-told": self._crash_when_told,
            "kill": self._kill,
            "stop": self._stop,
        }
        if on("rules-change"):
            self._kinds["rules-change"] = self._rules_change
        if on("clock-steps"):
            self._kinds["clock-step"] = self._clock_step
        if on("rebuild"):
            self._kinds["rebuild"] = self._rebuild

    def plan(self, seconds: float) -> None:
        rng = self._world.rng
        kinds = rng.sample(sorted(self._kinds), rng.randint(1, len(self._kinds)))
        for _ in range(rng.randint(0, 6)):
            self._world.after(rng.uniform(60, seconds), self._kinds[rng.choice(kinds)])

    def over(self) -> None:
        """Links up, boxes on, no crash to come, and the cloud runs."""
        for gateway in self._gateways:
            gateway.heal()
        self._cloud.disk.heal()
        self._cloud.machine.step(0)
        self._cloud.fall_when_told(None)
        self._cloud.start()

    def _link_cut(self) -> None:
        gateway = self._world.rng.choice(self._gateways)
        self._world.fault(f"link-cut {gateway.name}")
        gateway.cut_link()
        self._world.after(self._world.rng.choice((90, 400, 1500)), gateway.heal)

    def _box_off(self) -> None:
        gateway = self._world.rng.choice(self._gateways)
        self._world.fault(f"box-off {gateway.name}")
        gateway.switch_off()
        self._world.after(self._world.rng.choice((200, 900, 2400)), gateway.heal)

    def _crash(self) -> None:
        self._world.fault("crash")
        self._cloud.disk.crash_after(self._world.rng.randint(1, 25), self._world.rng.random() < 0.5)

    def _crash_when_told(self) -> None:
        for_s = self._world.rng.choice((5.0, 30.0, 2000.0))  # the last: until what was told has expired
        self._world.fault(f"crash-when-told {for_s} s")
        self._cloud.fall_when_told(for_s)

    def _kill(self) -> None:
        self._world.fault("kill")
        if self._cloud.parts is not None:
            self._cloud.fall()

    def _stop(self) -> None:
        self._world.fault("stop")
        self._cloud.stop()

    def _clock_step(self) -> None:
        by_s = self._world.rng.choice((8 * 3600, -3600, 90, -90, 30 * 86_400))
        self._world.fault(f"clock-step {by_s} s")
        self._cloud.machine.step(by_s * 1000)
        self._world.after(self._world.rng.choice((61, 600, 1800)), lambda: self._cloud.machine.step(0))

    def _rules_change(self) -> None:
        edition = next_edition(self._cloud.edition, self._world.rng)
        self._world.fault(f"rules-change {edition.what}")
        self._cloud.take_edition(edition)
        if self._world.rng.random() < 0.5:
            self._cloud.stop()
        else:
            self._kill()

    def _rebuild(self) -> None:
        self._world.fault("rebuild")
        self._cloud.rebuild()
