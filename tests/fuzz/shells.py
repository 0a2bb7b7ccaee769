"""What stands between raw bytes and a decoder: a file, a word, a device that answers, a request."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from cloud.log.base import NewEntry
from cloud.log.sqlite import SqliteLog
from cloud.quarantine import Quarantine
from cloud.receiver import Message, Receiver, Refusal
from cloud.series.manifest import Manifest, Segment
from cloud.views.runner import ViewRunner
from contract import wire
from contract.ack import decode_ack
from contract.catalogue import Catalogue
from contract.clock import ScaledClock
from contract.loading import load
from contract.models import Bus, BusKind, Register, RegisterType
from contract.readings import ReadingBatch
from contract.wire import Lane, RefusalReason
from contract.yaml_lines import ConfigError, read_yaml, validate
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.node import NodeDriver
from edge_agent.sender import Sender
from edge_agent.spool import Spool
from firmware_bridge.framing import Frame, FrameReader
from firmware_bridge.registers import decode, width

NOW_MS = 1_626_768_000_000
SMALL = Path(__file__).parents[1] / "districts" / "small"
Run = Callable[[bytes], object]


@cache
def scratch() -> Path:
    """A folder of this process, in memory where the machine has such."""
    shm = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="headwater-fuzz-", dir=shm if shm.is_dir() else None))


def sweep() -> None:
    if scratch.cache_info().currsize:
        shutil.rmtree(scratch(), ignore_errors=True)
        scratch.cache_clear()


@cache
def small() -> Catalogue:
    return load(SMALL)


def text(run: Callable[[str], object]) -> Run:
    """The words as MQTT, HTTP and a shell hand them over: UTF-8; what is not, no decoder ever sees."""
    return lambda data: run(data.decode(errors="replace"))


def file(run: Callable[[Path], object], name: str) -> Run:
    def through(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        return run(path)

    return through


def yaml(model: Any) -> Run:
    def shaped(path: Path) -> object:
        document = read_yaml(path)
        found = validate(document, model)
        if found is None or document.mistakes:
            raise ConfigError(document.mistakes)
        return found

    return file(shaped, "config.yaml")


def catalogue(data: bytes) -> object:
    """The small district with one of its files replaced; the first byte says which."""
    folder = scratch() / "district"
    if not folder.is_dir():
        shutil.copytree(SMALL, folder)
    names = ("district.yaml", "gateways.yaml", "rules.yaml", "response_plan.yaml", "devices/level.yaml")
    bent = folder / names[(data[0] if data else 0) % len(names)]
    whole = bent.read_bytes()
    bent.write_bytes(data[1:])
    try:
        found = load(folder)
        assert found.channels_by_gateway is not None
        return found.rule_by_channel
    finally:
        bent.write_bytes(whole)


# --- the wire --------------------------------------------------------------------------------------------------------


def columns_of_many(data: bytes) -> object:
    """As a view reads them, in one sweep: a length byte, so many bytes of one message, the rest is another."""
    cut = 1 + (data[0] if data else 0)
    return wire.columns([wire.parse_batch(data[1:cut]), wire.parse_batch(data[cut:])])


@cache
def _receiver() -> Receiver:
    return Receiver(small())


def receive(data: bytes) -> object:
    """First a length, then so many bytes of topic, then the payload; a good neighbour rides along and must be kept."""
    n = data[0] if data else 0
    hostile = Message(data[1 : 1 + n].decode(errors="replace"), data[1 + n :])
    good = Message(f"headwater/1/{small().district.id}/gw-1/up/live", _good_batch())
    done = _receiver().sort_out([hostile, good], NOW_MS)
    assert any(e.payload == good.payload for e in done.entries), "a hostile neighbour took a good batch with it"
    assert len(done.entries) + len(done.refusals) == 2
    _receiver().acks(done.entries, done.refusals, {})
    return done


@cache
def _good_batch() -> bytes:
    channel = small().channels_by_gateway["gw-1"][0].id
    return wire.encode_batch(wire.WireBatch("gw-1", 7, 1, Lane.LIVE, ReadingBatch.of([NOW_MS], [channel], [0.25], [1])))


@cache
def _sender() -> tuple[Sender, Spool]:
    spool = Spool(scratch() / "sender.sqlite", "gw-1", NOW_MS)
    sender = Sender("small", "gw-1", spool, 0.0, NOW_MS)
    sender.submit(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.ALARM, {}, 0.0, NOW_MS)
    sender.linked(0.0)
    return sender, spool


def hear(data: bytes) -> object:
    """An acknowledgement. What names another spool, or nothing, must make no room."""
    sender, spool = _sender()
    if sender.empty:
        sender.submit(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.ALARM, {}, 0.0, NOW_MS)
    waiting = [b.seq for b in spool.waiting()]
    made_room = sender.heard(data, NOW_MS)
    if made_room:
        assert decode_ack(data).spool == spool.id, "an acknowledgement of another spool made room"
    else:
        assert [b.seq for b in spool.waiting()] == waiting
    assert sender.status(NOW_MS)["bad_acks"] >= 0
    return made_room


# --- devices ---------------------------------------------------------------------------------------------------------


def registers(data: bytes) -> object:
    """type, order, then words. The register's own length must be refused when wrong, by ValueError."""
    head, body = data[:2].ljust(2, b"\0"), data[2:]
    kind = list(RegisterType)[head[0] % len(RegisterType)]
    order = ("ABCD", "CDAB", "BADC", "DCBA")[head[1] % 4]
    register = Register(name="r", quantity="code", type=kind, order=order, scale=0.001, missing_raw=(65535.0,))
    words = [int.from_bytes(body[i : i + 2], "big") for i in range(0, len(body), 2)]
    if len(words) != width(register):
        try:
            decode(register, words)
        except ValueError:
            return None
        raise AssertionError(f"{len(words)} words passed for a {kind}")
    value = decode(register, words)
    assert isinstance(value, float)
    return value


def frames(data: bytes) -> object:
    """In one piece or in any pieces, the same frames; never more held than a frame."""
    cut = 1 + (data[0] if data else 0) % 37
    stream = data[1:]
    reader = FrameReader()
    pieces = (event for i in range(0, len(stream), cut) for event in reader.feed(stream[i : i + cut]))
    good = dropped = 0
    for whole, piece in zip_longest(FrameReader().feed(stream), pieces):
        assert whole == piece
        good += isinstance(whole, Frame)
        dropped += 0 if isinstance(whole, Frame) else whole.length
    assert dropped <= len(stream)
    return good, dropped


def node_line(data: bytes) -> object:
    """The driver behind a radio bridge, from serial bytes to readings."""
    info = _devices(BusKind.NODE_SERIAL)
    driver = NodeDriver(Bus(id="b", kind=BusKind.NODE_SERIAL, address="none"), [info], "none", _STILL)
    heard: list[tuple[int, int, float]] = []
    driver._take(FrameReader(), data, lambda t, c, v: heard.append((t, c, v)))
    return heard, driver.faults()


_STILL = ScaledClock(NOW_MS, 1e-12, NOW_MS)


def _devices(kind: BusKind) -> DeviceInfo:
    """The first device of the small district, with its channels; impatient, so that no answer costs a millisecond."""
    first = next(iter(small().channels.values()))
    channels = tuple(c for c in small().channels.values() if c.device.id == first.device.id)
    device = first.device.model_copy(update={"timeout_s": 0.001})
    return DeviceInfo(device, first.model, channels)


def modbus_tcp(data: bytes) -> object:
    from tests.fuzz import modbus

    return modbus.reply(_devices(BusKind.MODBUS_TCP), BusKind.MODBUS_TCP, data)


def modbus_rtu(data: bytes) -> object:
    """An odd first byte: the checksum is made good, so that what follows it is reached."""
    from tests.fuzz import modbus

    return modbus.reply(_devices(BusKind.MODBUS_RTU), BusKind.MODBUS_RTU, data)


def request(data: bytes) -> object:
    from tests.fuzz import api

    return api.request(data)


# --- files of our own ------------------------------------------------------------------------------------------------


def fresh(name: str) -> Path:
    """A path in a folder emptied for it: what an earlier damage left aside must not fill the disk."""
    folder = scratch() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder / name


def spool(data: bytes) -> object:
    """A damaged spool is set aside, and the agent goes on with a new one: it takes readings and gives them back."""
    path = fresh("spool.sqlite")
    path.write_bytes(data)
    found = Spool(path, "gw-1", NOW_MS)
    try:
        known = found.waiting()
        sender = Sender("small", "gw-1", found, 0.0, NOW_MS)
        spooled = found.commit(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.LIVE, {11: {"made": 1}}, NOW_MS)
        assert found.payload(spooled[0].seq)
        found.oldest_ms()
        sender.status(NOW_MS)
        found.forget([b.seq for b in known])
        return found.set_aside
    finally:
        found.close()


def store(make: Any, use: Callable[[Any], object]) -> Run:
    def opened(data: bytes) -> object:
        path = fresh("store.sqlite")
        path.write_bytes(data)
        made = make(path)
        try:
            return use(made)
        finally:
            made.close()

    return opened


def use_log(log: SqliteLog) -> object:
    rows = log.read(0, 100)
    log.append([NewEntry("gw-1", 7, 99, Lane.LIVE, NOW_MS, NOW_MS, b"x")], NOW_MS)
    log.tick(NOW_MS)
    return rows, log.acknowledged("gw-1", 7), log.read_times("gw-1", 0, NOW_MS, 0)


def use_quarantine(kept: Quarantine) -> object:
    kept.keep([Refusal("t", "gw-1", 7, 1, RefusalReason.TRUNCATED, "short", b"x")], NOW_MS)
    return kept.waiting(), kept.count()


def use_manifest(manifest: Manifest) -> object:
    manifest.commit([Segment(0, "raw", "hour", 0, 3_600_000, "new.parquet", 1, 1)], cursor=5)
    return manifest.cursor(), manifest.segments("raw", "hour", 0, NOW_MS), manifest.find("raw", 0, 99, 0, NOW_MS)


class _NoView:
    name = "none"

    def cursor(self) -> int:
        return 0

    def close(self) -> None: ...


def aside(data: bytes) -> object:
    path = scratch() / "view.aside"
    path.write_bytes(data)
    return ViewRunner(_NoView(), None, path)._set_aside
