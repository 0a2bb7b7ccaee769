"""The device file, the quantity, the view and the store of docs/extending.md do what the page says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import contract.catalogue.quantities as quantities
from cloud.log.base import START
from cloud.log.open import open_log
from cloud.views.runner import ViewRunner
from contract.documents import ConfigError
from firmware_bridge.registers import decode
from host.district_folder import load
from tests.cloud.series.support import random_log
from tests.conftest import SMALL_DISTRICT
from tests.docs.extending import blocks, run


def with_device(tmp_path: Path, text: str) -> Path:
    """The small district with one more gauge, described by the device file of the page."""
    folder = tmp_path / "small"
    shutil.copytree(SMALL_DISTRICT, folder)
    (folder / "devices" / "radar-15.yaml").write_text(text)
    gateways = folder / "gateways.yaml"
    line = "          - {id: u1-level, model: level, unit: 1}\n"
    gateways.write_text(
        gateways.read_text().replace(line, line + "          - {id: bridge-radar, model: radar-15, unit: 9}\n", 1)
    )
    district = folder / "district.yaml"
    station = (
        "  - id: bridge\n    name: Bridge\n    zone: ZONE\n    kind: river\n    lat: 34.7\n    lon: 113.6\n"
        "    channels:\n      - {id: 712, device: bridge-radar, register: stage}\n"
    )
    zone = next(iter(load(SMALL_DISTRICT).zones))
    district.write_text(district.read_text().rstrip() + "\n" + station.replace("ZONE", zone))
    return folder


def test_the_device_file_describes_an_instrument(tmp_path):
    (text,) = blocks("A device file", "yaml")
    channel = load(with_device(tmp_path, text)).channels[712]
    assert (channel.quantity.value, channel.unit, channel.period_s) == ("stage", "m", 60)
    assert decode(channel.register, [0x0BB8, 0x0000]) == 3.0
    assert np.isnan(decode(channel.register, [0x0000, 0x8000]))


def test_a_mistake_in_it_is_named_with_its_line(tmp_path):
    (text,) = blocks("A device file", "yaml")
    folder = with_device(tmp_path, text.replace("quantity: stage", "quantity: stages"))
    with pytest.raises(ConfigError, match=r"radar-15\.yaml:8: registers\.0\.quantity"):
        load(folder)


def test_the_quantity_is_one_line(monkeypatch):
    (line,) = blocks("A quantity", "python")
    source = Path(quantities.__file__).read_text()
    anchor = '    CODE = "code"'
    assert anchor in source
    made = run(source.replace(anchor, line + anchor), "quantities_with_one_more")
    turbidity = made["Quantity"]("turbidity")
    assert (turbidity.unit, turbidity.kind, turbidity.meaning) == ("NTU", "state", "cloudiness of the water")
    assert len(made["Quantity"]) == len(quantities.Quantity) + 1


def test_the_view_follows_the_log_however_it_is_cut(tmp_path):
    (code,) = blocks("A view", "python")
    module = run(code, "batch_counts")
    log = random_log(3, 60, 10)
    whole, cut = module["BatchCounts"](), module["BatchCounts"]()
    whole.apply(log)
    for e in log:
        cut.apply([e])
    expected = sum(e.kind == 0 for e in log)
    assert whole.counts == cut.counts == {"gw-1": expected}
    assert whole.cursor() == cut.cursor() == log[-1].offset
    whole.reset()
    assert (whole.cursor(), whole.counts) == (START, {})


def test_the_view_has_a_runner_as_every_view(tmp_path):
    (code,) = blocks("A view", "python")
    log = open_log(tmp_path)
    log.tick(1000)
    view = run(code, "batch_counts")["BatchCounts"]()
    runner = ViewRunner(view, log, tmp_path / "aside")
    runner.start()
    while view.cursor() != log.end():
        assert runner.alive()
    runner.stop()
    assert (runner.state().name, runner.state().behind) == ("batch-counts", 0)
    log.close()


def test_the_store_is_opened_by_its_name(tmp_path, monkeypatch):
    (code,) = blocks("A store", "python")
    monkeypatch.setattr("cloud.log.open.ENGINES", run(code, "log_engines")["ENGINES"])
    log = open_log(tmp_path, "elsewhere")
    log.tick(5)
    log.close()
    assert (tmp_path / "elsewhere" / "log.sqlite").is_file()
    assert [e.append_ms for e in open_log(tmp_path, "elsewhere").read(START, 9)] == [5]
