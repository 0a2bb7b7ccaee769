"""What the water did, written and read back."""

from __future__ import annotations

from pathlib import Path

from simulators.catchment.record import WaterRecorder, read_water


def test_every_step_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "water.log"
    recorder = WaterRecorder(path, ["depth:U1", "depth:S1"])
    recorder.write(1_626_768_000_000, [0.25, 0.0])
    recorder.write(1_626_768_010_000, [0.31, 0.02])
    recorder.close()
    found = read_water(path)
    assert list(found.names) == ["depth:U1", "depth:S1"]
    assert found.time_ms.tolist() == [1_626_768_000_000, 1_626_768_010_000]
    assert found.depth_m.tolist() == [[0.25, 0.0], [0.31, 0.02]]


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "water.log"
    recorder = WaterRecorder(path, ["depth:U1"])
    recorder.write(1000, [0.1])
    recorder.write(2000, [0.2])
    recorder.close()
    path.write_bytes(path.read_bytes()[:-3])
    assert read_water(path).time_ms.tolist() == [1000]
