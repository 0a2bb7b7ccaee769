"""The gateway's store: owns the spool's file, what is held in memory while the disk is full, retention and disk faults.

The agent adds readings; the uplink asks what waits, takes what it sends and says what is durable in the cloud. Neither
meets an error of the disk: a full disk is said in `disk_trouble` and tried again, a damaged file is set aside and a new
one begun. What that does to batches is in `changes`, which the uplink looks through when it likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool import retention
from edge_agent.spool.batches import Arrived, Changes, Counters, Replacement, Spooled, StoreState
from edge_agent.spool.changes import ChangeList
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.file import SpoolCorrupt, SpoolFull
from edge_agent.spool.held import Commit, HeldCommits
from edge_agent.spool.retiming import retimed, settled, stamped_anew, untimed
from edge_agent.timesync.now import Now
from edge_agent.timesync.timekeeping import Stamp, Timekeeper

_MERGE_EVERY = 256
_NEAR_CAP = 0.95
_ROOM_PAUSE_S = 5.0
_STEPS_MAX = 200  # towards room, at one call of add


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """cap_bytes: of batches. reserve_bytes: of disk; thinning itself must write, so it begins before the disk is full.
    merge_after_s: small batches that have waited longer may be merged; they are history by then."""

    cap_bytes: int = 2 * 1024**3
    reserve_bytes: int = 8 * 1024**2
    merge_after_s: float = 30.0


class SpoolStore:
    """Used by one thread. No method but `close` raises anything of the disk.

    keeper: stamps what is added, and dates it later; without one the caller's time is taken as right. renamed: how
    often the batches were given another identity. disk_trouble: for an operator, empty when there is none.
    """

    def __init__(
        self,
        database: SpoolDatabase,
        now: Now,
        settings: StoreSettings | None = None,
        keeper: Timekeeper | None = None,
    ) -> None:
        self._file, self._settings, self.keeper = database, settings or StoreSettings(), keeper
        self._held = HeldCommits()
        self._changes = ChangeList()
        self._on_the_way: set[int] = set()  # taken since the link came up, and not acknowledged
        self._sending = False
        self._times_to_check = False
        self._since_merge = 0
        self._room_s = now.monotonic_s  # before it there is no use in trying to make room
        self.renamed = 0
        self.disk_trouble = ""
        with self._guarded(now):
            # Something waits for the time, or stands in a wrong one.
            self._times_to_check = any(untimed(b.stamp, keeper) for b in self._file.waiting())
            self._begin_boot()

    # --- the agent's part ---

    def add(self, readings: ReadingBatch, lane: Lane, counters: Counters, now: Now) -> None:
        """Readings and the counts of the same moment. Durable on return, unless the disk is full: then held in memory,
        counted, and tried again at each call. Few readings make one batch, many several."""
        stamp = self.keeper.stamp() if self.keeper else Stamp()
        self._held.add(Commit(readings, lane, counters, now.utc_ms, stamp))
        with self._guarded(now):
            self._commit_held(now)
            self._keep_cap(now)

    def close(self) -> None:
        """What is held in memory is lost."""
        self._file.close()

    # --- what it holds ---

    @property
    def id(self) -> int:
        """The identity of the spool, under which its sequences are unique; 64 bits."""
        return self._file.id

    @property
    def next_seq(self) -> int:
        """The first sequence that was never given."""
        return self._file.next_seq

    @property
    def set_aside(self) -> Path | None:
        """Where the last damaged file is kept."""
        return self._file.set_aside

    @property
    def at_rest(self) -> bool:
        """Nothing is held in memory, nothing is still to be deleted, and nobody has changes left to see."""
        return not len(self._held) and not self._file.to_forget and not len(self._changes)

    def state(self, now: Now) -> StoreState | None:
        """None when the file cannot be read now; `disk_trouble` says why."""
        f = self._file
        with self._guarded(now):
            return StoreState(
                f.id,
                f.floor(),
                f.next_seq,
                f.waiting(),
                f.bytes_waiting,
                self._settings.cap_bytes,
                f.totals("thinned"),
                f.totals("dropped"),
                self._held.readings,
                self._held.lost,
                self.renamed,
                str(f.set_aside or ""),
                self.disk_trouble,
            )
        return None

    def changes(self, now: Now, everything: bool = False) -> Changes | None:
        """What became of the batches that may be sent since the last look; they are seen by that. What waits for the
        time is not among them. everything: all that waits, whatever was seen before. None: the file cannot be read now,
        and nothing may be sent that was known before; ask again."""
        if everything:
            self._changes.everything()
        if not self._changes.anew:
            return self._changes.taken(self._file.id)
        with self._guarded(now):
            unsure = self._file.unsure
            rows = [b for b in self._file.waiting() if not untimed(b.stamp, self.keeper)]
            self._changes.clear()
            new = [Arrived(replace(b, sent=b.sent or unsure), now.monotonic_s) for b in rows]
            return Changes(self._file.id, (), new, anew=True)
        return None

    # --- the uplink's part ---

    @property
    def sending(self) -> bool:
        """The file says that anything may have left: see `begin_sending`."""
        return self._sending

    def begin_sending(self, now: Now) -> None:
        """From now on anything may leave; a run that is killed takes all it had for sent. `sending` says whether that
        is written; it is not while the disk is full."""
        if not self._sending:
            with self._guarded(now):
                self._file.mark_linked()
                self._sending = True

    def end_sending(self, now: Now) -> None:
        """The link is gone. What was taken and not acknowledged may have arrived: it is not altered any more."""
        if self._sending:
            self._sending = False
            with self._guarded(now):
                self._file.mark_unlinked(self._on_the_way)
                self._on_the_way.clear()

    def take(self, seq: int, now: Now) -> bytes | None:
        """The payload, to be sent now; it is on the way from here on. None: not now; if it waits no more, `changes`
        says so."""
        with self._guarded(now):
            payload = self._file.payload(seq)
            if payload is None:
                self._changes.went([seq])
            else:
                self._on_the_way.add(seq)
            return payload
        return None

    def acknowledged(self, seqs: Iterable[int], now: Now) -> None:
        """These are durable in the cloud, and go. What cannot be deleted now is deleted later."""
        gone = list(seqs)
        self._on_the_way.difference_update(gone)
        with self._guarded(now):
            self._file.forget(gone)

    def try_again(self, now: Now) -> None:
        """To delete what a full disk kept from being deleted."""
        if self._file.to_forget:
            with self._guarded(now):
                self._file.forget(())
                self.disk_trouble = self.disk_trouble if len(self._held) else ""

    def rename(self, durable: Iterable[int], now: Now) -> bool:
        """Another identity for all that waits, under the same sequences; `durable` goes. False: the disk is full, and
        nothing was done."""
        before = self.renamed
        with self._guarded(now):
            self._file.rename(durable)
            self._on_the_way.clear()
            self._sending = False
            self._changes.everything()
            self.renamed += 1
        return self.renamed > before

    def retime(self, now: Now, news: bool = False) -> bool:
        """Gives what never left its right times, as far as the keeper knows them by now. news: the keeper knows more
        than before. False: that is not done, for the disk is full; better late than with wrong times."""
        self._times_to_check = self._times_to_check or news
        if not self._times_to_check or self.keeper is None or not self.keeper.synchronised:
            return True
        done = False
        with self._guarded(now):
            self._retime(self.keeper, now)
            self._times_to_check, done = False, True
        return done

    def remember(self, key: str, value: int | str, now: Now) -> None:
        """A small fact over restarts; forgotten if the disk is full."""
        with self._guarded(now):
            self._file.remember(key, value)

    def recall(self, key: str, now: Now) -> int | str | None:
        """What was remembered; None without it, or when the file cannot be read now."""
        with self._guarded(now):
            return self._file.recall(key)
        return None

    # --- disk faults ---

    @contextmanager
    def _guarded(self, now: Now) -> Iterator[None]:
        """A full disk is said, a damaged file set aside."""
        try:
            yield
        except SpoolCorrupt as error:
            self.disk_trouble = f"{error}: set aside, a new spool begins"
            try:
                self._renew(now)
            except (SpoolFull, SpoolCorrupt, OSError) as worse:
                self.disk_trouble = str(worse)
        except SpoolFull as error:
            self.disk_trouble = str(error)

    def _renew(self, now: Now) -> None:
        self._file.renew(now.utc_ms)
        self._on_the_way.clear()
        self._sending = False
        self._changes.everything()
        self._times_to_check = True  # and so that the new file learns what is known of the time
        self._begin_boot()

    # --- adding, and making room ---

    def _commit_held(self, now: Now) -> None:
        """All that is held, in its order, making room where there is none; and merges small batches now and then."""
        steps = 0
        while len(self._held):
            c = self._held.first()
            try:
                rows = self._file.replace(
                    Replacement(c.readings, c.lane, c.now_ms, c.stamp, c.counters), last_commit_ms=c.now_ms
                )
            except SpoolFull:
                steps += 1
                if steps > _STEPS_MAX or now.monotonic_s < self._room_s:
                    raise
                self._room_s = now.monotonic_s + _ROOM_PAUSE_S  # should it fail, too: to decode thousands is work
                if not self._make_room(now):
                    raise
                self._room_s = now.monotonic_s
                continue
            self._held.taken()
            self._note_new(rows, now)
            self._since_merge += len(rows)
        self.disk_trouble = ""
        if self._since_merge >= _MERGE_EVERY:
            self._since_merge = 0
            self._merge(now)

    def _note_new(self, rows: Iterable[Spooled], now: Now) -> None:
        """They are on the disk: to be sent, or first to be given their time."""
        for row in rows:
            if untimed(row.stamp, self.keeper):
                self._times_to_check = True
                continue
            if stamped_anew(row.stamp, self.keeper):
                self._times_to_check = True  # it was held while the disk was full; the time was put right meanwhile
            self._changes.came(row, now.monotonic_s)

    def _keep_cap(self, now: Now) -> None:
        """Thins before the cap is reached or the disk is full; drops only then."""
        cap, reserve = self._settings.cap_bytes, self._settings.reserve_bytes
        for _ in range(_STEPS_MAX):
            disk, used = self._file.available_bytes(), self._file.bytes_waiting
            if used <= cap * _NEAR_CAP and disk >= reserve:
                return
            if not self._make_room(now, may_drop=used > cap or disk < reserve // 2):
                return

    def _make_room(self, now: Now, may_drop: bool = True) -> bool:
        """One step. False when nothing is left that may go."""
        return self._thin(now) or (may_drop and self._drop(now))

    def _merge(self, now: Now) -> None:
        if self._file.unsure:
            return
        before_ms = now.utc_ms - round(self._settings.merge_after_s * 1000)
        for choice in retention.to_merge(before_ms):
            rows = retention.worth_merging(self._file.oldest(choice), self._on_the_way)
            if rows:
                self._replace(retention.merged(rows, self._file.readings_of(rows)), now)
                return

    def _thin(self, now: Now) -> bool:
        if self._file.unsure:
            return False
        for interval_ms, choice in retention.to_thin():
            rows = retention.worth_thinning(self._file.oldest(choice), self._on_the_way, interval_ms)
            if rows:
                self._replace(retention.thinned(rows, self._file.readings_of(rows), interval_ms), now)
                return True
        return False

    def _drop(self, now: Now) -> bool:
        for choice in retention.to_drop():
            rows = self._file.oldest(choice)
            if rows:
                self._replace(retention.dropped(rows, self._file.readings_of(rows)), now)
                return True
        return False

    def _replace(self, change: Replacement, now: Now) -> None:
        new = self._file.replace(change)
        self._on_the_way.difference_update(change.old)
        self._changes.went(change.old)
        for row in new:
            if not untimed(row.stamp, self.keeper):
                self._changes.came(row, now.monotonic_s)

    # --- time ---

    def _begin_boot(self) -> None:
        """What the cloud said in this boot holds; how far the time was sure in the boot before is remembered."""
        if self.keeper is None:
            return
        if (offset_ms := self._file.offset_of(self.keeper.boot)) is not None:
            self.keeper.resume(offset_ms)
        last = self._file.recall("boot")
        if last == self.keeper.boot:
            return
        if last is not None and self._file.offset_of(str(last)) is not None:
            self._file.remember("sure_ms", self._file.recall_number("last_commit_ms") or 0)
        self._file.remember("boot", self.keeper.boot)

    def _retime(self, keeper: Timekeeper, now: Now) -> None:
        if keeper.confirmed and self._file.offset_of(keeper.boot) != keeper.offset_ms:
            self._file.remember_offset(keeper.boot, keeper.offset_ms)
        sure_ms = self._file.recall_number("sure_ms") or 0
        rows = self._file.stamped()
        offsets_ms = {boot: self._file.offset_of(boot) for boot in {row.stamp.boot for row in rows}}
        for row in rows:
            offset_ms = offsets_ms[row.stamp.boot]
            if row.seq in self._on_the_way or settled(row.stamp, keeper, offset_ms):
                continue
            readings = self._file.readings_of([row])
            found = retimed(readings.time_ms, row.stamp, keeper, offset_ms, sure_ms) if len(readings) else None
            if found is None:
                continue
            time_ms, stamp = found
            shift_ms = int(time_ms[-1] - readings.time_ms[-1])
            moved = ReadingBatch(time_ms, readings.channel, readings.value, readings.flag)
            self._changes.changed(self._file.retime(row, moved, row.created_ms + shift_ms, stamp), now.monotonic_s)


def open_store(
    path: Path,
    gateway: str,
    now: Now,
    settings: StoreSettings | None = None,
    keeper: Timekeeper | None = None,
    simulated: bool | None = None,
) -> SpoolStore:
    """The store over the file at `path`, made if there is none; a file that is no spool is set aside. Raises SpoolFull
    when the disk does not let it be opened."""
    return SpoolStore(SpoolDatabase(path, gateway, now.utc_ms, simulated), now, settings, keeper)
