"""The restore drill with everything real: a cloud, gateways and mosquitto as processes, and the cloud's disk dies."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud.cli.main import app
from cloud.log.base import START, EntryKind
from cloud.log.open import open_log
from simulators.cli.main import DISTRICT
from simulators.demo.district import District, Scene
from simulators.storms.storms import parse_storm
from tests.run.settling import caught_up, played, settled
from tests.servers import mosquitto
from tests.waiting import LONG_S, until_async

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]
Batch = tuple[str, str, int]  # gateway, spool, sequence


async def run(*arguments: object) -> list[dict[str, Any]]:
    done = await asyncio.to_thread(CliRunner().invoke, app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def batches(data: Path) -> Counter[Batch]:
    """As often as each stands in the log."""
    log, found, cursor = open_log(data), Counter[Batch](), START
    while entries := log.read(cursor, 5000):
        found.update((e.gateway, f"{e.spool:016x}", e.seq) for e in entries if e.kind is EntryKind.BATCH)
        cursor = entries[-1].offset
    log.close()
    return found


def told(out: Path) -> list[str]:
    lines = [json.loads(x) for x in (out / "warnings.jsonl").read_text().splitlines()]
    return [x["id"] for x in lines if x["type"] == "warning"]


async def test_what_gateways_had_handed_over_after_the_backup_is_named_and_all_else_is_there_once(
    tmp_path: Path,
) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        scene = Scene(DISTRICT, tmp_path / "out", parse_storm("zhengzhou-2021"), 60.0, 3, 0, ("127.0.0.1", broker.port))
        district = District(scene)
        out, config, data = scene.out, scene.out / "cloud.yaml", scene.out / "cloud"
        try:
            await district.start()
            await until_async(lambda: (out / "warnings.jsonl").exists() and len(told(out)) > 0, 2 * LONG_S)
            await run("backup", "--config", config, "--to", tmp_path / "copy")
            at_backup = told(out)
            minutes = (district.clock.now_ms() - district.clock.start_ms) / 60_000
            await played(district, minutes + 12)
            await caught_up(district)
            district.cloud.kill()
            broker.kill()  # it stood on the same machine
            dead = data.rename(out / "dead")
            await run("restore", tmp_path / "copy", "--config", config)
            broker.start()
            district.cloud.start()
            await asyncio.to_thread(district.cloud.first_line)
            await settled(district)
            handed, named = batches(dead), set[Batch]()
            async with asyncio.timeout(2 * LONG_S):
                while not named or not set(handed) - set(batches(data)) <= named:
                    for x in await run("lost", "--config", config):
                        numbers = range(x["first"], x["last"] + 1)
                        named.update((x["gateway"], x["spool"], n) for n in numbers)
                    await asyncio.sleep(1)
            district.check()
            await district.stop_edges()
            await caught_up(district)
            await asyncio.to_thread(district.cloud.stop)
        finally:
            await district.stop()
    after = batches(data)
    assert named == set(handed) - set(after)  # each lost one by gateway and sequence, and no other
    assert set(after.values()) == {1}
    for gateway, spool in {x[:2] for x in after}:
        numbers = {n for g, s, n in {*after, *named} if (g, s) == (gateway, spool)}
        assert numbers == set(range(min(numbers), max(numbers) + 1)), gateway
    again = Counter(told(out))
    assert [x for x in at_backup if again[x] != 1] == []
