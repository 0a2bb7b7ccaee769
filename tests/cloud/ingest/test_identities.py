"""What the receiver makes of gateways with and without a valid identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.identity import store
from cloud.identity.registry import CertificateRole, Identity, Registry
from cloud.identity.store import IdentityError
from cloud.identity.watch import IdentityWatch
from cloud.ingest.admission import Admission, InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.ingest.release import release
from cloud.log.open import open_log
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason
from contract.wire.topics import Topic, TopicKind

NOW_MS = 1_795_600_000_000


def batch(district: Catalogue, gateway: str = "gw-1", owner: str = "gw-1", seq: int = 1) -> InboundMessage:
    channel = district.channels_by_gateway[owner][0].id
    readings = ReadingBatch.of([NOW_MS], [channel], [0.25], [1])
    topic = Topic(district.district.id, gateway, TopicKind.LIVE)
    return InboundMessage(str(topic), encode_batch(WireBatch(gateway, 7, seq, Lane.LIVE, readings)))


def identity(gateway: str, expires_ms: int, revoked_ms: int | None = None, generation: int = 1) -> Identity:
    return Identity(
        role=CertificateRole.GATEWAY,
        gateway=gateway,
        generation=generation,
        serial="5a",
        issued_ms=0,
        expires_ms=expires_ms,
        revoked_ms=revoked_ms,
    )


def test_without_identities_everybody_in_the_catalogue_is_heard(small_district: Catalogue) -> None:
    receiver = Admission(small_district)
    done = receiver.sort_out([batch(small_district), batch(small_district, "gw-2", "gw-2")], NOW_MS)
    assert len(done.entries) == 2


def test_only_allowed_gateways_are_heard_and_neighbours_are_kept(small_district: Catalogue) -> None:
    receiver = Admission(small_district)
    receiver.allow(frozenset({"gw-2"}))
    done = receiver.sort_out([batch(small_district), batch(small_district, "gw-2", "gw-2")], NOW_MS)
    assert [e.gateway for e in done.entries] == ["gw-2"]
    assert [(r.gateway, r.reason, r.seq) for r in done.refusals] == [("gw-1", RefusalReason.NO_IDENTITY, 1)]
    assert "gateway list" in done.refusals[0].detail


def test_a_valid_identity_does_not_open_another_gateways_channels(small_district: Catalogue) -> None:
    receiver = Admission(small_district)
    receiver.allow(frozenset({"gw-1", "gw-2"}))
    done = receiver.sort_out([batch(small_district, "gw-1", owner="gw-2")], NOW_MS)
    assert [r.reason for r in done.refusals] == [RefusalReason.FOREIGN_CHANNEL]


def test_a_valid_identity_does_not_speak_in_anothers_name(small_district: Catalogue) -> None:
    receiver = Admission(small_district)
    receiver.allow(frozenset({"gw-1", "gw-2"}))
    forged = InboundMessage(batch(small_district, "gw-1").topic, batch(small_district, "gw-2", "gw-2").payload)
    assert [r.reason for r in receiver.sort_out([forged], NOW_MS).refusals] == [RefusalReason.WRONG_GATEWAY]


def test_what_a_revoked_gateway_sends_is_kept_counted_and_can_be_released(
    tmp_path: Path, small_district: Catalogue
) -> None:
    receiver, log = Admission(small_district), open_log(tmp_path)
    kept = Quarantine(tmp_path / "quarantine.sqlite")
    ingest = Ingest(receiver, log, kept, small_district.district.id, list(small_district.gateways))
    receiver.allow(frozenset())
    (said,) = ingest.take([batch(small_district)], NOW_MS)
    assert dict(decode_ack(said.payload).refused or {}) == {1: "no_identity"}
    assert ingest.counters()["refused_no_identity"] == 1
    assert [k.reason for k in kept.waiting()] == [RefusalReason.NO_IDENTITY]
    assert release(kept, receiver, log, NOW_MS).still_refused == 1
    receiver.allow(frozenset({"gw-1"}))
    assert release(kept, receiver, log, NOW_MS).stored == 1
    ingest.heard_of(InboundMessage(str(Topic(small_district.district.id, "gw-1", TopicKind.ONLINE)), b"1"))
    assert ingest.links()[0].online
    receiver.allow(frozenset())
    assert not ingest.links()[0].online  # at once: the broker keeps its last will back from us
    ingest.heard_of(InboundMessage(str(Topic(small_district.district.id, "gw-1", TopicKind.ONLINE)), b"1"))
    assert not ingest.links()[0].online
    assert ingest.counters()["no_identity_heard"] == 1
    kept.close()
    log.close()


def test_the_watch_follows_the_registry_and_the_clock(tmp_path: Path) -> None:
    now = [1000]
    heard: list[frozenset[str]] = []
    store.save(tmp_path, Registry((identity("gw-1", 2000), identity("gw-2", 9000))))
    watch = IdentityWatch(tmp_path, 2.0, lambda: now[0], heard.append)
    watch.look()
    now[0] = 2000
    watch.look()
    store.save(tmp_path, Registry((identity("gw-1", 2000), identity("gw-2", 9000, revoked_ms=2500))))
    watch.look()
    assert heard == [{"gw-1", "gw-2"}, {"gw-2"}, set()]


def test_what_ends_soon_is_said_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    day_ms = 86_400_000
    now = [0]
    two = (identity("gw-2", 20 * day_ms), identity("gw-2", 99 * day_ms, generation=2))  # renewed already
    store.save(tmp_path, Registry((identity("gw-1", 20 * day_ms), *two)))
    watch = IdentityWatch(tmp_path, 2.0, lambda: now[0], lambda _: None)
    for now[0] in (0, 1000, day_ms):
        watch.look()
    said = [r.getMessage() for r in caplog.records]
    assert len(said) == 2
    assert all(s.endswith("gateway renew`: gw-1") for s in said)


def test_a_registry_that_goes_bad_leaves_the_last_in_force_and_says_so(tmp_path: Path) -> None:
    heard: list[frozenset[str]] = []
    store.save(tmp_path, Registry((identity("gw-1", 2000),)))
    watch = IdentityWatch(tmp_path, 2.0, lambda: 1000, heard.append)
    watch.look()
    (tmp_path / store.FILE).write_text("{")
    watch.look()
    assert heard == [{"gw-1"}, {"gw-1"}]
    assert "last known are in force" in watch.trouble()
    store.save(tmp_path, Registry())
    watch.look()
    assert heard[-1] == frozenset()
    assert watch.trouble() == ""


def test_a_cloud_does_not_start_without_its_registry(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match=r"registry\.json"):
        IdentityWatch(tmp_path, 2.0, lambda: 0, lambda _: None).start()


def test_the_days_until_each_identity_ends(tmp_path: Path) -> None:
    day_ms = 86_400_000
    identities = (
        identity("gw-1", NOW_MS + 400 * day_ms, generation=2),
        identity("gw-1", NOW_MS + 3 * day_ms),  # the one before ends sooner, whatever the order
        identity("gw-2", NOW_MS - day_ms // 2),
        identity("gw-3", NOW_MS + day_ms, revoked_ms=NOW_MS),
    )
    store.save(tmp_path, Registry(identities))
    watch = IdentityWatch(tmp_path, 2, lambda: NOW_MS, lambda _: None)
    watch.look()
    assert watch.days_left() == {"gw-1": 400.0, "gw-2": -0.5}
