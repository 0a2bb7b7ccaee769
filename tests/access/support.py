"""A cloud's access with a clock that a test moves."""

from __future__ import annotations

from cloud.access.access import Access
from cloud.access.settings import AccessSettings
from cloud.ledger.tables import open_ledger

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
