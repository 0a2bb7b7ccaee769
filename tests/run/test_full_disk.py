"""Disks that fill in a storm, and have room again: said plainly, nothing lost, no hand needed.

A small tmpfs stands for the disk; that takes root, so elsewhere than in CI these are skipped by name.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from simulators.audit.run_folder import audit
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene, views_behind
from simulators.storms.storms import parse_storm

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]


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


async def played(scene: Scene, district: District, disk: Path, full_s: float) -> tuple[str, str]:
    """What is said of the full disk: by the cloud's /readyz, and by the gateways' status."""
    await district.start()
    await asyncio.sleep(8)
    filler = fill(disk)
    await asyncio.sleep(full_s)
    async with httpx.AsyncClient(base_url=district.http, timeout=5) as client:
        ready = (await client.get("/readyz")).text
        paths = sorted(scene.out.glob("edge/*/status.json"))
        states = [json.loads(p.read_text())["uplink"]["trouble"] for p in paths]
        filler.unlink()
        await asyncio.sleep(8)
        district.check()
        await district.stop_edges()
        for _ in range(80):
            if (await client.get("/readyz")).status_code == 200 and await views_behind(client) == 0:
                break
            await asyncio.sleep(0.25)
    await asyncio.to_thread(district.cloud.stop)
    return ready, " ".join(states)


async def test_a_full_disk_of_the_cloud(tmp_path: Path) -> None:
    scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 5, lead_ms=0)
    district = District(scene)
    with small_disk(scene.out / "cloud", 24):
        try:
            said, _ = await played(scene, district, scene.out / "cloud", 10)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert "make room" in said
    assert found.good, found.as_json()
    assert found.stored > 100


async def test_a_full_disk_of_a_gateway(tmp_path: Path) -> None:
    scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 5, lead_ms=0)
    district = District(scene)
    with small_disk(scene.out / "edge" / "gw-north", 12):
        try:
            _, said = await played(scene, district, scene.out / "edge" / "gw-north", 10)
            found = audit(scene.out)
        finally:
            await district.stop()
    assert "make room" in said
    assert found.good, found.as_json()
    assert found.stored > 100
