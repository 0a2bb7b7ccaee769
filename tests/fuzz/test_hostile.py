"""Every decoder under hostile input: its seeds, every case that ever hurt, and what hypothesis makes of them.

One table (`targets`) says what there is to decode. The coverage-guided runs over the same table are `make fuzz`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import shells
from tests.fuzz.mutate import mutate
from tests.fuzz.targets import HERE, TARGETS, Target

_REFUSED_SEEDS = {("modbus.tcp", "exception"), ("modbus.rtu", "exception"), ("yaml.rules", "anchors")}
_QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
each = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())


@pytest.fixture(autouse=True, scope="module")
def _swept() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    shells.sweep()


@each
def test_its_own_seeds_are_taken(target: Target):
    seeds = target.inputs("corpus")
    assert seeds, "a target without a seed is fuzzed blindly: add one in make_corpus.py"
    for seed in seeds:
        assert target.check(seed.read_bytes()) is ((target.name, seed.name) not in _REFUSED_SEEDS), seed.name


def test_every_case_belongs_to_a_target():
    assert {p.name for p in (HERE / "cases").iterdir() if p.is_dir()} <= set(TARGETS)


@each
def test_what_once_hurt_does_so_no_more(target: Target):
    for case in target.inputs("cases"):
        target.check(case.read_bytes())


def _bent(target: Target, runs: int) -> None:
    seeds = [p.read_bytes() for kind in ("corpus", "cases") for p in target.inputs(kind)]

    @settings(max_examples=runs, derandomize=True, **_QUIET)
    @given(st.sampled_from(seeds), st.integers(0, 2**64 - 1))
    def bent(seed: bytes, number: int) -> None:
        # One draw; what becomes of it is not hypothesis' affair, which called it inconsistent once.
        target.check(mutate(seed, seeds, random.Random(number)))

    bent()


def _noise(target: Target, runs: int) -> None:
    @settings(max_examples=runs, derandomize=True, **_QUIET)
    @given(st.binary(max_size=600) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
    def noise(data: bytes) -> None:
        target.check(data)

    noise()


@each
def test_noise_is_refused_by_name(target: Target):
    _noise(target, 10 if target.files else 25)


@each
def test_honest_input_bent_is_taken_or_refused_by_name(target: Target):
    _bent(target, 15 if target.files else 40)


@pytest.mark.slow
@pytest.mark.unhurried
@pytest.mark.timeout(600)
@each
def test_at_length(target: Target):
    # A file of its own is made and opened for each: a tenth of the runs takes as long.
    share = 10 if target.name in ("file.ledger", "file.spool", "catalogue") else 1
    _noise(target, 500 // share)
    _bent(target, 2000 // share)
