"""What cannot be told of one zone, or in a district's own words, keeps nothing from being told of the others."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.cap.check import check
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from cloud.warnings.cap import CapWriter
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.texts import TextFile
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import START_MS, city, entry, history, tick

FAILS = "{% macro headline() %}{{ 1 // 0 }}{% endmacro %}"


def flooded(view: WarningsView) -> None:
    """Water in the first place of zones z0 and z1, until it is told of, and then none."""
    for n in range(1, 80):
        now_ms = START_MS + n * 20_000
        depth = 0.3 if n < 20 else 0.0
        view.apply([entry(n, now_ms, ReadingBatch.of([now_ms] * 2, [1, 5], [depth] * 2, [1] * 2))])


@pytest.mark.parametrize(
    "error", [ValueError("bad"), OverflowError("cannot convert float infinity to integer"), KeyError("z1"), TypeError()]
)
def test_a_zone_that_cannot_be_told_is_named_and_the_others_go_on(
    small_district: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    plain = CapWriter.write

    def write(self, announcement, *rest):
        if announcement.incident.zone == "z1":
            raise error
        return plain(self, announcement, *rest)

    ledger = open_ledger("sqlite://")
    view, alone = open_view(ledger, city(small_district)), open_view(open_ledger("sqlite://"), city(small_district))
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(CapWriter, "write", write)
        flooded(view)
    flooded(alone)
    told = [(m.incident, m.msg_type, m.why) for m in view.reader.messages()]
    assert told == [(m.incident, m.msg_type, m.why) for m in alone.reader.messages() if "-z1-" not in m.incident]
    assert len(told) >= 2
    assert view.untold >= 2
    assert "in z1 is NOT TOLD to anybody" in caplog.text
    assert [i.zone for i in view.reader.incidents(open_only=False)].count("z1") == 1
    with ledger.connect() as db:
        numbers = [n for (n,) in db.execute(t.messages.select().with_only_columns(t.messages.c.number))]
    assert sorted(numbers) == list(range(1, len(told) + 1))
    view.apply([tick(100, START_MS + 10_000_000)])  # and it goes on from there
    assert view.cursor() == 100


def test_a_template_that_fails_after_all_gives_way_to_our_own_words(
    small_district: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    """`check` tries templates on made-up situations; the world has others."""
    texts = {language: TextFile(Path(f"{language}.jinja"), FAILS) for language in ("zh", "en")}
    view = open_view(open_ledger("sqlite://"), replace(city(small_district), texts=texts))
    plain = open_view(open_ledger("sqlite://"), city(small_district))
    with caplog.at_level(logging.ERROR):
        for v in (view, plain):
            v.apply(history(2, 60))
    found, wanted = view.reader.messages(), plain.reader.messages()
    assert [m.cap_xml for m in found] == [m.cap_xml for m in wanted] != []
    assert not any(check(m.cap_xml) for m in found)
    assert "is told in our own words" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert view.untold >= len(found)
