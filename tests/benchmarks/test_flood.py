"""A gateway that floods, before a real broker and cloud: others' alarms arrive, nothing of theirs is let go, and memory
stays bounded. How fast is measured by `make bench ARGS=flood`."""

from __future__ import annotations

import pytest

from tests.servers import require


@pytest.mark.servers
def test_who_floods_waits_behind_himself(monkeypatch):
    require("mosquitto")
    from benchmarks import flood

    monkeypatch.setattr(flood, "SECONDS", 5.0)
    found = flood.run()
    alarms, missing = str(found["flooded: alarms, of them not at the webhook after 30 s"]).split(", ")
    assert int(alarms) > 0 and missing == "0"
    sent, stored = str(found["honest batches sent, in the log"]).split(", ")
    assert sent == stored
    before_mb, highest_mb = map(float, str(found["the cloud's memory before, and at its highest, MB"]).split(", "))
    assert highest_mb < before_mb + 300
    assert all(f"{lane}_deferred" in str(found["let go"]) for lane in ("alarm", "live", "history", "sayings"))
