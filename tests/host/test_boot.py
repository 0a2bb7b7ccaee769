"""Which boot of the machine this is."""

from __future__ import annotations

from contract.clock import ScaledClock, SystemClock
from host import boot
from host.boot import boot_id, boot_of


def test_each_scenario_of_one_boot_is_a_boot_of_its_own():
    assert boot_of(SystemClock()) == boot_id()
    one, other = ScaledClock(0, 60, 5), ScaledClock(0, 120, 5)
    assert len({boot_of(SystemClock()), boot_of(one), boot_of(other)}) == 3
    assert boot_of(one) == boot_of(ScaledClock(0, 60, 5))


def test_where_nothing_says_it_every_start_is_a_boot(monkeypatch, tmp_path):
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "none")
    assert boot_id() != boot_id()
