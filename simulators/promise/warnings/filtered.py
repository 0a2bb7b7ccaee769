"""Who wants some warnings alone: told of those, of all of them and of no others, in its languages.

Every check raises Broken with the property's name. A filter decides where telling begins; who was told of an incident
hears of it to its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cloud.delivery.wants import Kind, Wants
from simulators.promise.warnings.consumers import Consumer
from simulators.promise.warnings.district import first_name, head_of
from simulators.promise.warnings.features import fail
from simulators.promise.warnings.stood import level_of
from simulators.promise.warnings.witness import Notice, Told, Witness

_LANGUAGE = re.compile("<language>(.*?)</language>")
_STATUS = "Actual"  # of all that a run's cloud says: its gateways are no simulators to it


def check_filters(witness: Witness, consumer: Consumer) -> None:
    """Of each incident, the first that it was asked to take is what it wants; that all of it came, `delivered` says."""
    for incident, tried in consumer.first_tried.items():
        told = [t for t in witness.said if t.incident == incident]
        first = next((t for t in told if t.id == tried.message), None)
        if first is not None and not perhaps_wanted(consumer.wants, first, told):
            fail("only-what-it-wants", f"{consumer.name} was told {first.id} at {witness.at(tried.at_ms)}")
    whole = {r.message.id: r.message.cap_xml for r in consumer.has}
    for name, text in consumer.texts.items():
        spoken = _LANGUAGE.findall(whole[name].decode())
        wanted = [x for x in spoken if x.split("-")[0] in consumer.languages] or spoken
        if (found := _LANGUAGE.findall(text)) != wanted:
            fail("in-its-languages", f"{consumer.name} got {name} in {found}, of {spoken}")


def perhaps_wanted(wants: Wants, t: Told | Notice, told: Sequence[Told | Notice]) -> bool:
    """told: all of its incident; it may have been in the zones of any when it was judged, by any of their names."""
    zones = {first_name(zone) for other in told for zone in _zones(other)}
    return _of_kind(wants, t) and (not wants.zones or bool(zones & wants.zones))


def surely_wanted(wants: Wants, t: Told | Notice, witness: Witness) -> bool:
    """The message alone says that it is wanted, by names of zones that hold in the whole run."""
    lasting = {zone for zone in wants.zones if all(zone in era.edition.catalogue.zones for era in witness.eras)}
    return _of_kind(wants, t) and (not wants.zones or bool(_zones(t) & lasting))


def _of_kind(wants: Wants, t: Told | Notice) -> bool:
    """By kind, status and level. A blind notice has no level and is of all."""
    blind = isinstance(t, Notice)
    return (
        (Kind.BLIND if blind else Kind.WARNING) in wants.kinds
        and (not wants.statuses or _STATUS in wants.statuses)
        and (blind or not wants.levels or level_of(t) in wants.levels)
    )


def _zones(t: Told | Notice) -> set[str]:
    """Of what a message tells."""
    if isinstance(t, Notice):
        return set(t.zones)
    named = [t.catalogue.channels.get(e.channel) for e in t.evidence if e.channel is not None]
    whole = {zone for zone in t.catalogue.zones if head_of(t.catalogue, zone) == t.zone}
    return {info.station.zone for info in named if info is not None} or {t.zone, *whole}
