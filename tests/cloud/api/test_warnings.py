"""Incidents: the list says of each what the detail says, and the list goes on to its end, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from cloud.access.access import Access
from cloud.api.app import create_app
from cloud.app.cloud import Cloud
from cloud.warnings import tables as t
from tests.cloud.api.asking import Http
from tests.fuzz.api import settled


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    found = settled(tmp_path)
    yield found
    found.ledger.dispose()
    found.log.close()


@pytest.fixture
def http(cloud: Cloud) -> Http:
    return Http(create_app(cloud.services, Access(cloud.ledger, cloud.config.file.access)))


def copies(cloud: Cloud, table, column: str, count: int, rising: Sequence[str]) -> None:
    """Of the first row, under other names; rising: numbers that differ from copy to copy."""
    with cloud.ledger.begin() as db:
        row = dict(db.execute(select(table)).mappings().first())
        for n in range(count):
            other = {column: f"{row[column]}-{n:04}", **{k: row[k] + 1000 + n for k in rising}}
            db.execute(insert(table).values({**row, **other}))


def test_an_incident_with_more_messages_than_a_page_has_all_of_them_in_list_and_detail(cloud: Cloud, http: Http):
    copies(cloud, t.messages, "id", 240, ["number", "ordinal"])
    (listed,) = http.get("/v1/warnings").json()
    assert len(listed["messages"]) > 240
    assert http.get(f"/v1/warnings/{listed['id']}").json() == listed


@pytest.mark.parametrize("together", [False, True], ids=["one after another", "all at one moment"])
def test_incidents_beyond_the_newest_thousand_are_reached_by_paging(cloud: Cloud, http: Http, together: bool):
    copies(cloud, t.incidents, "id", 1203, [] if together else ["opened_ms"])
    with cloud.ledger.begin() as db:
        wanted = db.execute(select(t.incidents.c.id).order_by(t.incidents.c.opened_ms.desc(), t.incidents.c.id)).all()
        body = db.execute(select(t.incidents.c.body)).scalars().first()
        for (name,) in wanted:  # the body says its own name
            own = body.replace(f'"{wanted[-1 if not together else 0][0]}"', f'"{name}"')
            db.execute(update(t.incidents).where(t.incidents.c.id == name).values(body=own))
    found, before = [], None
    while page := http.get("/v1/warnings", params={"limit": 500, **({"before": before} if before else {})}).json():
        found += [i["id"] for i in page]
        before = found[-1]
    assert found == [name for (name,) in wanted]


def test_a_page_behind_an_incident_that_there_is_not_is_refused(http: Http):
    answer = http.get("/v1/warnings", params={"before": "none"})
    assert (answer.status_code, answer.json()["title"]) == (404, "No such incident")


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["now", "b", "a"]),
        ({"start": "3600000000000"}, ["now"]),  # it is open still
        ({"end": "1621987200000"}, []),
        ({"start": "1622520000000", "end": "1625112000000"}, ["a"]),  # June
        ({"start": "1625112000000"}, ["now", "b", "a"]),  # a was open until then
        ({"start": "1625112000001", "end": "1627790400000"}, ["now", "b"]),  # July, and what opened in it
        ({"start": "2021-07-01T12:00:00.001+08:00", "end": "2021-08-01T12:00:00+08:00", "level": "red"}, ["b"]),
        ({"level": "yellow"}, ["b", "a"]),
        ({"level": "red"}, ["b"]),
        ({"open": "true", "level": "red"}, []),
    ],
)
def test_incidents_of_a_time_and_of_a_level(cloud: Cloud, http: Http, asked: dict[str, str], found: list[str]) -> None:
    """a: yellow in June, until the first moment of July; b: red in July; now: blue, and open."""
    rows = {"a": (1_622_600_000_000, 1_625_112_000_000, "yellow"), "b": (1_625_200_000_000, 1_625_210_000_000, "red")}
    with cloud.ledger.begin() as db:
        message = dict(db.execute(select(t.messages).limit(1)).mappings().one())
        db.execute(update(t.messages).values(level="blue"))
        old = db.execute(select(t.incidents)).mappings().one()
        for n, (name, (opened_ms, closed_ms, level)) in enumerate(rows.items()):
            body = old["body"].replace(f'"{old["id"]}"', f'"{name}"')
            times = {"opened_ms": opened_ms, "closed_ms": closed_ms}
            db.execute(insert(t.incidents).values({**old, "id": name, "body": body, **times}))
            more = {"id": f"m{name}", "incident": name, "level": level, "number": 1000 + n, "ordinal": 1000 + n}
            db.execute(insert(t.messages).values({**message, **more}))
    answer = http.get("/v1/warnings", params=asked).json()
    assert [i["id"] if i["id"] in rows else "now" for i in answer] == found


def test_a_range_that_is_empty_and_a_time_that_is_none_are_refused(http: Http) -> None:
    for asked in ({"start": "1625112000000", "end": "1625112000000"}, {"start": "yesterday"}, {"level": "purple"}):
        assert http.get("/v1/warnings", params=asked).status_code == 422
