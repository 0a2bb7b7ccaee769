"""Design storms hold their formula's depth; the storm of 2021 holds its published totals."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from simulators.storms.storms import chicago, parse_storm, zhengzhou_2021


@pytest.mark.parametrize(("years", "hours"), [(2, 1), (20, 2), (100, 3), (50, 24)])
def test_a_chicago_storm_sums_to_its_formula(years: float, hours: float) -> None:
    storm = chicago(years, hours)
    minutes = hours * 60
    q_l_per_s_ha = 2679.226 * (1 + 0.775 * math.log10(years)) / (minutes + 14.138) ** 0.751
    assert storm.total_mm == pytest.approx(q_l_per_s_ha * 0.36 * hours, rel=1e-9)
    peak = max(range(len(storm.mm)), key=lambda i: storm.mm[i])
    rain = [i for i, mm in enumerate(storm.mm) if mm]
    assert (peak - rain[0]) / len(rain) == pytest.approx(0.4, abs=0.1)


def test_2021_holds_every_published_total() -> None:
    storm = zhengzhou_2021()
    assert storm.total_mm == pytest.approx(552.5)
    hours = [math.fsum(storm.mm[i : i + 12]) for i in range(0, len(storm.mm), 12)]
    assert hours[19] == pytest.approx(60.6)
    assert hours[20] == pytest.approx(201.9)
    assert len(hours) == 24
    assert [all(storm.reconstructed[i : i + 12]) for i in range(0, 288, 12)] == [h not in (19, 20) for h in range(24)]


def test_rain_fallen_is_the_integral_of_intensity() -> None:
    storm = zhengzhou_2021()
    assert storm.fallen_mm(storm.start_ms) == 0
    assert storm.fallen_mm(storm.end_ms) == pytest.approx(storm.total_mm)
    assert storm.fallen_mm(storm.end_ms + 10**9) == pytest.approx(storm.total_mm)
    t = storm.start_ms + 20 * 3600 * 1000
    step = storm.fallen_mm(t + 60_000) - storm.fallen_mm(t)
    assert step == pytest.approx(storm.intensity_mm_per_h(t) / 60)


def test_a_csv_of_rain_is_read_and_its_bad_lines_are_named(tmp_path: Path) -> None:
    file = tmp_path / "rain.csv"
    file.write_text("time,mm\n2021-07-20T16:00:00+08:00,1.5\n2021-07-20T16:10:00+08:00,2\n")
    storm = parse_storm(f"csv:{file}")
    assert (storm.interval_s, storm.total_mm) == (600, 3.5)
    for bad in ("2021-07-20T16:20:00,1", "x", "2021-07-20T16:21:00+08:00,1", "2021-07-20T16:20:00+08:00,-1"):
        file.write_text(f"time,mm\n2021-07-20T16:00:00+08:00,1.5\n2021-07-20T16:10:00+08:00,2\n{bad}\n")
        with pytest.raises(ValueError, match=r"rain\.csv:4"):
            parse_storm(f"csv:{file}")


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (("2021-07-20T08:00:00", "2021-07-20T08:05:00"), "has no time zone"),
        (("2021-07-20T08:05:00Z", "2021-07-20T08:00:00Z"), "at least two rising times"),
        (("2021-07-20T08:00:00Z",), "at least two rising times"),
        (("1969-12-31T23:55:00Z", "1970-01-01T00:00:00Z"), r"rain\.csv:2: 1969-12-31T23:55:00Z is before 1970"),
        (("2021-07-20T08:00:00Z", "2021-07-20T08:00:00.5Z"), "an interval of 0.5 s: whole seconds, a day at most"),
        (("2021-07-20T08:00:00Z", "2021-07-22T08:00:00Z"), "an interval of 172800 s: whole seconds, a day at most"),
    ],
)
def test_a_csv_whose_times_make_no_storm_is_refused(tmp_path: Path, times: tuple[str, ...], says: str) -> None:
    file = tmp_path / "rain.csv"
    file.write_text("time,mm\n" + "".join(f"{at},1.0\n" for at in times))
    with pytest.raises(ValueError, match=says):
        parse_storm(f"csv:{file}")


@pytest.mark.parametrize("text", ["", "typhoon", "chicago:p=twenty", "chicago:q=1", "chicago:p=0", "csv:", "csv:/none"])
def test_a_storm_nobody_knows_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"use zhengzhou-2021|write e\.g\. chicago|cannot be read"):
        parse_storm(text)
