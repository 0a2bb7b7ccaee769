"""The duty officers of a run: they acknowledge, take over, end, mute, signal: late, twice, while the cloud falls."""

from __future__ import annotations

import random

from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.model import MsgType
from simulators.promise.warnings.cloud import Cloud
from simulators.promise.warnings.water import MINUTE_MS
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import World

_AGAIN_S = 15.0  # who gets no answer asks again
_LOOKS_S = 45.0  # so often an officer looks who acts soon
_PROMPT, _ACTS = 0.5, 0.7  # of the runs that have a deputy, and of what is told in them


class People:
    """until_ms: no mute lasts longer; what they decide is decided before."""

    def __init__(self, world: World, cloud: Cloud, witness: Witness, until_ms: int) -> None:
        self._world, self._cloud, self._witness, self._until_ms = world, cloud, witness, until_ms
        self._rng = random.Random(f"officers {world.seed}")
        self._count = 0

    def plan(self) -> None:
        """Some decide nothing, some a few things."""
        span_s = (self._until_ms - self._world.true_ms) / 1000
        for _ in range(self._rng.choice((0, 0, 1, 2, 4))):
            self._world.after(self._rng.uniform(120, span_s - 60), self._decide)

    def _decide(self) -> None:
        decision = self._some_decision()
        if decision is None:
            return
        self._world.fault(f"decides {decision.kind.value} {decision.target} {dict(decision.detail)}")
        self._submit(decision)
        if self._rng.random() < 0.3:  # a double click, or a lost answer
            self._world.after(self._rng.choice((0.5, 30)), lambda: self._submit(decision))
        if self._rng.random() < 0.2:
            self._cloud.disk.crash_after(self._rng.randint(1, 6), self._rng.random() < 0.5)

    def _submit(self, decision: Decision) -> None:
        if not self._cloud.decide(decision) and self._world.true_ms < self._until_ms:
            self._world.after(_AGAIN_S, lambda: self._submit(decision))

    def _some_decision(self) -> Decision | None:
        self._count += 1
        name, now_ms = f"decision-{self._world.seed}-{self._count}", self._world.true_ms
        kinds = (DecisionKind.ACKNOWLEDGE, DecisionKind.TAKE_OVER, DecisionKind.END, DecisionKind.END)
        kind = self._rng.choice((*kinds, DecisionKind.MUTE, DecisionKind.MUTE, DecisionKind.RAIN_SIGNAL))
        match kind:
            case DecisionKind.MUTE:
                return self._mute(name, now_ms)
            case DecisionKind.RAIN_SIGNAL:
                detail = {"level": self._rng.choice(("none", "blue", "orange", "red"))}
                return Decision(name, kind, "person:ann", now_ms, "district", detail)
        told = self._witness.told
        if not told:
            return None
        incident = told[-1].incident if self._rng.random() < 0.7 else self._rng.choice(told).incident
        reason = {"reason": self._rng.choice(("false", "over"))} if kind is DecisionKind.END else {}
        return Decision(name, kind, "person:ann", now_ms, incident, reason)

    def _mute(self, name: str, now_ms: int) -> Decision:
        infos = self._cloud.edition.catalogue.channels
        channel = self._rng.choice(sorted(infos))
        station = infos[channel].station.id
        target = f"channel/{channel}" if self._rng.random() < 0.6 else f"station/{station}"
        minutes = self._rng.choice((0, 5, 20, 40))  # 0: a mute is taken back
        until_ms = min(now_ms + minutes * MINUTE_MS, self._until_ms)
        detail: dict[str, str | int] = {"until_ms": until_ms, "reason": "a crew works at it"}
        return Decision(name, DecisionKind.MUTE, "person:ben", now_ms, target, detail)


class PromptOfficer:
    """An officer who acknowledges or takes over most of what is told, within a minute or two; in half of the runs."""

    def __init__(self, world: World, cloud: Cloud, witness: Witness, until_ms: int) -> None:
        self._world, self._cloud, self._witness, self._until_ms = world, cloud, witness, until_ms
        self._rng = random.Random(f"prompt officer {world.seed}")
        self._seen = 0  # of what was told

    def plan(self) -> None:
        if self._rng.random() < _PROMPT:
            self._world.after(_LOOKS_S, self._look)

    def _look(self) -> None:
        for n, t in enumerate(self._witness.said[self._seen :], self._seen):
            if t.msg_type is not MsgType.CANCEL and self._rng.random() < _ACTS:
                kind = self._rng.choice((DecisionKind.ACKNOWLEDGE, DecisionKind.TAKE_OVER))
                name = f"prompt-{self._world.seed}-{n}"
                decision = Decision(name, kind, "person:eve", self._world.true_ms, t.incident, {})
                if not self._cloud.decide(decision):
                    break  # no answer: she looks again
                self._world.fault(f"acts {kind.value} {t.incident}")
            self._seen = n + 1
        if self._world.true_ms < self._until_ms:
            self._world.after(_LOOKS_S, self._look)
