"""A zone that the catalogue has no longer keeps its name in what is still to be said of it, behind restarts, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from cloud.cap.check import check
from cloud.cap.schema import NAMESPACE
from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import NameText
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import START_MS, city, entry

SETTINGS = WarningSettings(gather_s=30, quiet_s=300, evidence_s=900, languages=("zh-CN", "en"))
NAMES = {
    "z0": NameText.of({"zh": "老城", "en": "Old Town"}),
    "z1": NameText.of({"zh": "河湾", "en": "River Bend"}),
    "z2": NameText.of("Hill"),
}
CAP = {"c": NAMESPACE}


def district(small: Catalogue, grouped: bool) -> Catalogue:
    whole = city(small)
    group = {"incident_group": "north" if grouped else None}
    return replace(whole, zones={z: v.model_copy(update={"name": NAMES[z], **group}) for z, v in whole.zones.items()})


def without(whole: Catalogue, zone: str) -> Catalogue:
    """That zone is taken out, and what stood in it."""
    stations = {s: v for s, v in whole.stations.items() if v.zone != zone}
    channels = {n: c for n, c in whole.channels.items() if c.station.id in stations}
    rules = tuple(r.model_copy(update={"channels": tuple(c for c in r.channels if c in channels)}) for r in whole.rules)
    zones = {z: v for z, v in whole.zones.items() if z != zone}
    return replace(whole, zones=zones, stations=stations, channels=channels, rules=rules)


def readings(first: int, minutes: int, depths: dict[int, float]) -> list[Entry]:
    """An entry every half minute from the `first` on."""
    out = []
    for k in range(first, first + 2 * minutes):
        now_ms = START_MS + k * 30_000
        n = len(depths)
        out.append(entry(k, now_ms, ReadingBatch.of([now_ms] * n, list(depths), list(depths.values()), [1] * n)))
    return out


def areas(view: WarningsView) -> list[tuple[str, list[str]]]:
    """Of each message its kind, and its areas by their names in each language."""
    out = []
    for head in view.reader.messages():
        found = view.reader.message(head.id)
        assert found is not None
        assert check(found.cap_xml) == []
        alert = etree.fromstring(found.cap_xml)
        out.append((head.msg_type.value, [str(x.text) for x in alert.iterfind(".//c:areaDesc", CAP)]))
    return sorted(out)


@pytest.mark.parametrize("restarts", [1, 2])
def test_the_end_of_a_shared_incident_names_all_zones_it_was_told_of(
    small_district: Catalogue, tmp_path: Path, restarts: int
) -> None:
    url, whole = f"sqlite:///{tmp_path}/ledger.sqlite", district(small_district, grouped=True)
    view = open_view(open_ledger(url, whole=True), whole, SETTINGS)
    view.apply(readings(1, 10, {1: 0.3, 5: 0.3}))
    view.apply(readings(21, 4, {1: 0.3, 5: 0.0}))  # told with the next update, which does not come any more
    for _ in range(restarts):
        view.close()
        view.ledger.dispose()
        view = open_view(open_ledger(url, whole=True), without(whole, "z1"), SETTINGS)
    view.apply(readings(29, 4, {1: 0.0}))
    assert ("Cancel", ["老城、河湾", "Old Town, River Bend"]) in areas(view)
    view.ledger.dispose()


def test_a_zone_that_is_gone_with_all_its_places_is_ended_by_its_name(
    small_district: Catalogue, tmp_path: Path
) -> None:
    url, whole = f"sqlite:///{tmp_path}/ledger.sqlite", district(small_district, grouped=False)
    view = open_view(open_ledger(url, whole=True), whole, SETTINGS)
    view.apply(readings(1, 10, {5: 0.3}))
    view.close()
    view.ledger.dispose()
    view = open_view(open_ledger(url, whole=True), without(whole, "z1"), SETTINGS)
    view.apply(readings(21, 1, {1: 0.0}))
    assert ("Cancel", ["河湾", "River Bend"]) in areas(view)
    view.ledger.dispose()


def test_a_blind_zone_that_is_gone_is_ended_by_its_name(small_district: Catalogue, tmp_path: Path) -> None:
    url, whole = f"sqlite:///{tmp_path}/ledger.sqlite", district(small_district, grouped=False)
    view = open_view(open_ledger(url, whole=True), whole, SETTINGS)
    view.apply(readings(1, 5, {5: 0.0, 1: 0.0}))
    view.apply(readings(11, 240, {1: 0.0}))
    assert ("Alert", ["河湾", "River Bend"]) in areas(view)
    view.close()
    view.ledger.dispose()
    view = open_view(open_ledger(url, whole=True), without(whole, "z1"), SETTINGS)
    view.apply(readings(491, 1, {1: 0.0}))
    assert ("Cancel", ["河湾", "River Bend"]) in areas(view)
    view.ledger.dispose()
