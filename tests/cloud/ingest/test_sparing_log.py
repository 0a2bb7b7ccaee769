from __future__ import annotations

import logging

import pytest

from cloud.ingest.sparing_log import SparingLog


def test_a_flood_of_one_gateway_is_a_few_lines_and_hides_nothing_of_others(caplog: pytest.LogCaptureFixture) -> None:
    sparing = SparingLog(logging.getLogger("x"))
    for _ in range(1000):
        sparing.warn("gw-a", 0, "refused a batch on %s: %s", "a", "foreign")
    sparing.warn("gw-a", 10_000, "refused a batch on %s: %s", "a", "foreign")
    sparing.warn("gw-b", 10_000, "refused a batch on %s: %s", "b", "foreign")
    said = [r.getMessage() for r in caplog.records]
    assert len(said) == 20 + 1 + 1
    assert said[0] == "refused a batch on a: foreign"
    assert said[20] == "refused a batch on a: foreign (and 980 others of it that are not written down)"
    assert said[-1] == "refused a batch on b: foreign"
