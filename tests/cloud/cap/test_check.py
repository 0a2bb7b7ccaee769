"""Each fault is found, named by its element, and told how to mend; a sound message has none."""

from __future__ import annotations

import gzip

import pytest

from cloud.cap.check import MAX_BYTES, MOST_FAULTS, check
from tests.cloud.cap.sound import SOUND

RING = "34.774,113.668 34.774,113.674 34.754,113.690 34.754,113.668 34.774,113.668"
REFERENCE = "drainage@jinshui.example,41010541600000_20210720154900_1,2021-07-20T15:49:00+08:00"
INFO = SOUND[SOUND.index("  <info>") : SOUND.index("</alert>")]


def said(text: str, *profiles: str) -> list[str]:
    return [str(fault) for fault in check(text.encode(), profiles)]


def test_a_sound_message_has_no_fault() -> None:
    assert said(SOUND) == []
    assert said(SOUND.replace("<circle>", "<circle> ").replace("Update", "Cancel")) == []
    signed = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></alert>'
    assert said(SOUND.replace("</alert>", signed)) == []
    english = INFO.replace("zh-CN", "en")
    assert said(SOUND.replace("</alert>", english + "</alert>")) == []
    bare = SOUND.replace(INFO, "").replace("Update", "Cancel")
    assert said(bare) == []


@pytest.mark.parametrize(
    ("old", "new", "element", "what"),
    [
        ("16:04:00+08:00</sent>", "08:04:00Z</sent>", "alert/sent", "ends with a letter for its zone"),
        ("16:04:00+08:00</sent>", "16:04:00.5+08:00</sent>", "alert/sent", "has a fraction of a second"),
        ("16:04:00+08:00</sent>", "16:04:00</sent>", "alert/sent", "has no offset"),
        ("07-20T16:04:00+08:00</sent>", "02-30T16:04:00+08:00</sent>", "alert/sent", "is no time: there is no such"),
        ("16:04:00+08:00</sent>", "16:04:00+15:00</sent>", "alert/sent", "there is no such day, hour or offset"),
        ("17:04:00+08:00</expires>", "17:04:00.000+08:00</expires>", "alert/info/expires", "has a fraction"),
        ("<onset>2021-07-20T16:04:00+08:00", "<onset>2021-07-20T08:04:00Z", "alert/info/onset", "ends with a letter"),
        ("<identifier>410105", "<identifier>410105 ", "alert/identifier", "holds ' '"),
        ("<identifier>410105", "<identifier>410105,", "alert/identifier", "holds ','"),
        ("<sender>drainage@", "<sender>drainage, ", "alert/sender", "holds ','"),
        ("<sender>drainage@", "<sender>a&amp;b@", "alert/sender", "holds '&'"),
        ("<sender>drainage@", "<sender>a&lt;b@", "alert/sender", "holds '<'"),
        (f"<references>{REFERENCE}</references>", "", "alert", "this Update has no references"),
        (REFERENCE, " ", "alert", "this Update has no references"),
        (REFERENCE, "41010541600000_20210720154900_1", "alert/references", "is no reference"),
        (REFERENCE, REFERENCE.replace("+08:00", "Z"), "alert/references", "is no time as CAP writes it"),
        (REFERENCE, REFERENCE.replace(",", ", "), "alert/references", "is no reference"),
        (
            REFERENCE,
            "drainage@jinshui.example,41010541600000_20210720160400_2,2021-07-20T16:04:00+08:00",
            "alert/references",
            "the message refers to itself",
        ),
        (REFERENCE, REFERENCE.replace("T15:49:00", "T16:04:01"), "alert/references", "is sent later than this one"),
        (REFERENCE, REFERENCE.replace("T15:49:00+08:00", "T15:49:00+05:00"), "alert/references", "is sent later"),
        (RING, RING.rpartition(" ")[0], "alert/info/area/polygon", "the polygon is open"),
        (RING, RING.replace("34.", "134."), "alert/info/area/polygon", "is not on the Earth"),
        (
            RING,
            " ".join(",".join(p.split(",")[::-1]) for p in RING.split()),
            "alert/info/area/polygon",
            "113.668,34.774 is longitude, latitude",
        ),
        (
            RING,
            "80.2,41.1 80.3,41.1 80.3,41.2 80.2,41.1",
            "alert/info/area/polygon",
            "it looks like longitude, latitude",
        ),
        (
            RING,
            "34.774,113.668 34.754,113.690 34.774,113.690 34.754,113.668 34.774,113.668",
            "alert/info/area/polygon",
            "crosses itself between points 1-2 and 3-4 (a bow-tie)",
        ),
        (RING, "34.774,113.668 34.754,113.690 34.774,113.668", "alert/info/area/polygon", "a polygon of 3 points"),
        (RING, "34.774 113.668", "alert/info/area/polygon", "'34.774' is no point"),
        ("34.764,113.670 0.2", "34.764,113.670", "alert/info/area/circle", "the circle has no radius"),
        ("34.764,113.670 0.2", "113.670,34.764 0.2", "alert/info/area/circle", "is longitude, latitude"),
        ("34.764,113.670 0.2", "34.764,113.670 50000", "alert/info/area/circle", "more than the whole Earth"),
        ("34.764,113.670 0.2", "34.764,113.670 -1", "alert/info/area/circle", "is no circle"),
        ("17:04:00+08:00</expires>", "16:04:00+08:00</expires>", "alert/info/expires", "expires before or when"),
        ("17:04:00+08:00</expires>", "08:04:00+00:00</expires>", "alert/info/expires", "expires before or when"),
        ("<onset>2021-07-20T16:04", "<onset>2021-07-20T17:05", "alert/info/onset", "onset comes after expires"),
        ("<scope>Public</scope>\n", "", "alert", "scope is missing"),
        ("  <status>Actual</status>\n", "", "alert", "status is missing"),
        ("<status>Actual", "<status>actual", "alert/status", "'actual' is no word for it; write perhaps 'Actual'"),
        ("<category>Safety", "<category>Flood", "alert/info/category", "is no word for it"),
        (INFO, "", "alert", "this Update has no info"),
        (">zh-CN<", ">chinese<", "alert/info/language", "'chinese' is no language tag"),
        (">zh-CN<", ">zh_CN<", "alert/info/language", "'zh_CN' is no language tag"),
        (">zh-CN<", ">zh-UK<", "alert/info/language", "'zh-UK' is no language tag"),
        (">zh-CN<", ">cn<", "alert/info/language", "'cn' is no language tag"),
        (">zh-CN<", "><", "alert/info/language", "'' is no language tag"),
        ("</alert>", INFO + "</alert>", "alert/info[2]", "there are two infos of the language zh-cn"),
        ("京广路红色内涝预警", "x" * 161, "alert/info/headline", "the headline has 161 characters"),
        ("预警</headline>", "预警（模拟）</headline>", "alert/status", "Actual, and headline says '模拟'"),
        (
            "    <area>\n",
            "    <parameter><valueName>headwater:simulated</valueName><value>true</value></parameter>\n    <area>\n",
            "alert/status",
            "Actual, and the parameter headwater:simulated says 'true'",
        ),
        ("京广路红色", "京广路\x07红色", "file", "it holds the control character"),
        ("京广路红色", "京广路&#x1b;红色", "file", "it holds the control character"),
        ("京广路红色", "京广路\x85红色", "alert/info/headline", "it holds the control character U+0085"),
        ("</alert>", "</alart>", "file", "it is not well-formed XML"),
        ("cap:1.2", "cap:1.1", "alert", "its namespace is 'urn:oasis:names:tc:emergency:cap:1.1'"),
        ("<web>https:", "<web>", "alert/info/web", "is no full address"),
        ("<areaDesc>京广路</areaDesc>", "", "alert/info/area", "areaDesc is missing"),
        ("<areaDesc>京广路</areaDesc>", "<areaDesc/>", "alert/info/area/areaDesc", "it is empty"),
        ("<sent>", "<Sent/><sent>", "alert/Sent", "CAP 1.2 has no such element in alert; perhaps 'sent' is meant"),
        ("<sent>", '<sent type="x">', "alert/sent", "it has the attribute 'type'"),
        ("<scope>Public", "<scope>Private", "alert", "addresses is missing"),
        ("<scope>Public</scope>", "<scope>Public</scope><scope>Public</scope>", "alert/scope[2]", "more than once"),
    ],
)
def test_each_fault_is_found(old: str, new: str, element: str, what: str) -> None:
    assert old in SOUND
    broken = SOUND.replace(old, new, 1)
    found = check(broken.encode())
    assert any(f.element == element and what in str(f) for f in found), [str(f) for f in found]
    assert all(f.line > 0 and f.mend for f in found)
    assert len(found) <= 2, [str(f) for f in found]


@pytest.mark.parametrize(
    ("words", "pretended"),
    [
        ("EXERCISE: flood", True),
        ("This is a drill.", True),
        ("EXERCISE EXERCISE EXERCISE flood", True),
        ("演习：京广路内涝", True),
        ("Readings are simulated", True),
        ("TEST ONLY: flood", True),
        ("[TEST] flood", True),
        ("【测试】京广路内涝", True),
        ("本消息为测试，请勿处置", True),
        ("仿真数据：京广路积水", True),
        ("应急推演：京广路内涝", True),
        ("测试中心门前积水", False),
        ("Test Road: flooded", False),
        ("Water tests are done later", False),
        ("Exercise caution near the river", False),
        ("Motorists should exercise extreme caution", False),
        ("The fire drill ground is flooded", False),
    ],
)
def test_what_is_said_in_earnest_is_no_simulation(words: str, pretended: bool) -> None:
    found = said(SOUND.replace("京广路红色内涝预警", words))
    assert bool(found) == pretended, found
    assert said(SOUND.replace("京广路红色内涝预警", words).replace("Actual", "Exercise")) == []


def test_element_order_is_named() -> None:
    moved = SOUND.replace("    <urgency>Immediate</urgency>\n", "")
    moved = moved.replace("    <effective>", "    <urgency>Immediate</urgency>\n    <effective>")
    (found,) = check(moved.encode())
    assert (found.element, found.line) == ("alert/info/urgency", 17)
    assert "element order: it stands behind severity; CAP wants urgency before severity" in str(found)


def test_all_faults_come_at_once_in_the_order_of_the_text() -> None:
    broken = SOUND.replace("16:04:00+08:00</sent>", "08:04:00Z</sent>").replace(
        " 34.774,113.668</polygon>", "</polygon>"
    )
    broken = broken.replace("zh-CN", "chinese")
    assert [f.element for f in check(broken.encode())] == [
        "alert/sent",
        "alert/info/language",
        "alert/info/area/polygon",
    ]


def test_what_is_no_message_is_said_so() -> None:
    assert "file: it is not well-formed XML" in said("hello")[0]
    assert "html: it is no CAP message" in said("<html/>")[0]
    assert "it has 4194305 bytes" in str(check(b"x" * (MAX_BYTES + 1))[0])
    assert "its namespace is 'none'" in said(SOUND.replace(' xmlns="urn:oasis:names:tc:emergency:cap:1.2"', ""))[0]
    entity = '<!DOCTYPE alert [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    (only,) = said(SOUND.replace("<alert", entity + "<alert").replace("京广路", "&a;"))
    assert "it declares a document type" in only


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \r\n", "it is empty"),
        (gzip.compress(SOUND.encode()), "it is packed by gzip; unpack it first"),
        (b"PK\x03\x04" + bytes(60), "it is a ZIP archive"),
        (b"<!DOCTYPE HTML PUBLIC 'x'><html><br></html>", "it is no CAP message but a web page"),
        (b"\n<HTML lang='zh'><p>404</HTML>", "it is no CAP message but a web page"),
        (b' {"type": "warning", "cap": "<alert/>"}', "it looks like JSON"),
    ],
)
def test_what_is_given_instead_of_a_message_is_named(data: bytes, what: str) -> None:
    (fault,) = check(data)
    assert fault.line == 1
    assert what in str(fault)


def test_a_message_is_read_in_its_own_encoding() -> None:
    assert check(b"\xef\xbb\xbf" + SOUND.encode()) == []
    bare = SOUND[SOUND.index("<alert") :]
    for name in ("utf-16", "gb18030"):
        assert check(f'<?xml version="1.0" encoding="{name.upper()}"?>{bare}'.encode(name)) == []


def test_every_message_of_a_feed_is_checked() -> None:
    alert = SOUND.partition("?>")[2].replace("2021-07-20T17:04:00+08:00", "2021-07-20T15:04:00+08:00")
    alert = alert.replace("T16:04:00+08:00</", "T15:03:00+08:00</").replace(
        "15:03:00+08:00</sent", "16:04:00+08:00</sent"
    )
    entry = f'\n<entry><content type="text/xml">{alert}</content></entry>'
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom">{entry * 2}</feed>'
    assert [f.element for f in check(feed.encode())] == ["alert/info/expires"] * 2
    assert "this feed holds no CAP 1.2 messages" in said('<feed xmlns="http://www.w3.org/2005/Atom"/>')[0]


def test_a_hostile_message_is_no_work() -> None:
    found = check(SOUND.replace("</alert>", "<x/>\n" * 100_000 + "</alert>").encode())
    assert len(found) == MOST_FAULTS + 1
    assert "there are more faults; mend these first" in str(found[-1])
    many = " ".join(f"34.{n % 9:05},113.{n:06}" for n in range(100_000))
    (fault,) = check(SOUND.replace(RING, many).encode())
    assert "the polygon is open" in str(fault)
    assert (
        check(SOUND.replace(RING, f"{many} {many.partition(' ')[0]}").encode()) == []
    )  # too many to look for crossings
    (fault,) = check(SOUND.replace("<note>", "<x>").replace("<info>", "<info>" * 300).encode())
    assert "Excessive depth" in str(fault) or "not well-formed" in str(fault)


def test_profiles_ask_for_more() -> None:
    assert said(SOUND, "google") == []
    assert any("expires is missing; Google requires it" in f for f in said(_without(SOUND, "expires"), "google"))
    assert any("six at most" in f for f in said(SOUND.replace("113.674", "113.6740001"), "google"))
    found = said(SOUND, "ipaws")
    assert any("there is no code IPAWSv1.0" in f for f in found)
    assert any("eventCode SAME" in f for f in found)
    assert any("geocode SAME" in f for f in found)
    american = SOUND.replace("  <references>", "  <code>IPAWSv1.0</code>\n  <references>")
    american = american.replace("GB/T35561</valueName><value>11A02", "SAME</valueName><value>FFW")
    american = american.replace(",113.", ",-95.")
    assert said(american.replace("adcode</valueName><value>410105", "SAME</valueName><value>048201"), "ipaws") == []


def _without(text: str, element: str) -> str:
    start = text.index(f"<{element}>")
    return text[:start] + text[text.index(f"</{element}>") + len(element) + 3 :]
