"""A bad catalogue refuses to start and names every line at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.detectors import DETECTORS, DetectorDefinition, Watches
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.documents import ConfigError
from host.district_folder import load
from tests.conftest import SMALL_DISTRICT

STREET_RULE = "  - id: street-depth\n    station_kind: street\n    levels: {blue: 0.10"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SMALL_DISTRICT, tmp_path / "small"))


def change(folder: Path, file: str, old: str, new: str) -> int:
    """Replace text that stands once; the line of it."""
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder)
    return [f"{m.file.name}:{m.line}: {m.what}" for m in error.value.mistakes]


def rules_of(catalogue: Catalogue) -> dict[int, list[str]]:
    return {channel: [r.id for r in rules] for channel, rules in catalogue.rules_by_channel.items()}


def test_a_good_catalogue_ties_everything_together(small_district: Catalogue) -> None:
    depth = small_district.channels[101]
    assert (depth.gateway, depth.bus, depth.device.unit, depth.unit) == ("gw-1", "gw-1-rtu", 1, "m")
    assert depth.quantity is Quantity.DEPTH
    assert depth.period_s == 30
    assert small_district.channels[201].period_s == 60  # the device's own, not the model's
    assert [c.id for c in small_district.channels_by_gateway["gw-1"]] == [101, 102, 103, 301]
    assert rules_of(small_district) == {101: ["underpass-depth"], 201: ["street-depth"]}


def test_a_rule_that_names_a_channel_goes_before_its_kind(folder: Path) -> None:
    with (folder / "rules.yaml").open("a") as rules:
        rules.write("  - {id: special, channels: [101], levels: {red: 0.3}}\n")
    catalogue = load(folder)
    assert rules_of(catalogue)[101] == ["special"]
    assert catalogue.thresholds(101) == {Level.RED: 0.3}
    assert catalogue.thresholds(102) == {}


def test_rules_that_name_one_channel_stand_side_by_side(folder: Path) -> None:
    with (folder / "rules.yaml").open("a") as rules:
        rules.write("  - {id: slow, channels: [201, 101, 101], levels: {blue: 0.1}}\n")
        rules.write("  - {id: quick, channels: [101], levels: {red: 0.3}, on_delay_s: 0}\n")
    catalogue = load(folder)
    assert rules_of(catalogue) == {101: ["slow", "quick"], 201: ["slow"]}
    assert [(w.rule.id, list(w.channels)) for w in catalogue.watches][-2:] == [("slow", [101, 201]), ("quick", [101])]


def test_a_rule_that_names_a_station_goes_before_its_kind_and_behind_its_channel(folder: Path) -> None:
    with (folder / "rules.yaml").open("a") as rules:
        rules.write("  - {id: here, stations: [s1], levels: {red: 0.3}}\n")
        rules.write("  - {id: well, stations: [u1], quantity: wet_well, levels: {red: 1.3}}\n")
    assert rules_of(load(folder)) == {101: ["underpass-depth"], 102: ["well"], 201: ["here"]}
    with (folder / "rules.yaml").open("a") as rules:
        rules.write("  - {id: mine, channels: [201], levels: {red: 0.35}}\n")
    assert rules_of(load(folder))[201] == ["mine"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("stations: [nowhere]", "no station 'nowhere'"),
        ("detector: heard, gateways: [gw-9]", "no gateway 'gw-9'"),
        ("stations: []", "detector 'threshold' watches channels: give one of channels, stations, station_kind"),
        ("stations: [s1], channels: [201]", "give one of channels, stations, station_kind"),
        ("all_gateways: true", "detector 'threshold' watches channels"),
        ("detector: heard, stations: [s1]", "detector 'heard' watches gateways: give one of gateways, all_gateways"),
        ("detector: well, channels: [102]", "detector 'well' watches stations: give one of stations, station_kind"),
        ("detector: well, stations: [u1], quantity: flow", "'well' knows nothing of flow, it takes wet_well"),
    ],
)
def test_a_rule_names_what_is_there_and_what_its_detector_watches(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str, said: str
) -> None:
    """With its line; a detector of stations and one of gateways beside that of channels."""
    monkeypatch.setitem(DETECTORS, "well", DetectorDefinition(watches=Watches.STATIONS, takes={Quantity.WET_WELL}))
    monkeypatch.setitem(DETECTORS, "heard", DetectorDefinition(watches=Watches.GATEWAYS))
    lines = (folder / "rules.yaml").read_text().count("\n")
    with (folder / "rules.yaml").open("a") as rules:
        rules.write(f"  - {{id: own, levels: {{red: 1}}, {where}}}\n")
    (mistake,) = mistakes(folder)
    assert mistake.startswith(f"rules.yaml:{lines + 1}: ")
    assert said in mistake


def test_gateways_and_stations_by_name_go_before_all_of_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_stations = DetectorDefinition(watches=Watches.STATIONS, usual={Quantity.WET_WELL})
    monkeypatch.setitem(DETECTORS, "well", of_stations)
    monkeypatch.setitem(DETECTORS, "heard", DetectorDefinition(watches=Watches.GATEWAYS))
    with (folder / "rules.yaml").open("a") as rules:
        for rule in (
            "{id: any, detector: heard, all_gateways: true, levels: {blue: 1}}",
            "{id: one, detector: heard, gateways: [gw-1], levels: {red: 1}}",
            "{id: wells, detector: well, station_kind: underpass, levels: {blue: 1}}",
        ):
            rules.write(f"  - {rule}\n")
    watches = {w.rule.id: w for w in load(folder).watches}
    assert "gw-1" not in watches["any"].gateways
    assert list(watches["one"].gateways) == ["gw-1"]
    assert (list(watches["wells"].stations), list(watches["wells"].channels)) == (["u1"], [102])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("detector: treshold", "no detector 'treshold', did you mean 'threshold'?"),
        ("detector: smell", "no detector 'smell'; there are 'threshold'"),
        ("settings: {window_s: 3}", "detector 'threshold', its setting 'window_s': there is no such setting"),
    ],
)
def test_a_wrong_detector_is_named_with_its_line(folder: Path, more: str, said: str) -> None:
    text = (folder / "rules.yaml").read_text()
    with (folder / "rules.yaml").open("a") as rules:
        rules.write(f"  - id: x\n    channels: [101]\n    levels: {{red: 1}}\n    {more}\n")
    (mistake,) = mistakes(folder)
    assert mistake.startswith(f"rules.yaml:{text.count(chr(10)) + 4}: ")
    assert said in mistake


def test_no_district_has_more_rules_than_ten_thousand(folder: Path) -> None:
    rule = "  - {{id: r{}, channels: [101], levels: {{red: 1}}}}\n"
    (folder / "rules.yaml").write_text("rules:\n" + "".join(rule.format(n) for n in range(10_001)))
    (mistake,) = mistakes(folder)
    assert "at most 10000 items" in mistake


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("district.yaml", "id: 102", "id: 101", "channel 101 exists already, at station 'u1'"),
        ("district.yaml", "zone: south", "zone: west", "no zone 'west'"),
        ("district.yaml", "device: s1-level", "device: s9-level", "no device 's9-level' in gateways.yaml"),
        ("district.yaml", "register: p1_running", "register: p9", "model 'plc' has no register 'p9'"),
        ("district.yaml", "register: p1_running", "register: wet_well", "u1-plc.wet_well feeds channel 102 already"),
        ("district.yaml", "lat: 34.74", "lat: 134.74", "stations.1.lat: Input should be less than or equal to 90"),
        ("district.yaml", "  - id: s1", "  - id: u1", "'u1' exists already"),
        (
            "gateways.yaml",
            "model: rain, unit: 2",
            "model: rain, unit: 1",
            "unit 1 on bus 'gw-1-rtu' is 'u1-level' already",
        ),
        ("gateways.yaml", "model: plc", "model: plx", "device model 'plx' has no file"),
        ("gateways.yaml", "id: r1-rain", "id: u1-level", "device 'u1-level' exists already"),
        ("gateways.yaml", "period_s: 60", "period_s: 0", "period_s: Input should be greater than or equal to 0.001"),
        ("rules.yaml", STREET_RULE, STREET_RULE.replace("0.10", "0.20"), "levels must rise from blue to red"),
        ("rules.yaml", "station_kind: street", "channels: [999]", "no channel 999"),
        ("rules.yaml", "station_kind: street", "colour: street", "rules.1.colour: there is no such setting here"),
        ("response_plan.yaml", "  orange:", "  purple:", "responses.purple"),
        (
            "response_plan.yaml",
            "sender: drainage@small.example",
            "sender: Small District, drainage",
            "sender: 'Small District, drainage' holds ' ': CAP allows no blanks, commas, < or & here",
        ),
        ("response_plan.yaml", "sender: drainage@small.example", 'sender: ""', "sender: it is empty: write who"),
        (
            "response_plan.yaml",
            "contact: Small District drainage duty desk",
            'contact: "Small\\adesk"',
            "contact: it holds the control character",
        ),
        ("response_plan.yaml", "Water on the road", "Water " * 30, "responses.blue.headline: "),
        (
            "response_plan.yaml",
            "Water on the road",
            '"W\\bater"',
            "responses.blue.headline: it holds the control character",
        ),
        ("response_plan.yaml", "instruction: Watch", "expires_s: 0, instruction: Watch", "expires_s: Input should be"),
        ("response_plan.yaml", "Water on the road", '" "', "it is empty: write it as people are to read it"),
        ("district.yaml", 'adcode: "410105"', 'adcode: "410105", time_zone: Asia/Beijing', "China's is Asia/Shanghai"),
        ("district.yaml", 'adcode: "410105"', 'adcode: "410105", time_zone: ../etc', "there is no time zone '../etc'"),
        ("district.yaml", 'adcode: "410105"', 'adcode: "410105", time_zone: Factory', "no time zone 'Factory'"),
        ("district.yaml", 'adcode: "410105"', 'adcode: "410105", time_zone: right/UTC', "no time zone 'right/UTC'"),
        ("district.yaml", 'adcode: "410105"', 'adcode: "４１０１０５"', "should match pattern"),
        ("district.yaml", "name: North", 'name: " "', "a name is not empty"),
        ("district.yaml", "name: North", 'name: "No\\arth"', "zones.0.name: it holds the control character U+0007"),
        ("district.yaml", "First Street", '"First\\x1bStreet"', "stations.1.name: it holds the control character"),
        (
            "district.yaml",
            "area: [[34.80, 113.65], [34.80, 113.70], [34.76, 113.70]",
            "area: [[113.65, 34.80], [113.70, 34.80], [113.70, 34.76]",
            "the area of zone 'north' is none: point 1 has latitude 113.65: latitude comes first",
        ),
        (
            "district.yaml",
            "[[34.80, 113.65], [34.80, 113.70], [34.76, 113.70]",
            "[[34.80, 113.65], [34.76, 113.70], [34.80, 113.70]",
            "crosses itself between points 1-2 and 3-4 (a bow-tie)",
        ),
        (
            "district.yaml",
            "[[34.80, 113.65], [34.80, 113.70], [34.76, 113.70], [34.76, 113.65]]",
            "[[34.80, 113.65], [34.80, 113.65], [34.80, 113.65]]",
            "it has 1 different points",
        ),
        ("district.yaml", "lat: 34.74", "lat: 34.47", "station 's1' stands 28 km outside its zone 'south'"),
        (
            "rules.yaml",
            "levels: {blue: 0.10",
            "hysteresis: 0.1\n    levels: {blue: 0.10",
            "rule 'street-depth': blue at 0.1 would clear below 0: never. Write a hysteresis below 0.1",
        ),
        ("rules.yaml", "{blue: 0.10", "{blue: 0.0", "blue at 0 would always stand: write a value above 0"),
        (
            "rules.yaml",
            "    station_kind: street",
            "    stale_after_s: 300\n    station_kind: street",
            "rule 'street-depth' takes channel 201 for silent after 300 s, but while nothing changes",
        ),
        ("devices/level.yaml", "order: CDAB", "order: CABD", "registers.0.order"),
        ("devices/level.yaml", "model: level", "model: levle", "this file must describe model 'level'"),
    ],
)
def test_each_mistake_names_its_line(folder: Path, file: str, old: str, new: str, said: str) -> None:
    line = change(folder, file, old, new)
    found = mistakes(folder)
    assert any(m.startswith(f"{Path(file).name}:{line}: ") and said in m for m in found), found


def test_a_gauge_may_stand_upstream_and_a_swapped_place_is_told_so(folder: Path) -> None:
    change(folder, "district.yaml", "lat: 34.79\n    lon: 113.68", "lat: 34.99\n    lon: 113.68")
    load(folder)
    text = (folder / "district.yaml").read_text().replace("113.", "63.")  # where longitude may be taken for latitude
    (folder / "district.yaml").write_text(text.replace("lat: 34.74\n    lon: 63.68", "lat: 63.68\n    lon: 34.74"))
    (said,) = mistakes(folder)
    assert "outside its zone 'south': lat and lon look swapped" in said


def test_what_may_be_below_zero_may_have_levels_there(folder: Path) -> None:
    with (folder / "rules.yaml").open("a") as rules:
        rules.write("  - {id: well, channels: [102], levels: {blue: -1.5, red: 0}}\n")
    assert load(folder).thresholds(102) == {Level.BLUE: -1.5, Level.RED: 0.0}


def test_all_mistakes_come_at_once(folder: Path) -> None:
    change(folder, "district.yaml", "id: 102", "id: 101")
    change(folder, "district.yaml", "zone: south", "zone: west")
    change(folder, "rules.yaml", "station_kind: street", "channels: [999]")
    assert len(mistakes(folder)) == 3


def test_ill_formed_yaml_repeated_keys_and_absent_files_are_named(folder: Path) -> None:
    (folder / "rules.yaml").write_text("rules:\n  - {id: a, id: b, channels: [101], levels: {red: 1}}\n")
    (folder / "response_plan.yaml").unlink()
    (folder / "gateways.yaml").write_text("gateways:\n  - [unclosed\n")
    found = mistakes(folder)
    assert any(m.startswith("rules.yaml:2: 'id' is given twice") for m in found)
    assert any(m.startswith("response_plan.yaml:1: cannot be read") for m in found)
    assert any(m.startswith("gateways.yaml:3: ") for m in found)


RAIN_DEVICE = "{id: r1-rain, model: rain, unit: 2}"
LEVEL_DEVICE = "{id: u1-level, model: level, unit: 1}"
LEVEL_FILE, RAIN_FILE = "devices/level.yaml", "devices/rain.yaml"


def with_own(folder: Path, device: str, own: str) -> int:
    return change(folder, "gateways.yaml", device, device[:-1] + f", registers: {{{own}}}}}")


def test_an_instrument_has_settings_of_its_own(folder: Path) -> None:
    with_own(folder, LEVEL_DEVICE, "depth: {mounting_height_m: 3.4, offset: -0.01, period_s: 5}")
    catalogue = load(folder)
    own, other = catalogue.channels[101], catalogue.channels[201]
    assert (own.register.placed(1.234), own.period_s) == (pytest.approx(2.166), 5)
    assert (other.register.placed(1.234), other.period_s) == (1.234, 60)
    assert catalogue.models["level"].registers[0] is other.register


def test_a_bucket_of_its_own_goes_with_its_wrap(folder: Path) -> None:
    change(folder, RAIN_FILE, "scale: 0.2", "counts: tips\n    scale: 0.2")
    with_own(folder, RAIN_DEVICE, "rain_total: {tip_mm: 0.5}")
    channel = load(folder).channels[301]
    gauge = channel.quality.rain_gauge
    assert gauge is not None
    assert (channel.register.step, gauge.tip_mm, gauge.wraps_at_mm) == (0.5, 0.5, 32768.0)


def test_a_gauge_that_counts_mm_keeps_its_scale(folder: Path) -> None:
    change(folder, RAIN_FILE, "scale: 0.2", "counts: mm\n    scale: 0.1")
    change(folder, RAIN_FILE, "wraps_at_mm: 13107.2", "wraps_at_mm: 6553.6")
    with_own(folder, RAIN_DEVICE, "rain_total: {tip_mm: 0.5}")
    channel = load(folder).channels[301]
    assert channel.quality.rain_gauge is not None
    assert (channel.register.step, channel.quality.rain_gauge.tip_mm) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("device", "own", "said"),
    [
        (LEVEL_DEVICE, "dept: {offset: 1}", "model 'level' has no register 'dept', it has depth"),
        (RAIN_DEVICE, "rain_total: {tip_mm: 0.5}", "rain_total.tip_mm: does 'rain_total' count tips or mm?"),
        (RAIN_DEVICE, "rain_total: {mounting_height_m: 2}", "mounting_height_m is for what is measured in m"),
        (RAIN_DEVICE, "rain_total: {calibration: [[0, 0], [1, 2]]}", "a curve cannot be laid over rain_total"),
        (LEVEL_DEVICE, "depth: {tip_mm: 0.2}", "depth.tip_mm: 'depth' is depth: it counts no tips"),
        (LEVEL_DEVICE, "depth: {scale: 0}", "a scale of 0 would make every value the same"),
        (LEVEL_DEVICE, "depth: {high: 3}", "there is no such setting here"),
    ],
)
def test_settings_that_an_instrument_cannot_have(folder: Path, device: str, own: str, said: str) -> None:
    line = with_own(folder, device, own)
    (found,) = mistakes(folder)
    assert found.startswith(f"gateways.yaml:{line}: ")
    assert said in found


def test_a_models_quality_that_no_longer_fits_needs_one_of_the_channels_own(folder: Path) -> None:
    with_own(folder, RAIN_DEVICE, "rain_total: {scale: 0.1}")
    channel = "{id: 301, device: r1-rain, register: rain_total"
    found = mistakes(folder)
    assert all(
        m.startswith("district.yaml:35: rain_gauge.wraps_at_mm of model 'rain', with the settings of") for m in found
    )
    assert "raw values end at 65535" in found[0]
    change(folder, "district.yaml", channel, channel + ", quality: {rain_gauge: {tip_mm: 0.1, wraps_at_mm: 6553.6}}")
    assert load(folder).channels[301].register.step == 0.1


def test_two_models_on_one_unit(folder: Path) -> None:
    change(folder, "gateways.yaml", "unit: 2}", "unit: 1, shares_unit: true}")
    assert load(folder).channels[301].device.unit == 1


def test_one_model_twice_on_one_unit_is_refused(folder: Path) -> None:
    own = "{id: u9-level, model: level, unit: 1, shares_unit: true}"
    line = change(folder, "gateways.yaml", RAIN_DEVICE, own)
    assert f"gateways.yaml:{line}: unit 1 on bus 'gw-1-rtu' is 'u1-level' already" in mistakes(folder)


def test_a_channels_own_quality_is_held_against_its_register(folder: Path) -> None:
    channel = "{id: 301, device: r1-rain, register: rain_total"
    line = change(folder, "district.yaml", channel, channel + ", quality: {rain_gauge: {tip_mm: 0.1}}")
    (found,) = mistakes(folder)
    assert found.startswith(f"district.yaml:{line}: rain_gauge.tip_mm: a tip of 0.1 mm is no whole number")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("district.yaml", "[34.80, 113.65]", "[34.80 113.65]", "zones.0.area.0.0: Input should be a valid number"),
        ("district.yaml", "[34.80, 113.65]", "[34.80, 113.65, 7]", "zones.0.area.0: Tuple should have at most 2 items"),
        (
            "gateways.yaml",
            "- id: gw-2\n",
            "- idd: gw-2\n",
            "gateways.1.idd: there is no such setting here, did you mean 'id'?",
        ),
        ("gateways.yaml", "{id: u1-plc, model: plc, unit: 1}", "u1-plc", "here stand settings, each with its name"),
    ],
)
def test_one_slip_one_message(folder: Path, file: str, old: str, new: str, said: str) -> None:
    line = change(folder, file, old, new)
    (found,) = mistakes(folder)
    assert found.startswith(f"{file}:{line}: ")
    assert said in found


def test_a_mistake_in_a_list_is_said_once(folder: Path) -> None:
    """A rule names a channel whose device file is wrong: that is no mistake of the rule."""
    with (folder / "rules.yaml").open("a") as rules:
        rules.write("  - {id: special, channels: [101], levels: {red: 0.3}}\n")
    line = change(folder, LEVEL_FILE, "fail_range: [-0.05, 8.0]", "fail_range: [-0.05, 8.x]")
    (found,) = mistakes(folder)
    assert found.startswith(f"level.yaml:{line}: registers.0.quality.fail_range.1: ")
