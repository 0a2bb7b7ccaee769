"""The district that comes along is found; the wheel's place for it is tried by .ci/installs."""

from __future__ import annotations

from host.district_folder import load
from simulators.shipped import CONFIGS, DISTRICT


def test_the_district_and_its_device_files_are_there() -> None:
    assert load(DISTRICT).district.id == "jinshui"
    assert (CONFIGS / "systemd" / "headwater-edge.service").is_file()
