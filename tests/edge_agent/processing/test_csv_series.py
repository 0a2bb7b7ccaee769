"""CSV files as people have them, and what is asked when a file leaves two ways open."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from contract.documents import ConfigError
from edge_agent.processing.csv_series import CsvForm, read_series

T0_MS = 1_626_768_000_000  # 2021-07-20T08:00Z, 16:00 in Zhengzhou
MINUTE_MS = 60_000
CHINA = CsvForm(tz="Asia/Shanghai")


def read(folder: Path, content: str | bytes, form: CsvForm | None = None) -> tuple[list[tuple[int, float]], list[str]]:
    """[(minutes after T0, value)], what was assumed"""
    file = folder / "series.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = read_series(file, form)
    minutes = [(t - T0_MS) / MINUTE_MS for t in found.readings.time_ms.tolist()]
    return list(zip(minutes, found.readings.value.tolist(), strict=True)), found.assumed


def refused(folder: Path, content: str, form: CsvForm | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        read(folder, content, form)
    return str(error.value)


TWO = [(0, 0.45), (1, 0.5)]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("time,value\n2021-07-20T16:00:00+08:00,0.45\n2021-07-20T08:01:00Z,0.5\n", None),
        ("2021-07-20T16:00:00+08:00,0.45\n2021-07-20T16:01:00+08:00,0.5\n", None),
        ("timestamp,level\n1626768000000,0.45\n1626768060000,0.5\n", None),
        ("Date,Depth (m)\n2021-07-20 16:00,0.45\n2021-07-20 16:01,0.5\n", CHINA),
        ("时间,水位(m)\n2021/07/20 16:00,0.45\n2021/7/20 16:01,0.5\n", CHINA),
        ("时间,水位\n20210720160000,0.45\n20210720160100,0.5\n", CHINA),
        ("时间,水位\n202107201600,0.45\n202107201601,0.5\n", CHINA),
        ("时间;数值\n2021年07月20日 16:00;0,45\n2021年07月20日 16:01;0,5\n", CHINA),
        ("time\tvalue\n20.07.2021 16:00:00\t0,45\n20.07.2021 16:01:00\t0,5\n", CsvForm(tz="+08:00")),
        ("# logger 17\n# depth\ntime,value\n\n1626768000,0.45\n# a pause\n1626768060,0.5\n", None),
        ("date,time,value\n2021-07-20,16:00,0.45\n2021-07-20,16:01,0.5\n", CHINA),
        ("no,when it was,what,other\n1,2021-07-20 16:00,0.45,7\n2,2021-07-20 16:01,0.5,8\n",
         CsvForm(time="when it was", value="what", tz="+0800")),
        ("1,1626768000000,9,0.45\n2,1626768060000,9,0.5\n", CsvForm(time="2", value="4")),
        ("time,channel,value\n1626768000000,101,0.45\n1626768060000,101,0.5\n", None),
        ("time,channel,value\n1626768000000,101,0.45\n1626768000000,102,9\n1626768060000,101,0.5\n",
         CsvForm(channel="101")),
        ("time,tunnel,value\n1626768000000,u1,0.45\n1626768000000,u2,9\n1626768060000,u1,0.5\n",
         CsvForm(channel="tunnel=u1")),
        ("time|value\n1626768000000|0.45\n1626768060000|.5e0\n", CsvForm(sep="|")),
    ],
)  # fmt: skip
def test_usual_forms_are_read(tmp_path: Path, content: str, form: CsvForm | None) -> None:
    assert read(tmp_path, content, form)[0] == TWO


def test_gzip_gbk_and_utf16_are_read(tmp_path: Path) -> None:
    text = "时间,水位\n2021-07-20 16:00,0.45\n2021-07-20 16:01,0.5\n"
    for content, assumed in (
        (gzip.compress(text.encode()), []),
        (text.encode("utf-8-sig"), []),
        (text.encode("utf-16"), []),
        (text.encode("gbk"), ["text: taken for GBK (--encoding says otherwise)"]),
        (gzip.compress(text.encode("gbk")), ["text: taken for GBK (--encoding says otherwise)"]),
    ):
        assert read(tmp_path, content, CHINA) == (TWO, assumed)
    other = text.replace("时间", "date").replace("水位", "höhe")
    assert read(tmp_path, other.encode("latin-1"), CsvForm(tz="+08:00", encoding="latin-1"))[0] == TWO


def test_what_numbers_of_a_time_mean_is_said(tmp_path: Path) -> None:
    assert read(tmp_path, "1626768000,0.45\n1626768060,0.5\n") == (
        TWO,
        ["times: numbers taken for epoch seconds (1626768000 is 2021-07-20 08:00 UTC)"],
    )
    assert read(tmp_path, "1626768000000,0.45\n1626768060000,0.5\n")[1] == [
        "times: numbers taken for epoch milliseconds (1626768000000 is 2021-07-20 08:00 UTC)"
    ]
    assert read(tmp_path, "20210720160000,0.45\n20210720160100,0.5\n", CHINA)[1] == [
        "times: 20210720160000 taken for year, month, day, hour and minute"
    ]


def test_words_for_missing_are_missing_and_said(tmp_path: Path) -> None:
    words = ("", "NA", "null", "---", "NaN", "缺测")
    content = "time,value\n" + "".join(f"{T0_MS + i * MINUTE_MS},{word}\n" for i, word in enumerate(words))
    found, assumed = read(tmp_path, content)
    assert len(found) == 6
    assert all(math.isnan(v) for _, v in found)
    assert assumed[-1] == "values: ---, NA, NaN, null, 缺测 taken for missing (5 times)"


@pytest.mark.parametrize("word", ["inf", "-inf", "1e400", "1_0", "0x10", "wet", "1.2.3", "１"])
def test_what_is_no_measured_number_is_refused_by_its_line(tmp_path: Path, word: str) -> None:
    assert f"series.csv:3: '1626768060000,{word}'" in refused(
        tmp_path, f"time,value\n{T0_MS},1\n1626768060000,{word}\n"
    )


@pytest.mark.parametrize(
    ("content", "form", "words"),
    [
        ("time,value\n2021-07-20 16:00,1\n", None, "has no time zone: say --tz"),
        ("time,a,b\n1626768000000,1,2\n", None, "which column is the value? It has time, a, b: say --value NAME"),
        ("a,b,value\n1,2,3\n", None, "which column is the time? It has a, b, value: say --time NAME"),
        ("1626768000000,101,0.5\n", None, "which of its 3 columns is the value? It has no header: say --value NUMBER"),
        ("time,channel,value\n1,a,2\n1,b,2\n", None, "it holds 2 channels (a, b): say --channel WHICH"),
        ("time,channel,value\n1,a,2\n", CsvForm(channel="z"), "it holds no channel 'z'; it holds a"),
        ("time,value\n1,2\n", CsvForm(channel="a"), "it has no column of channels: say --channel COLUMN=a"),
        ("time,value\n1,2\n", CsvForm(value="depth"), "--value 'depth': there is no such column"),
        ("time,value\n1,2\n", CsvForm(tz="Peking"), "--tz 'Peking' is no time zone"),
        ("time,value\n1,2\n", CsvForm(encoding="klingon"), "unknown encoding: klingon"),
        ("time,value\n1,2\n", CsvForm(sep="::"), "--sep '::' is not one character"),
        ("time,value\n1,2\n", CsvForm(decimal=";"), "';' is neither a point nor a comma"),
        ("time,value\n07/20/2021 16:00,1\n", CHINA, "is no time that can be read"),
    ],
)
def test_what_can_be_meant_in_two_ways_is_asked(tmp_path: Path, content: str, form: CsvForm | None, words: str) -> None:
    assert words in refused(tmp_path, content, form)


def test_one_time_with_two_values_is_contradicted_and_the_same_twice_is_not(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text(f"time,value\n{T0_MS},1\n{T0_MS},2\n{T0_MS + MINUTE_MS},3\n{T0_MS + MINUTE_MS},3\n")
    assert list(read_series(file).contradicted) == [0, 1]


def test_an_empty_file_holds_no_readings(tmp_path: Path) -> None:
    assert read(tmp_path, "")[0] == []
    assert read(tmp_path, "time,value\n")[0] == []


@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n", "mixed"])
def test_lines_end_in_any_way(tmp_path: Path, ends: str) -> None:
    one, two = ("\r", "\r\n") if ends == "mixed" else (ends, ends)
    content = f"time,value{two}1626768000000,0.45{one}1626768060000,0.5\n".encode()
    assert read(tmp_path, content)[0] == TWO


def test_a_spreadsheets_word_on_its_separator_is_no_header(tmp_path: Path) -> None:
    assert read(tmp_path, "sep=;\ntime;value\n1626768000000;0,45\n1626768060000;0,5\n")[0] == TWO


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("time,value\n1626768000000,0.45\n".encode("utf-16-le"), "say --encoding utf-16-le"),
        ("time,value\n1626768000000,0.45\n".encode("utf-16-be"), "say --encoding utf-16-be"),
        (b"PK\x03\x04\x14\0", "save the sheet as CSV"),
        (b"time value\n1626768000000 0.45\n", "line 1 is one column: say what separates columns"),
        (b"Station: Bridge\n\ntime,value\n1626768000000,0.45\n", "put # before what stands above the header"),
    ],
)
def test_what_is_no_csv_says_what_to_do(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, content)


def test_utf_32_and_utf_16_that_is_named_are_read(tmp_path: Path) -> None:
    content = "time,value\n1626768000000,0.45\n1626768060000,0.5\n"
    assert read(tmp_path, content.encode("utf-32"))[0] == TWO
    assert read(tmp_path, content.encode("utf-16-le"), CsvForm(encoding="utf-16-le"))[0] == TWO


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff\n# nothing\n") == ([], ["it is empty: no line but comments"])
