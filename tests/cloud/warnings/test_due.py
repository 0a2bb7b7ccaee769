"""Whose turn it is by time alone: what the calendar says is what asking every incident would say."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from cloud.warnings.due import Calendar
from contract.conditions.columns import NOT_DUE


@dataclass
class Open:
    next_ms: int


@pytest.mark.parametrize("seed", range(20))
def test_it_says_what_asking_all_would_say(seed: int) -> None:
    chance, opened, now_ms = random.Random(seed), dict[str, Open](), 0
    calendar = Calendar(opened)
    for _ in range(600):
        now_ms += chance.choice([0, 1, 1, 5, 60])
        due = calendar.due(opened, now_ms)
        assert sorted(due) == sorted(zone for zone, o in opened.items() if o.next_ms <= now_ms)
        touched = {*due, *(f"z{chance.randrange(30)}" for _ in range(chance.randrange(4)))}
        for zone in touched:
            what = chance.random()
            if zone not in opened and what < 0.5:
                opened[zone] = Open(now_ms + chance.choice([0, 7, 30, 30, 300]))
            elif zone in opened and what < 0.1:
                del opened[zone]
            elif zone in opened and what < 0.8:
                opened[zone].next_ms = now_ms + chance.choice([0, 7, 30, 30, 300])
        calendar.note(opened, touched)
        assert calendar.next_ms(opened) == min((o.next_ms for o in opened.values()), default=NOT_DUE)
