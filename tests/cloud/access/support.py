"""A cloud's access with a clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloud.access import people
from cloud.access.access import Access, Refused
from cloud.access.scopes import Role
from cloud.access.settings import AccessSettings
from cloud.ledger.open import open_ledger

PASSWORD = "correct horse battery"
START_MS = 1_800_000_000_000


class HandClock:
    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms

    def real_s(self, scenario_s: float) -> float:
        return scenario_s

    async def sleep(self, scenario_s: float) -> None:
        self.ms += int(scenario_s * 1000)


def make_access(**settings: object) -> tuple[Access, HandClock]:
    clock = HandClock()
    return Access(open_ledger("sqlite://"), AccessSettings(**settings), clock), clock


def add_ann(access: Access, role: Role = Role.DUTY_OFFICER) -> None:
    people.add(access.engine, "ann", role, PASSWORD, access.now_ms(), "shell:test")


def status_of(act: Callable[[], object]) -> int:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.status
