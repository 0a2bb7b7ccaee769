"""Notices of zones of which nothing is heard: when they are due, when they are wrong."""

from __future__ import annotations

import random

import pytest

from cloud.log.base import Cursor
from cloud.warnings.model import MsgType, Why
from cloud.warnings.settings import WarningSettings
from simulators.promise.warnings.blindness import check_notices
from simulators.promise.warnings.district import first_edition
from simulators.promise.warnings.witness import Era, Heard, Notice, Witness
from simulators.promise.world import Broken, World

EDITION = next(e for seed in range(50) if "riverside" in (e := first_edition(random.Random(seed))).catalogue.zones)
MINUTE_MS = 60_000
SETTINGS = WarningSettings(blind_after_s=900.0)


def played(heard_until_min: int, *notices: Notice, heard_again_min: int = 90) -> Witness:
    """Two hours, in which 431, the one sensor of riverside, is silent for a while."""
    out = Witness(World(1, 0))
    out.world.true_ms = 120 * MINUTE_MS
    out.eras.append(Era(0, Cursor(0), EDITION, Cursor(0)))
    every = {c: set(range(120)) for c in EDITION.catalogue.channels}
    every[431] -= set(range(heard_until_min, heard_again_min))
    for channel, minutes in every.items():
        out.heard[channel] = [Heard(m * MINUTE_MS, m * MINUTE_MS, 0.0, 1, m) for m in sorted(minutes)]
    out.said += notices
    return out


def notice(minute: float, what: MsgType = MsgType.ALERT, text: bytes = b"", incident: str = "blind-1") -> Notice:
    ms = int(minute * MINUTE_MS)
    why = {MsgType.ALERT: Why.BLIND, MsgType.UPDATE: Why.RENEWAL}.get(what, Why.SEEN_AGAIN)
    times = (ms, ms, text, EDITION.catalogue)
    return Notice(f"{incident}-{minute}", incident, frozenset({"riverside"}), what, *times, why, ms + 30 * MINUTE_MS)


def test_in_time_and_until_it_was_heard_again() -> None:
    check_notices(played(20, notice(46), notice(67, MsgType.UPDATE), notice(111, MsgType.CANCEL)), SETTINGS)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ([], "a-blind-zone-is-told"),
        ([notice(56), notice(111, MsgType.CANCEL)], "a-blind-zone-is-told"),  # ten minutes late
        ([notice(31), notice(111, MsgType.CANCEL)], "a-blind-zone-was-silent"),
        ([notice(46), notice(47, incident="blind-2"), notice(111, MsgType.CANCEL)], "a-blind-zone-is-told-once"),
        ([notice(46), notice(50, MsgType.UPDATE), notice(111, MsgType.CANCEL)], "a-blind-zone-is-told-once"),
        ([notice(46), notice(80, MsgType.CANCEL)], "a-blind-zone-ends-when-heard"),
        ([notice(46)], "a-blind-zone-ends-when-heard"),
        (
            [notice(46), notice(111, MsgType.CANCEL, b"<responseType>AllClear</responseType>")],
            "silence-is-no-all-clear",
        ),
    ],
)
def test_what_is_wrong_is_named(said: list[Notice], name: str) -> None:
    with pytest.raises(Broken, match=f"^{name}:"):
        check_notices(played(20, *said), SETTINGS)


def test_a_short_silence_is_nothing_to_tell_of() -> None:
    check_notices(played(20, heard_again_min=40), SETTINGS)
