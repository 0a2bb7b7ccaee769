"""Which faults a seed brings, and when. Each seed draws some kinds and leaves others out, so that they combine."""

from __future__ import annotations

from collections.abc import Callable

from simulators.promise.centre import Centre
from simulators.promise.disks import Disk
from simulators.promise.gateway import GatewayNode
from simulators.promise.world import Broker, World

_YEAR_S = 365 * 86_400
_STEPS_S = (-5, 5, 120, -600, 3600, -86_400, 86_400, 30 * _YEAR_S, -51 * _YEAR_S)


class Faults:
    def __init__(self, world: World, broker: Broker, centre: Centre, gateways: list[GatewayNode]) -> None:
        self._world, self._broker, self._centre, self._gateways = world, broker, centre, gateways
        self._kinds: dict[str, Callable[[], None]] = {
            "edge-crash": self._edge_crash,
            "edge-kill": lambda: self._gateway("edge-kill").kill(),
            "edge-disk-full": self._edge_full,
            "edge-silent": self._edge_silent,
            "cable-cut": self._cable,
            "spool-replaced": lambda: self._gateway("spool-replaced").replace_spool(),
            "edge-clock": self._edge_clock,
            "cloud-crash": self._cloud_crash,
            "cloud-kill": self._cloud_kill,
            "cloud-disk-full": self._cloud_full,
            "cloud-clock": self._cloud_clock,
            "view-lags": self._view_lags,
            "broker-down": self._broker_down,
            "broker-forgets": self._broker_forgets,
            "network-bad": self._network,
        }

    def plan(self, seconds: float) -> None:
        """Some dozen faults over so many seconds."""
        rng = self._world.rng
        kinds = rng.sample(sorted(self._kinds), rng.randint(4, len(self._kinds)))
        for _ in range(rng.randint(8, 20)):
            self._world.after(rng.uniform(0, seconds), self._kinds[rng.choice(kinds)])

    def _gateway(self, fault: str, more: str = "") -> GatewayNode:
        node = self._world.rng.choice(self._gateways)
        self._world.fault(f"{fault} {node.name} {more}")
        return node

    def _length(self, longest_s: float) -> float:
        return float(self._world.rng.choice((0.05, 0.2, 1.0))) * longest_s

    def _arm(self, disk: Disk, steps: int) -> None:
        disk.crash_after(self._world.rng.randint(1, steps), self._world.rng.random() < 0.5)

    def _edge_crash(self) -> None:
        self._arm(self._gateway("edge-crash").disk, 12)

    def _edge_full(self) -> None:
        node = self._gateway("edge-disk-full")
        self._fill(node.disk, 900)

    def _edge_silent(self) -> None:
        node, length_s = self._gateway("edge-silent"), self._length(2400)
        node.fall_silent(int(length_s * 1000))

    def _cable(self) -> None:
        node = self._gateway("cable-cut")
        node.pull_cable()
        self._world.after(self._length(2400), node.plug_cable)

    def _edge_clock(self) -> None:
        step_s = self._world.rng.choice(_STEPS_S)
        node = self._gateway("edge-clock", f"{step_s} s")
        node.step_clock(step_s * 1000)
        self._world.after(self._length(600), lambda: node.step_clock(0))

    def _cloud_crash(self) -> None:
        self._world.fault("cloud-crash")
        if self._world.rng.random() < 0.2:
            self._centre.crash_before_telling()
        else:
            self._arm(self._centre.disk, 40)

    def _cloud_kill(self) -> None:
        self._world.fault("cloud-kill")
        self._centre.kill()

    def _cloud_full(self) -> None:
        self._world.fault("cloud-disk-full")
        self._fill(self._centre.disk, 900)

    def _cloud_clock(self) -> None:
        step_s = self._world.rng.choice((-200, -20, 20, 200))
        self._world.fault(f"cloud-clock {step_s} s")
        self._centre.step_clock(step_s * 1000)

    def _view_lags(self) -> None:
        name = self._world.rng.choice(("latest", "series", "warnings"))
        self._world.fault(f"view-lags {name}")
        self._centre.stalled.add(name)
        self._world.after(self._length(1800), lambda: self._centre.stalled.discard(name))

    def _broker_down(self) -> None:
        self._world.fault("broker-down")
        self._broker.go_down()
        self._broker.lose_queue()
        self._world.after(self._length(1200), self._broker.healthy)

    def _broker_forgets(self) -> None:
        self._world.fault("broker-forgets")
        self._broker.lose_queue()

    def _network(self) -> None:
        self._world.fault("network-bad")
        rng = self._world.rng
        loss, double = rng.choice((0.0, 0.1, 0.5)), rng.choice((0.0, 0.3, 0.9))
        self._broker.turn_bad(loss, double, rng.choice((0.2, 5.0, 120.0)))
        self._world.after(self._length(1200), self._broker.healthy)

    def _fill(self, disk: Disk, longest_s: float) -> None:
        disk.fill()
        self._world.after(self._length(longest_s), disk.make_room)

    def over(self) -> None:
        """Links up, disks with room, clocks right, nobody held up."""
        self._world.say("the faults are over")
        self._broker.healthy()
        self._centre.heal()
        for node in self._gateways:
            node.heal()
