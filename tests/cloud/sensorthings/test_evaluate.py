"""Every operator and function with its right value, and what types do not go together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloud.sensorthings.evaluate import Evaluator, check
from cloud.sensorthings.functions import FUNCTIONS, Wrong
from cloud.sensorthings.grammar import read_filter
from cloud.sensorthings.model import KINDS, Entity

NOW = datetime(2021, 7, 20, 10, tzinfo=UTC)
PLACE = {"type": "Point", "coordinates": [1.0, 1.0]}
AREA = "geography'POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))'"
STREET = Entity(
    KINDS["Locations"], "s1", {"name": "Main Street", "location": PLACE, "properties": {"zone": "north", "n": 3}}
)
READING = Entity(
    KINDS["Observations"],
    "1-1",
    {"result": 0.25, "resultQuality": 3, "phenomenonTime": "2021-07-20T08:05:06.700Z"},
    1_626_768_306_700,
    1,
)
HOLD = [
    "result eq 0.25 and result ne 1 and result gt 0.2 and result ge 0.25 and result lt 1 and result le 0.25",
    "not (result gt 1) or false",
    "result add 1 eq 1.25",
    "result sub 1 eq -0.75",
    "result mul 4 eq 1",
    "1 div 4 eq result",
    "1 div 0 eq null",
    "7 mod 4 eq 3",
    "-result lt 0",
    "round(2.5) eq 3 and round(-2.5) eq -2 and floor(2.9) eq 2 and ceiling(2.1) eq 3",
    "substringof('Str', name) and contains(name, 'Str')",
    "startswith(name, 'Main') and endswith(name, 'Street') and not startswith(name, 'main')",
    "length(name) eq 11 and indexof(name, 'Street') eq 5",
    "substring(name, 5) eq 'Street' and substring(name, 0, 4) eq 'Main'",
    "tolower(name) eq 'main street' and toupper(name) eq 'MAIN STREET' and trim(' x ') eq 'x'",
    "concat(name, '!') eq 'Main Street!'",
    "year(phenomenonTime) eq 2021 and month(phenomenonTime) eq 7 and day(phenomenonTime) eq 20",
    "hour(phenomenonTime) eq 8 and minute(phenomenonTime) eq 5 and second(phenomenonTime) eq 6",
    "fractionalseconds(phenomenonTime) eq 0.7 and totaloffsetminutes(phenomenonTime) eq 0",
    "date(phenomenonTime) eq 2021-07-20 and time(phenomenonTime) lt duration'PT8H6M'",
    "phenomenonTime lt now() and now() sub phenomenonTime lt duration'PT2H'",
    "mindatetime() lt phenomenonTime and maxdatetime() gt phenomenonTime",
    f"geo.intersects(location, {AREA}) and geo.intersects({AREA}, location)",
    f"st_within(location, {AREA}) and st_contains({AREA}, location) and not st_contains(location, {AREA})",
    f"st_intersects(location, {AREA}) and not st_disjoint(location, {AREA}) and not st_touches(location, {AREA})",
    "st_touches(location, geography'LINESTRING (1 1, 2 2)') and st_equals(location, geometry'POINT (1 1)')",
    f"not st_crosses(location, {AREA}) and not st_overlaps(location, {AREA})",
    f"st_relate(location, {AREA}, 'T********') and st_relate({AREA}, location, '0F2FF1FF2')",
    "geo.distance(location, geography'POINT (4 5)') eq 5 and geo.length(geography'LINESTRING (0 0, 3 4)') eq 5",
    "location/type eq 'Point' or location/geometry/type eq 'Point'",
    "properties/zone eq 'north' and properties/n ge 3 and properties/nothing eq null",
    "properties/nothing ne 'x' and not (properties/nothing gt 1)",
    "id eq 's1' or id eq '1-1'",
    "resultQuality eq 3",
]


def holds(text: str, entity: Entity) -> bool:
    return Evaluator(lambda _e, _l: (), NOW).holds(read_filter(text), entity)


@pytest.mark.parametrize("text", HOLD)
def test_it_holds(text: str) -> None:
    wanted = READING if any(w in text for w in ("result", "phenomenonTime")) else STREET
    assert holds(text, wanted)
    assert not holds(f"not ({text})", wanted)


def test_every_function_is_tried() -> None:
    tried = " ".join(HOLD)
    named = {name for name in FUNCTIONS if f"{name}(" in tried or f" {name} " in tried}
    assert set(FUNCTIONS) - named == {"neg"}  # it is written as -


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name gt 1", "compares a text with a number"),
        ("phenomenonTime gt 'yesterday'", "compares a time with a text"),
        ("name add 1 eq 2", "add cannot take"),
        ("name", "neither true nor false"),
        ("result and true", "neither true nor false"),
        ("length(result) eq 1", "a text is wanted"),
        ("substring(name, -1) eq 'x'", "whole numbers from 0"),
        (f"geo.intersects({AREA}, {AREA})", "one of the two places must be a point"),
        ("9e300 mul 9e300 mul 1 gt maxdatetime()", "compares"),
        ("999999999999999999 mul 999999999999999999 gt 1", "too large"),
        ("maxdatetime() add duration'P1D' gt now()", "too large"),
    ],
)
def test_what_cannot_be_worked_out_is_said(text: str, said: str) -> None:
    entity = READING if any(w in text for w in ("result", "phenomenonTime")) else STREET
    with pytest.raises(Wrong, match=said):
        holds(text, entity)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lenght(name) eq 1", "did you mean length"),
        ("length(name, name) eq 1", "length takes 1 arguments, not 2"),
        ("substring(name) eq 'x'", "substring takes 2 or 3"),
        ("now(1) gt 2", "now takes 0"),
        ("__class__(name)", "there is no function"),
    ],
)
def test_functions_that_there_are_not(text: str, said: str) -> None:
    with pytest.raises(Wrong, match=said):
        check(read_filter(text), lambda _: None)
