"""Spans cut at edges, against every pair of them in plain Python."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from cloud.hydrology.overlaps import overlaps


@pytest.mark.parametrize("seed", range(20))
def test_every_pair_that_shares_time_is_there_once(seed):
    rng = random.Random(seed)
    edges = sorted(rng.sample(range(100), rng.randrange(2, 9)))
    spans = [(a, a + rng.randrange(0, 40)) for a in (rng.randrange(-20, 120) for _ in range(12))]
    found = overlaps(*(np.array(x, np.int64) for x in zip(*spans, strict=True)), np.array(edges, np.int64))
    wanted = [
        (s, i, min(b, d) - max(a, c))
        for s, (a, b) in enumerate(spans)
        for i, (c, d) in enumerate(pairwise(edges))
        if min(b, d) > max(a, c)
    ]
    assert list(zip(found.span.tolist(), found.interval.tolist(), found.ms.tolist(), strict=True)) == wanted
