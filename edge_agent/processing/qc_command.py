"""`headwater-edge qc FILE.csv --config TESTS.yaml`: the agent's quality tests over a recorded series.

In: a CSV file with a time and a value (`edge_agent.processing.csv_series` says what it reads, and what must be said).
Out: `time,value,flag,tests`; time and value as they came, flag 1 2 3 4 or 9, tests the names of those that objected;
`duplicate` where two rows give one time different values. What was assumed about the file goes to `said`.
TESTS.yaml holds the `quality` settings of a device register, and may give `period_s` (else the median interval).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

import numpy as np

from contract.catalogue.channel_settings import Quality
from contract.documents import ConfigError, validate
from contract.quality.tests import Check, QualityTests
from contract.readings import Flag, ReadingBatch, Uint8s
from contract.settings_model import Positive
from edge_agent.processing.csv_series import CHANNEL, CsvForm, read_series
from host.yaml_config import read_yaml


class SeriesTests(Quality):
    """The quality settings of a register, and the period they are to be read with."""

    period_s: Positive | None = None


def main(series: Path, tests: Path, out: TextIO, said: TextIO, form: CsvForm | None = None) -> None:
    """Raises ConfigError with every mistake of both files, each with its line."""
    document = read_yaml(tests)
    settings = validate(document, SeriesTests)
    if settings is None:
        raise ConfigError(document.mistakes)
    recorded = read_series(series, form)
    for assumption in recorded.assumed:
        said.write(f"{series}: {assumption}\n")
    flag, checks = evaluate(recorded.readings, settings)
    contradicted = set(recorded.contradicted)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("time", "value", "flag", "tests"))
    for i, ((time, value), f, c) in enumerate(zip(recorded.text, flag.tolist(), checks.tolist(), strict=True)):
        names = [k.name.lower() for k in Check if c & k and k.name]
        if i in contradicted:
            names.append("duplicate")
        doubted = i in contradicted and f in (Flag.PASS, Flag.NOT_EVALUATED)
        writer.writerow((time, value, Flag.SUSPECT.value if doubted else f, " ".join(names)))


def evaluate(readings: ReadingBatch, settings: SeriesTests) -> tuple[Uint8s, Uint8s]:
    """Flags and `Check` bits of one channel's readings, late judgements on spikes applied."""
    period_s = settings.period_s
    if period_s is None:
        gaps = np.diff(np.sort(readings.time_ms))
        period_s = float(np.median(gaps)) / 1000 if len(gaps) and np.median(gaps) > 0 else 1.0
    quality = Quality(**settings.model_dump(exclude={"period_s"}))
    tests = QualityTests([CHANNEL], [quality], [period_s])
    _, result = tests.step(tests.initial(), readings)
    flag, checks = result.flag.copy(), result.tests.copy()
    order = np.argsort(readings.time_ms, kind="stable")
    late = result.corrections
    at = order[np.searchsorted(readings.time_ms, late.time_ms, sorter=order)]
    flag[at], checks[at] = late.flag, result.correction_tests
    return flag, checks
