"""Disks that fill in a storm, and have room again: said plainly, nothing lost, no hand needed.

A small tmpfs stands for the disk; that takes root, so elsewhere than in CI these are skipped by name.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest

from simulators.audit.run_folder import audit
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene
from simulators.storms.storms import parse_storm
from tests.run.settling import caught_up, played, settled, uplink
from tests.waiting import until_async

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("mounting a small disk takes root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """To the last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue
    return filler


async def filled(district: District, disk: Path, said: Callable[[], str]) -> None:
    """A storm in which the disk fills, until `said()` says so, and has room again."""
    await district.start()
    await settled(district)
    filler = fill(disk)
    await until_async(lambda: "make room" in said())
    await asyncio.sleep(5)  # it goes on so for a while
    filler.unlink()
    await until_async(lambda: "make room" not in said())
    await played(district, 26)
    await settled(district)
    district.check()
    await district.stop_edges()
    await until_async(lambda: httpx2.get(f"{district.http}/readyz", timeout=30).status_code == 200)
    await caught_up(district)
    await asyncio.to_thread(district.cloud.stop)


async def test_a_full_disk_of_the_cloud(tmp_path: Path) -> None:
    scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 5, lead_ms=0)
    district = District(scene)
    with small_disk(scene.out / "cloud", 24):
        try:
            await filled(district, scene.out / "cloud", lambda: httpx2.get(f"{district.http}/readyz", timeout=30).text)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert found.good, found.as_json()
    assert found.stored > 100


async def test_a_full_disk_of_a_gateway(tmp_path: Path) -> None:
    scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 5, lead_ms=0)
    district = District(scene)
    with small_disk(scene.out / "edge" / "gw-north", 12):
        try:
            said = partial(uplink, district, "gw-north")
            await filled(district, scene.out / "edge" / "gw-north", lambda: said().get("trouble", ""))
            found = audit(scene.out)
        finally:
            await district.stop()
    assert found.good, found.as_json()
    assert found.stored > 100
