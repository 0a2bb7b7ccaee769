"""What goes out, read again by others: json, csv, pandas, pyarrow."""

from __future__ import annotations

import csv
import io
import json
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cloud.api.encoders import FORMS, How

SHANGHAI = ZoneInfo("Asia/Shanghai")
TIMES = [1_626_768_000_000, 1_626_768_060_500, None, 1_626_768_120_000]
NAMES = ['Shakou "old"', "京广, 隧道", "plain", "a;b\nc"]
RAREST = [None, "5min", None, "1h"]
TABLE = pa.table(
    {
        "time": pa.array([t or 0 for t in TIMES]).cast(pa.timestamp("ms", "UTC")),
        "channel": pa.array([101, 101, 202, 202], pa.uint32()),
        "name": pa.array(NAMES).dictionary_encode(),
        "mean": pa.array([0.25, None, -1.5, 3.0]),
        "maximum_time": pa.array(TIMES, pa.int64()).cast(pa.timestamp("ms", "UTC")),
        "flag": pa.array([1, None, 3, 4], pa.uint8()),
        "at_least": pa.array([False, None, False, True]),
        "rarest": pa.array(RAREST).dictionary_encode(),
        "begin": pa.array([0] * 4).cast(pa.timestamp("ms", "UTC")),
    }
)
TEXT = ["2021-07-20T08:00:00Z", "2021-07-20T08:01:00.500Z", None, "2021-07-20T08:02:00Z"]
ROWS = [
    {
        "time": t or "1970-01-01T00:00:00Z",
        "channel": c,
        "name": n,
        "mean": m,
        "maximum_time": t,
        "flag": f,
        "at_least": a,
        "rarest": r,
        "begin": "1970-01-01T00:00:00Z",
    }
    for t, c, n, m, f, a, r in zip(
        TEXT,
        [101, 101, 202, 202],
        NAMES,
        [0.25, None, -1.5, 3],
        [1, None, 3, 4],
        [False, None, False, True],
        RAREST,
        strict=True,
    )
]
PARTS = {
    "whole": [TABLE],
    "two": [TABLE.slice(0, 1), TABLE.slice(1)],
    "some empty": [TABLE.slice(0, 0), TABLE, TABLE.slice(4)],
}
parted = pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)


def encoded(form, parts, decimal="point") -> bytes:
    encoder = FORMS[form].encoder(How(SHANGHAI, decimal))
    return b"".join([*(encoder.piece(p) for p in parts), encoder.end()])


@parted
def test_json(parts):
    assert json.loads(encoded("json", parts)) == ROWS
    assert [json.loads(line) for line in encoded("ndjson", parts).splitlines()] == ROWS


def test_nothing_is_an_empty_list_or_a_heading_alone():
    assert encoded("json", [TABLE.slice(0, 0)]) == b"[]"
    assert encoded("ndjson", [TABLE.slice(0, 0)]) == b""
    assert encoded("csv", [TABLE.slice(0, 0)]) == b"time,channel,name,mean,maximum_time,flag,at_least,rarest,begin\n"
    assert len(pq.read_table(io.BytesIO(encoded("parquet", [TABLE.slice(0, 0)])))) == 0


@parted
def test_csv(parts):
    found = list(csv.DictReader(io.StringIO(encoded("csv", parts).decode(), newline="")))
    wanted = [
        {k: "" if v is None else str(v).lower() if k == "at_least" else str(v) for k, v in r.items()} for r in ROWS
    ]
    assert found == wanted
    assert pd.read_csv(io.BytesIO(encoded("csv", parts)))["mean"].tolist()[2:] == [-1.5, 3.0]


@parted
def test_excel_with_a_point_and_with_a_comma(parts):
    text = encoded("excel", parts).decode()
    found = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    z = "Asia/Shanghai"
    words = ["channel", "name", "mean", f"maximum_time ({z})", "flag", "at_least", "rarest", f"begin ({z})"]
    assert text.startswith("\ufeff")
    assert found[0] == [f"time ({z})", *words]
    assert [r[0] for r in found[1:]] == [
        "2021-07-20 16:00:00",
        "2021-07-20 16:01:00.500",
        "1970-01-01 08:00:00",
        "2021-07-20 16:02:00",
    ]
    assert [r[4] for r in found[1:]] == [found[1][0], found[2][0], "", found[4][0]]
    assert [r[2] for r in found[1:]] == NAMES
    comma = encoded("excel", parts, "comma").decode().removeprefix("\ufeff")
    found = list(csv.reader(io.StringIO(comma, newline=""), delimiter=";"))
    assert [r[3] for r in found[1:]] == ["0,25", "", "-1,5", "3"]
    assert [r[2] for r in found[1:]] == NAMES
    assert pd.read_csv(io.StringIO(comma), sep=";", decimal=",")["mean"].tolist()[2:] == [-1.5, 3.0]


@pytest.mark.parametrize("decimal", ["point", "comma"])
@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", '=HYPERLINK("http://x";"y")'])
def test_no_name_is_a_formula_in_a_sheet(word, decimal):
    words = pa.array([word, "a=b"]).dictionary_encode()
    table = pa.table({"name": words, word: pa.array([-1.5, 2.0])})
    between = ";" if decimal == "comma" else ","
    text = encoded("excel", [table], decimal).decode().removeprefix("\ufeff")
    head, first, second = csv.reader(io.StringIO(text, newline=""), delimiter=between)
    assert (head, first[0], second[0]) == (["name", f"'{word}"], f"'{word}", "a=b")
    assert first[1] == ("-1,5" if decimal == "comma" else "-1.5")
    [_, same, _] = csv.reader(io.StringIO(encoded("csv", [table]).decode(), newline=""))
    assert same[0] == word


@parted
def test_parquet_and_arrow(parts):
    assert pq.read_table(io.BytesIO(encoded("parquet", parts))).to_pylist() == TABLE.to_pylist()
    found = pa.ipc.open_stream(encoded("arrow", parts)).read_all()
    assert found.to_pylist() == TABLE.to_pylist()
