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
