"""Who is silent: gateways, devices, sensors, against their own cadence, told once for all behind it. Pure.

A sound channel says something at least every heartbeat, and on the reading on which that falls (reports by exception).
So it is silent when it said nothing for that long, two periods and a minute more, while its gateway was heard. A
gateway is silent after the shortest such time of its channels; then nothing is said of its sensors: nobody knows.
With a device it is the same. One that was never heard is not told of: a new site is not finished. Where the log stood
still we heard nobody, and all begin again when it goes on: what was sent meanwhile may come late, and as history. Who
was said to be silent before stays so until it is heard.
`cloud.warnings.blind` tells the warnings' consumers of whole zones; this tells engineers what to mend.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cloud.maintenance.columns import NEVER, Columns
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import Found, Judgement, Place
from cloud.maintenance.pumps import Link
from contract.catalogue.catalogue import Catalogue
from contract.readings import Bools, Int64s

_EXTRA_MS = 60_000


@dataclass(slots=True)
class SilenceState:
    """gateways: when each was last heard, by the log. back_ms: when one was heard again that had been silent. awake_ms:
    when the log last went on after it had stood still: what was silent meanwhile, we did not hear."""

    gateways: dict[str, int] = field(default_factory=dict)
    back_ms: dict[str, int] = field(default_factory=dict)
    awake_ms: int = NEVER

    def awake(self, now_ms: int) -> None:
        """The log goes on after it stood still for long."""
        self.awake_ms = now_ms


class Silence:
    """rows: the catalogue's channels in order of number."""

    def __init__(self, catalogue: Catalogue) -> None:
        infos = [catalogue.channels[c] for c in sorted(catalogue.channels)]
        self._channels = [c.id for c in infos]
        self.quiet_ms: Int64s = np.array(
            [1000 * (c.reporting.heartbeat_s + 2 * c.period_s) + _EXTRA_MS for c in infos], np.float64
        ).astype(np.int64)
        self._gateways = list(catalogue.gateways)
        place = {g: n for n, g in enumerate(self._gateways)}
        self._gateway: Int64s = np.array([place[c.gateway] for c in infos], np.int64)
        devices: dict[str, list[int]] = defaultdict(list)
        for row, c in enumerate(infos):
            devices[c.device.id].append(row)
        self._row = {str(c.id): [row] for row, c in enumerate(infos)}
        self._device_of = [c.device.id for c in infos]
        self._rows_of: Mapping[str, list[int]] = devices
        self._devices = list(devices)
        number = {device: n for n, device in enumerate(self._devices)}
        self._device: Int64s = np.array([number[c.device.id] for c in infos], np.int64)
        self._device_quiet_ms = np.full(len(devices), 2**62, np.int64)
        np.minimum.at(self._device_quiet_ms, self._device, self.quiet_ms)
        self._sensors = np.bincount(self._gateway, minlength=len(self._gateways)) if infos else np.zeros(0, np.int64)
        self._gateway_quiet_ms = np.full(len(self._gateways), 2**62, np.int64)
        np.minimum.at(self._gateway_quiet_ms, self._gateway, self.quiet_ms)

    def hear(self, state: SilenceState, gateway: str, now_ms: int) -> None:
        """A batch of this gateway stands in the log."""
        before = state.gateways.get(gateway)
        if before is not None and gateway in self._gateways:
            quiet_ms = int(self._gateway_quiet_ms[self._gateways.index(gateway)])
            if now_ms - max(before, state.awake_ms) > quiet_ms:
                state.back_ms[gateway] = now_ms
        state.gateways[gateway] = now_ms

    def judge(self, state: SilenceState, columns: Columns, now_ms: int) -> tuple[Judgement, Bools]:
        """What is silent, and which channels speak now, shape (n,): of the others nothing else can be judged."""
        out = Judgement()
        heard_ms = np.array([state.gateways.get(g, NEVER) for g in self._gateways], np.int64)
        since_ms = np.maximum(heard_ms, state.awake_ms)
        since_ms[heard_ms == NEVER] = NEVER
        silent = (since_ms != NEVER) & (now_ms - since_ms > self._gateway_quiet_ms)
        for n in np.flatnonzero(silent).tolist():
            more = f"{int(self._sensors[n])} channels behind it"
            out.found.append(Found(Kind.GATEWAY_SILENT, f"gateway/{self._gateways[n]}", int(heard_ms[n]), None, more))
        dumb = silent[self._gateway]
        # A device, or a channel, is judged only when what it hangs on was heard after its own time was over.
        back_ms = np.array([max(state.back_ms.get(g, NEVER), state.awake_ms) for g in self._gateways], np.int64)
        from_ms = back_ms[self._gateway]
        ever, of = columns.heard_ms != NEVER, self._device
        device_ms = np.full(len(self._devices), NEVER, np.int64)
        np.maximum.at(device_ms, of, columns.heard_ms)
        device_due_ms = np.maximum(device_ms[of], from_ms) + self._device_quiet_ms[of]
        device_over = ever & (now_ms > device_due_ms)
        gone = device_over & (heard_ms[self._gateway] > device_due_ms) & ~dumb
        due_ms = np.maximum(columns.heard_ms, from_ms) + self.quiet_ms
        over = ever & (now_ms > due_ms)
        dead = over & (device_ms[of] > due_ms) & ~dumb & ~gone
        bad = ever & (columns.bad_ms != NEVER) & ~over & ~device_over & ~dumb
        # A device of which every channel is missing did not answer; where some answer, the others measure nothing.
        missing, count = bad & columns.missing, len(self._devices)
        all_missing = np.bincount(of[missing], minlength=count) == np.bincount(of[ever], minlength=count)
        unanswered = missing & all_missing[of]
        bad &= ~unanswered
        since_ms = np.where(unanswered, columns.bad_ms, np.where(gone, device_due_ms, due_ms))
        self._by_device(ever, dead | gone | unanswered, gone | unanswered, since_ms, out)
        for row in np.flatnonzero(bad).tolist():
            out.found.append(Found(Kind.NO_VALUE, f"channel/{self._channels[row]}", int(columns.bad_ms[row])))
        unsaid = dumb | ((over | device_over) & ~dead & ~gone)
        # Who was silent before we, or its gateway, were away is not back because the wait for it begins again.
        unheard = ever & (columns.heard_ms <= from_ms)
        waits = set(np.array(self._gateways)[(heard_ms <= state.awake_ms) & ~silent].tolist())

        def unsure(place: Place) -> bool:
            if place.kind is Kind.GATEWAY_SILENT:
                return place.id in waits
            if place.kind is Kind.DEVICE_SILENT:
                rows = self._rows_of.get(place.id, [])
                return bool(unsaid[rows].any() or unheard[rows].all())
            rows = self._row.get(place.id, [])
            return place.kind in (Kind.SENSOR_SILENT, Kind.NO_VALUE) and bool((unsaid | unheard)[rows].any())

        out.unsure.append(unsure)
        speaks: Bools = ever & ~over & ~device_over & (columns.bad_ms == NEVER) & ~dumb
        return out, speaks

    def links(self, state: SilenceState) -> dict[str, Link]:
        """The way to each gateway's stations."""
        return {
            g: Link(state.gateways.get(g, NEVER), max(state.back_ms.get(g, NEVER), state.awake_ms))
            for g in self._gateways
        }

    def _by_device(self, ever: Bools, all_silent: Bools, whole: Bools, since_ms: Int64s, out: Judgement) -> None:
        """By device where all that was ever heard of it is silent. whole: for a reason that is the device's."""
        for device in sorted({self._device_of[row] for row in np.flatnonzero(all_silent).tolist()}):
            rows = [row for row in self._rows_of[device] if ever[row]]
            gone = [row for row in rows if all_silent[row]]
            if len(rows) > 1 and all(whole[row] for row in rows):
                since = max(int(since_ms[row]) for row in gone)
                out.found.append(Found(Kind.DEVICE_SILENT, f"device/{device}", since, None, f"{len(rows)} channels"))
            else:
                out.found.extend(
                    Found(Kind.SENSOR_SILENT, f"channel/{self._channels[r]}", int(since_ms[r])) for r in gone
                )
