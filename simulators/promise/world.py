"""Virtual time, a seeded order of events, and the network between gateways and centre."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from typing import Protocol

Action = Callable[[], None]


class Broken(Exception):
    """A property does not hold: what and where."""


class World:
    """One run's. true_ms: UTC milliseconds that no node's clock is sure to show."""

    def __init__(self, seed: int, start_ms: int, tracing: bool = False) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.start_ms = self.true_ms = start_ms
        self.lines: list[str] | None = [] if tracing else None
        self.faults: list[str] = []
        self._hash = hashlib.sha256()
        self._events: list[tuple[int, int, Action]] = []
        self._number = 0

    @property
    def now_s(self) -> float:
        """Of a monotonic clock."""
        return self.true_ms / 1000

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()[:16]

    def at(self, true_ms: int, action: Action) -> None:
        self._number += 1
        heapq.heappush(self._events, (max(true_ms, self.true_ms), self._number, action))

    def pass_time(self, ms: int) -> None:
        """At once, whatever is due in between: it happens late."""
        self.true_ms += ms

    def after(self, seconds: float, action: Action) -> None:
        self.at(self.true_ms + int(seconds * 1000), action)

    def run_until(self, true_ms: int) -> None:
        while self._events and self._events[0][0] <= true_ms:
            self.true_ms, _, action = heapq.heappop(self._events)
            action()
        self.true_ms = true_ms

    def say(self, text: str) -> None:
        """One line of the trace."""
        line = f"{(self.true_ms - self.start_ms) / 1000:9.3f} {text}"
        self._hash.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    def fault(self, text: str) -> None:
        self.faults.append(text.split(maxsplit=1)[0])
        self.say(f"FAULT {text}")


class Listener(Protocol):
    """Who a message is for, when it arrives."""

    def listening(self) -> bool: ...

    def deliver(self, topic: str, payload: bytes) -> None: ...


class Broker:
    """Loses, doubles, reorders, delays, loses its queue, goes down. That it took a message means nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.up = True
        self.loss = self.double = 0.0
        self.delay_max_s = 0.2
        self._life = 0

    def go_down(self) -> None:
        self.up = False

    def turn_bad(self, loss: float, double: float, delay_max_s: float) -> None:
        """loss, double: shares of the messages. delay_max_s: the longest that one takes."""
        self.loss, self.double, self.delay_max_s = loss, double, delay_max_s

    def healthy(self) -> None:
        self.up, self.loss, self.double, self.delay_max_s = True, 0.0, 0.0, 0.2

    def lose_queue(self) -> None:
        self._life += 1

    def publish(self, topic: str, payload: bytes, to: Listener) -> None:
        rng = self._world.rng
        if not self.up:
            return
        for _ in range(2 if rng.random() < self.double else 1):
            if rng.random() >= self.loss:
                self._send(topic, payload, to, self._life)

    def _send(self, topic: str, payload: bytes, to: Listener, life: int) -> None:
        def arrive() -> None:
            if life != self._life:
                return
            if not self.up or not to.listening():  # a durable session holds it, for a while
                if self._world.rng.random() < 0.5:
                    self._send(topic, payload, to, life)
                return
            to.deliver(topic, payload)

        self._world.after(0.02 + self._world.rng.random() * self.delay_max_s, arrive)
