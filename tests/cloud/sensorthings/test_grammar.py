"""What is read of $filter, $expand, $orderby and $select, and what is refused with which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cloud.sensorthings.grammar import Unreadable, read_expand, read_filter, read_orderby, read_select
from cloud.sensorthings.syntax import Literal, parameters, written

# As read, written out with all parentheses.
READ = [
    ("a eq 1", "(a eq 1)"),
    ("a eq 1 and b eq 2 or c eq 3", "(((a eq 1) and (b eq 2)) or (c eq 3))"),
    ("a eq 1 or b eq 2 and c eq 3", "((a eq 1) or ((b eq 2) and (c eq 3)))"),
    ("not a eq 1 and b eq 2", "((not (a eq 1)) and (b eq 2))"),
    ("a add b mul c sub d gt 0", "(((a add (b mul c)) sub d) gt 0)"),
    ("-a lt -1.5e-3", "((-a) lt (-1.5e-3))"),
    ("(a eq 1)", "(a eq 1)"),
    ("name eq 'and not or'", "(name eq 'and not or')"),
    ("name eq 'O''Hara'", "(name eq 'O''Hara')"),
    ("nothing eq null", "(nothing eq null)"),
    ("order eq true", "(order eq true)"),
    ("Datastreams/ObservedProperty/name eq 'depth'", "(Datastreams/ObservedProperty/name eq 'depth')"),
    ("Datastream/@iot.id eq 301", "(Datastream/@iot.id eq 301)"),
    ("year(phenomenonTime) eq 2021", "(year(phenomenonTime) eq 2021)"),
    ("phenomenonTime ge now() sub duration'PT1H'", "(phenomenonTime ge (now() sub duration'PT1H'))"),
    ("time(resultTime) eq duration'PT1H'", "(time(resultTime) eq duration'PT1H')"),
    ("startswith( name , 'x' )", "startswith(name,'x')"),
    # As QGIS sends them.
    (
        "location/type eq 'Point' or location/geometry/type eq 'Point'",
        "((location/type eq 'Point') or (location/geometry/type eq 'Point'))",
    ),
    (
        "geo.intersects(location, geography'Polygon ((0 0, 2 0, 2 2, 0 2, 0 0))')",
        "geo.intersects(location,geography'Polygon ((0 0, 2 0, 2 2, 0 2, 0 0))')",
    ),
]


@pytest.mark.parametrize(("text", "wanted"), READ)
def test_read_and_written_again(text: str, wanted: str) -> None:
    found = read_filter(text)
    assert written(found) == wanted
    assert read_filter(written(found)) == found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2021-07-20T16:00:00+08:00", datetime(2021, 7, 20, 8, tzinfo=UTC)),
        ("2021-07-20T16:00:00 08:00", datetime(2021, 7, 20, 8, tzinfo=UTC)),  # the query lost its +
        ("2021-07-20T08:00Z", datetime(2021, 7, 20, 8, tzinfo=UTC)),
        ("2021-07-20T08:00:00.1234567Z", datetime(2021, 7, 20, 8, 0, 0, 123456, UTC)),
        ("2021-07-20", datetime(2021, 7, 20, tzinfo=UTC)),
        ("duration'P1DT2H3M4.5S'", timedelta(1, 4.5, minutes=3, hours=2)),
        ("duration'-PT30M'", timedelta(minutes=-30)),
        ("12", 12),
        ("1.50", 1.5),
        ("'x'", "x"),
        ("null", None),
        ("false", False),
    ],
)
def test_values(text: str, wanted: object) -> None:
    assert read_filter(text) == Literal(wanted, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(a eq 1", "ends too early"),
        ("a eq", "ends too early"),
        ("a eq 1)", "')' is not expected at character 7"),
        ("a is 1", "'is 1' is not expected at character 3"),
        ("a eq 1 eq 2", "is not expected"),
        ("a = 1", "'= 1' is not expected at character 3"),
        ('a eq "x"', "cannot be read"),
        ("a eq 'x", "cannot be read"),
        ("2021-13-40T00:00:00Z eq a", "month must be in 1..12"),
        ("duration'P1Y' gt a", "write days, hours, minutes and seconds"),
        ("a eq 99999999999999999999", "too large"),
        ("geo.intersects(location, geography'CIRCLE (1 2)')", "is no place"),
        ("geo.intersects(location, geography'POLYGON ((0 0, 1 1))')", "it needs 4"),
        ("geo.intersects(location, geography'POLYGON ((0 0, 1 1, 1 0, 2 2))')", "repeat its first position"),
        ("geo.intersects(location, geography'POINT (1 2')", "is no place"),
        ("geo.intersects(location, geography'POINT ((((((1 2))))))')", "parentheses"),
        ("geo.intersects(location, geography'SRID=3857;POINT (1 2)')", "WGS 84"),
        ("not " * 100 + "a", "deeper than 24"),
        ("abs(" * 100 + "1" + ")" * 100, "deeper than 24"),
        ("1" + " add 1" * 100, "deeper than 24"),
    ],
)
def test_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said.replace("(", r"\(").replace(")", r"\)")):
        read_filter(text)


def test_many_of_one_kind_are_no_depth() -> None:
    text = " or ".join(f"id eq {n}" for n in range(500))
    assert len(read_filter(text).args) == 500
    assert written(read_filter("(" * 500 + "a" + ")" * 500)) == "a"


def test_expand_with_options_within_options() -> None:
    text = "Locations,Datastreams($filter=id gt 100;$orderby=id desc,name;$select=id,name;$top=100;$skip=5;$count=true;"
    locations, datastreams = read_expand(text + "$expand=Observations($top=1))")
    assert (locations.path, datastreams.path) == (("Locations",), ("Datastreams",))
    options = datastreams.options
    assert (options.top, options.skip, options.count, options.select) == (100, 5, True, ("id", "name"))
    assert [(written(o.by), o.descending) for o in options.orderby] == [("id", True), ("name", False)]
    assert written(options.filter) == "(id gt 100)"
    assert options.expand[0].options.top == 1
    again = parameters(datastreams.options)
    assert read_expand(again["$expand"]) == options.expand
    assert read_filter(again["$filter"]) == options.filter


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Datastreams($top=1;$top=2)", "twice"),
        ("Datastreams($top=-1)", "not expected"),
        ("Datastreams($top=1.5)", "whole number"),
        ("Datastreams($count=null)", "true or false"),
        ("Datastreams($limit=1)", "cannot be read"),
        ("Datastreams(", "ends too early"),
        ("A($expand=B($expand=C($expand=D($expand=E))))", "deeper than 4"),
        ("A/B/C/D/E", "deeper than 4"),
    ],
)
def test_expand_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_expand(text)


def test_orderby_and_select() -> None:
    assert [(written(o.by), o.descending) for o in read_orderby("Thing/name, phenomenonTime desc,id asc")] == [
        ("Thing/name", False),
        ("phenomenonTime", True),
        ("id", False),
    ]
    assert read_select("id, name,@iot.id") == ("id", "name", "@iot.id")
