"""Somebody with one gateway's certificate sends small messages as fast as he can write, to a real broker."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cloud.ingest.admission import Admission
from cloud.ingest.ingest import Ingest
from cloud.ingest.listening import Listening
from cloud.ingest.mqtt import MqttReceiver
from cloud.ingest.quarantine import Quarantine
from cloud.log.open import open_log
from contract.catalogue.catalogue import Catalogue
from contract.clock import SystemClock
from host.tls import TlsFiles
from tests.cloud.identity.test_delivery import Gateway, speaking
from tests.servers import Mosquitto, tls_mosquitto
from tests.waiting import until_async

pytestmark = pytest.mark.servers

SILENCE_S = 3600.0
_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04evil"


@contextmanager
def receiving(
    folder: Path, district: Catalogue, broker: Mosquitto, listening: Listening
) -> Iterator[tuple[Ingest, MqttReceiver]]:
    assert broker.identities is not None
    files = broker.identities.cloud_tls()
    tls = TlsFiles(Path(files["ca_file"]), Path(files["cert_file"]), Path(files["key_file"]))
    log, kept = open_log(folder), Quarantine(folder / "quarantine.sqlite")
    ingest = Ingest(Admission(district), log, kept, district.district.id, list(district.gateways))
    receive = MqttReceiver(
        "127.0.0.1", broker.port, ingest, SystemClock(), district.district.id, tls=tls, listening=listening
    )
    receive.start()
    try:
        yield ingest, receive
    finally:
        receive.stop()
        kept.close()
        log.close()


@contextmanager
def small_messages(broker: Mosquitto, district: Catalogue, gateway: str) -> Iterator[None]:
    """Empty ones, without a wish for an answer, until it ends."""
    assert broker.identities is not None
    files = broker.identities.gateway_tls(gateway)
    context = ssl.create_default_context(cafile=files["ca_file"])
    context.load_cert_chain(files["cert_file"], files["key_file"])
    topic = f"headwater/1/{district.district.id}/{gateway}/up/live".encode()
    message = bytes([0x30, 2 + len(topic), 0, len(topic)]) + topic
    over = threading.Event()
    raw = socket.create_connection(("127.0.0.1", broker.port), 60)
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
        connection.sendall(_CONNECT)
        assert connection.recv(4)[3] == 0

        def flood() -> None:
            with suppress(OSError):
                while not over.is_set():
                    connection.sendall(message * 400)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            yield
        finally:
            over.set()
            connection.shutdown(socket.SHUT_RDWR)
            thread.join()


async def test_who_sends_more_than_can_be_looked_at_is_unheard_and_others_are_heard(
    tmp_path: Path, small_district: Catalogue
) -> None:
    with tls_mosquitto(tmp_path / "broker", small_district) as broker:
        honest = Gateway(tmp_path, small_district, broker, "gw-1", "gw-1")
        returns = Gateway(tmp_path, small_district, broker, "gw-2", "gw-2")
        listening = Listening(small_district.district.id, small_district.gateways, SILENCE_S)
        with receiving(tmp_path / "cloud", small_district, broker, listening) as (ingest, receive):
            async with speaking(honest):
                with small_messages(broker, small_district, "gw-2"):
                    await until_async(lambda: listening.silent(time.monotonic()))
                    for _ in range(20):
                        honest.say()
                    await until_async(lambda: honest.session.connected and honest.session.empty)
                (told,) = receive.troubles()
                assert told.startswith("gw-2 sends more messages than can be looked at")
                listening.again(time.monotonic() + SILENCE_S)
                async with speaking(returns):  # its batches wait behind what it sent before
                    await until_async(lambda: {x.gateway for x in ingest.links() if x.online} == {"gw-1", "gw-2"})
            assert receive.counters()["silenced_deferred"] > 0
            assert not receive.trouble()
