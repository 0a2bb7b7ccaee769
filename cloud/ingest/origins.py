"""Which gateways are simulated, and which of those share a zone, or incidents, with a real one. Pure.

Readings of a simulation are an exercise; beside real ones in one zone nobody could say what a warning rests on. So of a
zone that hears both kinds the simulated gateway is refused, by name; and of zones that share their incidents, too, for
whoever has one gateway's key could call it simulated, and make exercises of the warnings of all others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cloud.log.base import Entry
from cloud.log.origin import Origin, OriginError, decode_origin
from cloud.warnings.gateways import heads_by_gateway
from contract.catalogue.catalogue import Catalogue


class Origins:
    """notes: the log's entries of kind ORIGIN, in order; those that cannot be read are passed over.

    refused: gateways to refuse, each with the reason.

    What a gateway last said counts, in a birth or, as a birth may be lost when nobody has subscribed yet, in a batch.
    One that says nothing of it, of an earlier release, is real once a batch of it was taken. One that was never heard
    is neither.
    """

    def __init__(self, catalogue: Catalogue, notes: Iterable[Entry] = ()) -> None:
        self._zones = heads_by_gateway(catalogue)
        self._simulated: dict[str, bool] = {}
        self._logged: dict[str, bool] = {}
        self._born: dict[str, bool] = {}
        self._told: dict[str, int] = defaultdict(int)
        for note in notes:
            try:
                origin = decode_origin(note.payload)
            except OriginError:
                continue
            self._told[origin.gateway] += 1
            self._simulated[origin.gateway] = self._logged[origin.gateway] = origin.simulated
        self.refused: Mapping[str, str] = self._mixed()

    def said(self, gateway: str) -> bool | None:
        """Whether it is simulated; None: nothing is known of it."""
        return self._simulated.get(gateway)

    def logged(self, gateway: str) -> bool | None:
        """Whether it is simulated by what the log last said of it; None: it said nothing."""
        return self._logged.get(gateway)

    def number(self, gateway: str) -> int:
        """Of the next entry of its origin, see `cloud.log.origin.origin_entry`."""
        return self._told[gateway] + 1

    def say(self, origin: Origin) -> None:
        """What a gateway has said, in the log by now."""
        self._told[origin.gateway] += 1
        self._logged[origin.gateway] = origin.simulated
        self._know(origin)

    def born(self, origin: Origin) -> None:
        """What a birth says: it stands against batches that waited in the spool of what the gateway was before."""
        self._born[origin.gateway] = origin.simulated

    def denied(self, gateway: str, simulated: bool) -> bool:
        """Whether a batch that says so of itself is of what its gateway was before its birth."""
        return self._born.get(gateway, simulated) is not simulated

    def took(self, gateway: str) -> None:
        """A batch of it was taken: it is real, unless it has said otherwise."""
        if gateway not in self._simulated:
            self._know(Origin(gateway, False))

    def _know(self, origin: Origin) -> None:
        self._simulated[origin.gateway] = origin.simulated
        self.refused = self._mixed()

    def _mixed(self) -> dict[str, str]:
        """Simulated gateway -> why it is refused: the real gateways of its zones."""
        real: dict[str, list[str]] = defaultdict(list)
        for gateway, simulated in sorted(self._simulated.items()):
            for zone in () if simulated else self._zones.get(gateway, ()):
                real[zone].append(gateway)
        out = {}
        for gateway, simulated in self._simulated.items():
            shared = [zone for zone in sorted(self._zones.get(gateway, ())) if simulated and real[zone]]
            if shared:
                beside = ", ".join(f"{zone} ({', '.join(real[zone])})" for zone in shared)
                out[gateway] = (
                    f"{gateway} is simulated and shares a zone, or its incidents, with real gateways: {beside}"
                )
        return out
