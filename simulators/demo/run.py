"""`headwater-sim demo`: plays a storm to its end, audits it, and leaves the page up."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from cloud.warnings.codec import message_json
from cloud.warnings.model import Message
from simulators.audit.compare import Audit
from simulators.audit.run_folder import audit
from simulators.catchment.record import read_water
from simulators.demo.district import WATER, District, Scene, views_behind
from simulators.demo.levels import Rise, rises, watched
from simulators.demo.summary import live, report

_LONGEST_H = 18.0
_CALM_H = 1.0  # so long must the district be dry and without a warning
_DRY_M = 0.03
_CLOUD_STOP_S = 60.0  # it hands on what it has first


def messages_of(out: Path) -> list[Message]:
    """Every warning message in the ledger of a cloud that has stopped, oldest first."""
    from sqlalchemy import select

    from cloud.config import load_config
    from cloud.ledger.open import open_ledger
    from cloud.warnings.results import message_of
    from cloud.warnings.tables import messages

    ledger = open_ledger(load_config(out / "cloud.yaml").ledger_url)
    with ledger.connect() as db:
        found = [message_of(row) for row in db.execute(select(messages).order_by(messages.c.number))]
    ledger.dispose()
    return found


def maintenance_of(out: Path) -> list[dict[str, Any]]:
    """Every maintenance notice in the ledger of a cloud that has stopped, as the API tells it."""
    from cloud.config import load_config
    from cloud.ledger.open import open_ledger
    from cloud.maintenance.reader import LedgerMaintenance

    ledger = open_ledger(load_config(out / "cloud.yaml").ledger_url)
    found = [n.notice.told() for n in LedgerMaintenance(ledger).after(0, 10_000)]
    ledger.dispose()
    return found


class Demo:
    def __init__(self, scene: Scene, hours: float | None, headless: bool) -> None:
        self._scene, self._hours, self._headless = scene, hours, headless
        self._console = Console(stderr=headless)
        self._district = District(scene)
        self._calm_since_ms: int | None = None
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """The exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        district = self._district
        try:
            await district.start()
            self._console.print(f"page: {district.http}   files: {escape(str(self._scene.out))}")
            async with httpx2.AsyncClient(base_url=district.http, timeout=10) as client:
                await self._play(client)
                await district.stop_edges()
                await self._caught_up(client)
            # The store has one owner: the cloud steps aside while it is audited.
            await asyncio.to_thread(district.cloud.stop, _CLOUD_STOP_S)
            # Only now: time went on until the cloud stopped, and with it came warnings.
            messages = await asyncio.to_thread(messages_of, self._scene.out)
            found = await asyncio.to_thread(audit, self._scene.out)
            told = self._rises(messages)
            outcome = self._outcome(found, messages, told)
            outcome["maintenance"] = await asyncio.to_thread(maintenance_of, self._scene.out)
            (self._scene.out / "report.json").write_text(json.dumps(outcome, indent=1))
            if self._headless:
                print(json.dumps(outcome), flush=True)
            else:
                self._console.print(report(found, messages, told, district.catalogue.district.time_zone))
                await self._stay()
            return 0 if found.good else 1
        except (RuntimeError, httpx2.HTTPError, OSError) as error:
            self._console.print(f"[bold red]the demonstration failed:[/] {escape(str(error))}")
            if self._headless:
                print(json.dumps({"failed": str(error)}), flush=True)
            return 1
        finally:
            await district.stop()

    async def _play(self, client: httpx2.AsyncClient) -> None:
        state = await self._state(client)
        with Live(console=self._console, refresh_per_second=4, transient=self._headless) as screen:
            while not self._stop.is_set():
                self._district.check()
                with suppress(httpx2.HTTPError):
                    state = await self._state(client)
                rain = self._scene.storm
                now_ms = self._district.clock.now_ms()
                fallen = rain.fallen_mm(now_ms) - rain.fallen_mm(self._district.clock.start_ms)
                screen.update(live(state, fallen, self._progress(now_ms), self._counts(), self._district.http))
                if self._over(state, now_ms):
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):  # not wait_for: in Python 3.11 it can swallow a cancellation
                        await self._stop.wait()

    def _over(self, state: dict[str, Any], now_ms: int) -> bool:
        elapsed_h = (now_ms - self._district.clock.start_ms) / 3_600_000
        if self._hours is not None:
            return elapsed_h >= self._hours
        wet = any(
            s["quantity"] == "depth" and (s["value"] is None or s["value"] > _DRY_M or s["state"] != "normal")
            for s in state["stations"]
        )
        warned = any(not w["closed_ms"] for w in state["warnings"])
        if wet or warned or now_ms < self._scene.storm.end_ms:
            self._calm_since_ms = None
        elif self._calm_since_ms is None:
            self._calm_since_ms = now_ms
        calm_ms = 0 if self._calm_since_ms is None else now_ms - self._calm_since_ms
        return calm_ms >= _CALM_H * 3_600_000 or elapsed_h >= _LONGEST_H

    def _progress(self, now_ms: int) -> float:
        """Of the hours asked for; else of the storm and the five hours the district then takes to drain."""
        start_ms = self._district.clock.start_ms
        length_ms = self._hours * 3_600_000 if self._hours else self._scene.storm.end_ms + 5 * 3_600_000 - start_ms
        return min((now_ms - start_ms) / length_ms, 1.0)

    def _counts(self) -> dict[str, int]:
        """From the gateways' status files."""
        out: Counter[str] = Counter({"made": 0, "suppressed": 0, "reported": 0})
        for gateway in self._district.gateways:
            with suppress(OSError, ValueError):
                status = json.loads((self._scene.out / "edge" / gateway / "status.json").read_text())
                out.update({k: status["readings"].get(k, 0) for k in ("made", "suppressed", "reported")})
        return dict(out)

    async def _state(self, client: httpx2.AsyncClient) -> dict[str, Any]:
        found: dict[str, Any] = (await client.get("/page/state")).raise_for_status().json()
        return found

    async def _caught_up(self, client: httpx2.AsyncClient) -> None:
        """Until every view is at the end of the log, or a minute has gone. What they still make is delivered by the
        cloud as it stops."""
        for _ in range(240):
            if await views_behind(client) == 0:
                return
            await asyncio.sleep(0.25)

    def _rises(self, messages: list[Message]) -> list[Rise]:
        district = self._district
        signal_of = watched(district.catalogue, district.simulation)
        return rises(district.catalogue, signal_of, read_water(self._scene.out / WATER), messages)

    def _outcome(self, found: Audit, messages: list[Message], told: list[Rise]) -> dict[str, Any]:
        centre = self._district.centre
        return {
            **found.as_json(),
            "storm": self._scene.storm.name,
            "speed": self._scene.speed,
            "seed": self._scene.seed,
            "warnings": [_warning(m) for m in messages],
            "levels": [r.as_json() for r in told],
            "delivered": len(centre.messages),
            "delivered_twice": centre.doubles,
            "forged": centre.forged,
        }

    async def _stay(self) -> None:
        """The page is up until Ctrl-C."""
        self._stop.clear()
        self._district.cloud.start()
        await asyncio.to_thread(self._district.cloud.first_line)
        self._console.print(f"\nThe page stays up at {self._district.http} until Ctrl-C.")
        await self._stop.wait()


def _warning(m: Message) -> dict[str, Any]:
    """A message as the API tells it, without what only its followers need."""
    said = message_json(m)
    return {k: said[k] for k in ("id", "incident", "sent", "msgType", "level", "why", "renewal")}
