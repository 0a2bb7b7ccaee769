"""Which channels a question means: by number, or by the names that people know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated

from fastapi import Query

from cloud.api.problems import Problem
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.names import NameText
from contract.catalogue.places import Station, StationKind, Zone
from contract.catalogue.quantities import Quantity

_SAID = 64
_MOST = 1000
_Name = Annotated[str, Query(max_length=200)]
Numbers = Annotated[
    list[Annotated[int, Query(ge=1, lt=2**32)]] | None,
    Query(max_length=_MOST, description="Channel numbers, beside what the names mean; may be repeated"),
]
Stations = Annotated[list[_Name] | None, Query(max_length=_MOST, description="Of these stations, by id or name")]
Zones = Annotated[list[_Name] | None, Query(max_length=_MOST, description="Of these zones, by id or name")]
Subdistricts = Annotated[list[_Name] | None, Query(max_length=_MOST, description="Of these sub-districts")]
Kinds = Annotated[list[StationKind] | None, Query(description="Of stations of these kinds")]
Tags = Annotated[list[_Name] | None, Query(max_length=_MOST, description="Of stations with one of these tags")]
Quantities = Annotated[list[Quantity] | None, Query(description="Channels of these quantities")]


class Selection:
    """A dependency of an operation. A channel is meant when it is numbered, or fits every kind of name that is given;
    of several names of one kind, one."""

    def __init__(
        self,
        channel: Numbers = None,
        station: Stations = None,
        zone: Zones = None,
        subdistrict: Subdistricts = None,
        kind: Kinds = None,
        tag: Tags = None,
        quantity: Quantities = None,
    ) -> None:
        self._channel = channel or []
        self._station, self._zone, self._subdistrict = station or [], zone or [], subdistrict or []
        self._kind, self._tag, self._quantity = kind or [], tag or [], quantity or []

    def channels(self, catalogue: Catalogue) -> list[int]:
        """Rising. Raises Problem: 404 for a name or number that there is not, 422 where nothing is named or meant."""
        for number in self._channel:
            if number not in catalogue.channels:
                raise Problem(404, "No such channel", f"there is no channel {number}; see /v1/channels")
        if not self.names_any():
            what = "name what you want: channel, station, zone, subdistrict, kind, tag, quantity"
            raise Problem(422, "Nothing is asked for", what)
        meant = set(self._channel)
        if self._by_name():
            meant |= self._meant(catalogue)
        if not meant:
            what = "these names are known, and no channel fits all of them; see /v1/channels and /v1/stations"
            raise Problem(422, "Nothing is meant", what)
        return sorted(meant)

    def infos(self, catalogue: Catalogue) -> list[ChannelInfo]:
        """As `channels`, with all that is known of each."""
        return [catalogue.channels[c] for c in self.channels(catalogue)]

    def names_any(self) -> bool:
        """Whether anything is named at all."""
        return bool(self._channel) or self._by_name()

    def _by_name(self) -> bool:
        return any((self._station, self._zone, self._subdistrict, self._kind, self._tag, self._quantity))

    def _meant(self, catalogue: Catalogue) -> set[int]:
        named = (self._station, self._zone, self._subdistrict, self._kind, self._tag)
        at = {s.id for s in stations_named(catalogue, *named)}
        return {
            number
            for number, c in catalogue.channels.items()
            if c.station.id in at and (not self._quantity or c.quantity in self._quantity)
        }


def stations_named(
    catalogue: Catalogue,
    station: Sequence[str],
    zone: Sequence[str],
    subdistrict: Sequence[str],
    kind: Sequence[StationKind],
    tag: Sequence[str],
) -> list[Station]:
    """Those that fit every kind of name that is given; of several names of one kind, one. In the catalogue's order.

    Raises Problem(404) for a name that there is not.
    """
    stations, zones = _ids("station", station, catalogue), _ids("zone", zone, catalogue)
    subdistricts, tags = _ids("subdistrict", subdistrict, catalogue), _ids("tag", tag, catalogue)
    tests: list[tuple[Collection[str], Callable[[Station], Collection[str]]]] = [
        (stations, lambda s: (s.id,)),
        (zones, lambda s: (s.zone,)),
        (subdistricts, lambda s: (s.subdistrict or "",)),
        (kind, lambda s: (s.kind,)),
        (tags, lambda s: s.tags),
    ]
    return [
        s
        for s in catalogue.stations.values()
        if all(not wanted or any(x in wanted for x in of(s)) for wanted, of in tests)
    ]


def zones_named(catalogue: Catalogue, names: Sequence[str]) -> list[Zone]:
    """These zones, or all where none is named; in the catalogue's order. Raises Problem(404)."""
    meant = _ids("zone", names, catalogue)
    return [z for z in catalogue.zones.values() if not names or z.id in meant]


def _ids(word: str, wanted: Sequence[str], catalogue: Catalogue) -> set[str]:
    """What these names mean: an id is taken before a name; a name that several bear means all of them.

    word: `station`, `zone`, `subdistrict` or `tag`. Raises Problem(404) for a name that there is not.
    """
    if not wanted:
        return set()
    there = _NAMED[word](catalogue)
    found: set[str] = set()
    for name in wanted:
        if name in there:
            found.add(name)
            continue
        named = {i for i, text in there.items() if name in (str(text), *text.languages.values())}
        if not named:
            raise Problem(404, f"No such {word}", _no_such(word, name, there))
        found |= named
    return found


_NAMED: Mapping[str, Callable[[Catalogue], Mapping[str, NameText]]] = {
    "station": lambda c: {s.id: s.name for s in c.stations.values()},
    "zone": lambda c: {z.id: z.name for z in c.zones.values()},
    "subdistrict": lambda c: {s.id: s.name for s in c.subdistricts.values()},
    "tag": lambda c: {t: NameText.of(t) for s in c.stations.values() for t in s.tags},
}


def _no_such(word: str, name: str, there: Mapping[str, NameText]) -> str:
    words = {w for i, text in there.items() for w in (i, str(text), *text.languages.values())}
    near = get_close_matches(name[:_SAID], words, 3)
    meant = f": did you mean {', '.join(map(repr, near))}?" if near else ""
    return f"there is no {word} {name[:_SAID]!r}{meant}"
