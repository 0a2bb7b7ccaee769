"""`headwater-edge qc FILE.csv --config TESTS.yaml`: the agent's quality tests over a recorded series.

In: `time,value` (RFC 3339 with a zone, or epoch milliseconds; an empty value or NaN is missing).
Out: `time,value,flag,tests`; time and value as they came, flag 1 2 3 4 or 9, tests the names of those that objected.
TESTS.yaml holds the `quality` settings of a device register, and may give `period_s` (else the median interval).
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from contract.catalogue.channel_settings import Quality
from contract.clock import to_ms
from contract.documents import ConfigError, Mistake, validate
from contract.quality.tests import Check, QualityTests
from contract.readings import ReadingBatch, Uint8s
from contract.settings_model import Positive
from host.yaml_config import read_yaml

_CHANNEL = 1
_MAX_MISTAKES = 100
_FURTHEST_MS = 253_402_300_799_000  # the end of year 9999


class SeriesTests(Quality):
    """The quality settings of a register, and the period they are to be read with."""

    period_s: Positive | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A recorded series: its text as it came, and what it means."""

    text: Sequence[tuple[str, str]]
    readings: ReadingBatch


def main(series: Path, tests: Path, out: TextIO) -> None:
    """Raises ConfigError with every mistake of both files, each with its line."""
    document = read_yaml(tests)
    settings = validate(document, SeriesTests)
    if settings is None:
        raise ConfigError(document.mistakes)
    recorded = read_series(series)
    flag, checks = evaluate(recorded.readings, settings)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("time", "value", "flag", "tests"))
    for (time, value), f, c in zip(recorded.text, flag.tolist(), checks.tolist(), strict=True):
        writer.writerow((time, value, f, " ".join(k.name.lower() for k in Check if c & k and k.name)))


def evaluate(readings: ReadingBatch, settings: SeriesTests) -> tuple[Uint8s, Uint8s]:
    """Flags and `Check` bits of one channel's readings, late judgements on spikes applied."""
    period_s = settings.period_s
    if period_s is None:
        gaps = np.diff(np.sort(readings.time_ms))
        period_s = float(np.median(gaps)) / 1000 if len(gaps) and np.median(gaps) > 0 else 1.0
    quality = Quality(**settings.model_dump(exclude={"period_s"}))
    tests = QualityTests([_CHANNEL], [quality], [period_s])
    _, result = tests.step(tests.initial(), readings)
    flag, checks = result.flag.copy(), result.tests.copy()
    order = np.argsort(readings.time_ms, kind="stable")
    late = result.corrections
    at = order[np.searchsorted(readings.time_ms, late.time_ms, sorter=order)]
    flag[at], checks[at] = late.flag, result.correction_tests
    return flag, checks


def read_series(file: Path) -> Series:
    """Raises ConfigError naming the lines that cannot be read, the first hundred of them."""
    mistakes: list[Mistake] = []
    text: list[tuple[str, str]] = []
    time_ms = array("q")
    value = array("d")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.reader(lines)
            for row in rows:
                if rows.line_num == 1 and row and row[0].strip().lower() in ("time", "time_ms", ""):
                    continue
                if not row:
                    continue
                try:
                    when, what = row[0].strip(), row[1].strip()
                    time_ms.append(parse_time(when))
                    value.append(float(what) if what else np.nan)
                    text.append((when, what))
                except (ValueError, IndexError) as error:
                    del time_ms[len(text) :]
                    said = f"{','.join(row[:3])[:80]!r} is not time,value: {str(error)[:120]}"
                    mistakes.append(Mistake(file, rows.line_num, said))
                    if len(mistakes) >= _MAX_MISTAKES:
                        break
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        mistakes.append(Mistake(file, 1, f"cannot be read: {error}"))
    if mistakes:
        raise ConfigError(mistakes)
    return Series(text, ReadingBatch.of(time_ms, np.full(len(time_ms), _CHANNEL), value))


def parse_time(text: str) -> int:
    """UTC ms of '2021-07-20T16:00:00+08:00' or of epoch milliseconds. Raises ValueError."""
    found = int(text) if text.lstrip("-").isdigit() else to_ms(datetime.fromisoformat(text))
    if abs(found) > _FURTHEST_MS:
        raise ValueError("a time after the year 9999")
    return found
