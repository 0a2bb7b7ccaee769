"""Virtual time and a network that loses, doubles and holds back: the ground on which the campaign stands."""

from __future__ import annotations

from simulators.promise.world import Broker, World

START_MS = 1_000_000


class Somebody:
    def __init__(self) -> None:
        self.there = True
        self.got: list[tuple[str, bytes]] = []

    def listening(self) -> bool:
        return self.there

    def deliver(self, topic: str, payload: bytes) -> None:
        self.got.append((topic, payload))


def test_events_happen_in_order_of_time_and_at_one_time_in_the_order_given() -> None:
    world, seen = World(1, START_MS), list[tuple[str, int]]()
    for name, at_ms in (("c", 300), ("a", 100), ("b", 100), ("late", 900)):
        world.at(START_MS + at_ms, lambda name=name: seen.append((name, world.true_ms - START_MS)))
    world.run_until(START_MS + 500)
    assert seen == [("a", 100), ("b", 100), ("c", 300)]
    assert world.true_ms == START_MS + 500
    world.run_until(START_MS + 900)
    assert seen[-1] == ("late", 900)


def test_what_is_asked_for_in_the_past_happens_now() -> None:
    world, seen = World(1, START_MS), list[int]()
    world.pass_time(50)
    world.at(START_MS, lambda: seen.append(world.true_ms - START_MS))
    world.run_until(START_MS + 60)
    assert seen == [50]


def test_after_counts_from_now() -> None:
    world, seen = World(1, START_MS), list[int]()
    world.after(1.5, lambda: world.after(0.25, lambda: seen.append(world.true_ms - START_MS)))
    world.run_until(START_MS + 10_000)
    assert seen == [1750]


def test_the_digest_follows_from_what_was_said_and_when() -> None:
    def digest(*said: tuple[int, str]) -> str:
        world = World(1, START_MS)
        for ms, text in said:
            world.pass_time(ms)
            world.say(text)
        return world.digest

    assert digest((0, "a"), (1, "b")) == digest((0, "a"), (1, "b"))
    assert len({digest((0, "a"), (1, "b")), digest((0, "a"), (2, "b")), digest((0, "a"), (1, "c"))}) == 3


def test_faults_are_kept_by_kind_and_told_in_the_trace() -> None:
    world = World(1, START_MS, tracing=True)
    world.pass_time(1500)
    world.fault("edge-clock gw-1 5 s")
    assert world.faults == ["edge-clock"]
    assert world.lines == ["    1.500 FAULT edge-clock gw-1 5 s"]


def delivered(broker: Broker, world: World, count: int = 20) -> int:
    """How many of so many messages arrive in the next ten minutes."""
    to = Somebody()
    for _ in range(count):
        broker.publish("t", b"p", to)
    world.run_until(world.true_ms + 600_000)
    return len(to.got)


def test_a_healthy_broker_delivers_each_once_within_its_delay() -> None:
    world, to = World(1, START_MS), Somebody()
    Broker(world).publish("t", b"p", to)
    assert to.got == []
    world.run_until(START_MS + 220)  # 20 ms, and 200 at most
    assert to.got == [("t", b"p")]


def test_a_broker_that_is_down_loses_loses_all_or_doubles_all() -> None:
    world = World(1, START_MS)
    broker = Broker(world)
    broker.turn_bad(loss=0.0, double=1.0, delay_max_s=1.0)
    assert delivered(broker, world) == 40
    broker.turn_bad(loss=1.0, double=0.0, delay_max_s=1.0)
    assert delivered(broker, world) == 0
    broker.go_down()
    assert delivered(broker, world) == 0
    broker.healthy()
    assert delivered(broker, world) == 20


def test_a_broker_that_forgets_loses_what_was_on_the_way() -> None:
    world, to = World(1, START_MS), Somebody()
    broker = Broker(world)
    broker.publish("t", b"before", to)
    broker.lose_queue()
    broker.publish("t", b"after", to)
    world.run_until(START_MS + 1000)
    assert to.got == [("t", b"after")]


def test_who_does_not_listen_is_delivered_nothing() -> None:
    world, to = World(1, START_MS), Somebody()
    to.there = False
    for _ in range(20):
        Broker(world).publish("t", b"p", to)
    world.run_until(START_MS + 60_000)
    assert to.got == []
