"""The witness of the disk believes no acknowledgement that log and quarantine do not bear out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.ingest.admission import Refusal
from cloud.ingest.quarantine import Quarantine
from cloud.log.base import NewEntry
from cloud.log.sqlite import SqliteLog
from contract.wire.ack import Ack, encode_ack
from contract.wire.envelope import Lane, RefusalReason
from simulators.promise.durable import Durable
from simulators.promise.world import Broken

SPOOL = 0xABC


@dataclass(frozen=True, slots=True)
class Disk:
    """The cloud's, as its own code writes it."""

    folder: Path
    log: SqliteLog
    quarantine: Quarantine

    def store(self, *seqs: int, gateway: str = "gw-1") -> None:
        self.log.append([NewEntry(gateway, SPOOL, seq, Lane.LIVE, 0, 0, b"x") for seq in seqs], 1000)

    def keep_aside(self, seq: int) -> None:
        refusal = Refusal("t", "gw-1", SPOOL, seq, RefusalReason.TIME_PAST, "too old", b"x")
        self.quarantine.keep([refusal], 1000)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(tmp_path, SqliteLog(tmp_path / "log.sqlite"), Quarantine(tmp_path / "quarantine.sqlite"))
    yield found
    found.log.close()
    found.quarantine.close()


@pytest.fixture
def durable() -> Iterator[Durable]:
    found = Durable()
    yield found
    found.close()


def says(prefix: int, *seqs: int, refused: dict[int, str] | None = None) -> bytes:
    return encode_ack(Ack(SPOOL, prefix, seqs, refused))


def test_what_is_in_the_log_may_be_acknowledged(disk: Disk, durable: Durable) -> None:
    disk.store(1, 2, 5)
    durable.verify("gw-1", says(2, 5), disk.folder)
    disk.store(3)
    durable.verify("gw-1", says(3, 5), disk.folder)


@pytest.mark.parametrize(("prefix", "seqs", "missing"), [(2, (6,), "[6]"), (4, (), "[3, 4]")])
def test_what_is_not_there_may_not(
    disk: Disk, durable: Durable, prefix: int, seqs: tuple[int, ...], missing: str
) -> None:
    disk.store(1, 2, 5)
    with pytest.raises(Broken) as broken:
        durable.verify("gw-1", says(prefix, *seqs), disk.folder)
    assert str(broken.value) == f"acknowledged to gw-1 and not durable: sequences {missing}"


def test_another_gateway_s_batch_of_the_same_number_is_none_of_this(disk: Disk, durable: Durable) -> None:
    disk.store(1, gateway="gw-2")
    durable.verify("gw-2", says(1), disk.folder)
    with pytest.raises(Broken):
        durable.verify("gw-1", says(1), disk.folder)


def test_what_is_kept_aside_may_be_refused(disk: Disk, durable: Durable) -> None:
    disk.store(1)
    disk.keep_aside(2)
    durable.verify("gw-1", says(1, refused={2: "time_past"}), disk.folder)
    with pytest.raises(Broken, match=r"sequences \[3\]"):
        durable.verify("gw-1", says(1, refused={3: "time_past"}), disk.folder)


def test_below_its_floor_a_gateway_waits_for_nothing(disk: Disk, durable: Durable) -> None:
    disk.store(5)
    durable.settled("gw-1", SPOOL, 5)
    durable.settled("gw-1", SPOOL, 3)  # an old word, late: it takes nothing back
    durable.verify("gw-1", says(5), disk.folder)
    with pytest.raises(Broken, match=r"sequences \[6\]"):
        durable.verify("gw-1", says(6), disk.folder)
