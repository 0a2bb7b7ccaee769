"""What a gateway that floods sends is what the cloud takes of its own: only too much of it."""

from __future__ import annotations

from cloud.ingest.admission import Admission, InboundMessage
from contract.catalogue.catalogue import Catalogue
from contract.wire.batch import MAX_READINGS, parse_batch
from contract.wire.birth import decode_birth
from contract.wire.state import decode_state
from simulators.faults.flood import KEPT_SPOOL, Flooder

NOW_MS = 1_800_000_000_000


def flooder(catalogue: Catalogue) -> Flooder:
    own = sorted(c for c, i in catalogue.channels.items() if i.gateway == "gw-1")
    return Flooder("small", "gw-1", own, lambda: NOW_MS, True, (True,))


def test_every_batch_of_it_would_be_admitted(small_district: Catalogue) -> None:
    found = [flooder(small_district).message(n) for n in range(1, 61)]
    batches = [InboundMessage(topic, payload) for topic, payload in found if "/up/" in topic]
    admitted = Admission(small_district).sort_out(batches, NOW_MS)
    assert not admitted.refusals
    assert len(admitted.entries) == len(batches) == 48
    assert {(e.lane.name.lower(), n) for e, n in zip(admitted.entries, admitted.counts, strict=True)} == {
        ("alarm", MAX_READINGS),
        ("live", MAX_READINGS),
        ("history", MAX_READINGS),
        ("live", 1),
    }
    numbers = [e.seq for e in admitted.entries if e.spool == 7]
    assert len(numbers) == len(set(numbers))
    assert all(n % 2 == 0 for n in numbers)  # a gap before each
    assert len({e.spool for e in admitted.entries}) == 1 + 12  # and each small one in a spool of its own


def test_it_says_how_it_is_all_the_time(small_district: Catalogue) -> None:
    found = [flooder(small_district).message(n) for n in range(1, 61)]
    births = [decode_birth(payload) for topic, payload in found if topic.endswith("/birth")]
    states = [decode_state(payload) for topic, payload in found if topic.endswith("/state")]
    assert (len(births), len(states)) == (6, 6)
    assert all(b.simulated for b in births)


def test_what_it_keeps_is_one_reading_each_in_one_spool(small_district: Catalogue) -> None:
    batches = [parse_batch(flooder(small_district).small(seq)[1]) for seq in (1, 2)]
    assert [(b.spool, b.seq, b.count) for b in batches] == [(KEPT_SPOOL, 1, 1), (KEPT_SPOOL, 2, 1)]
