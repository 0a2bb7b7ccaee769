"""Who asks for warnings, by the feed, its index or the stream, while the cloud is killed (SIGKILL) in mid-answer.

A half answer is seen to be one; who asks again, as each of their standards says, has all of it, in order and once.
"""

from __future__ import annotations

import multiprocessing as mp
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import feedparser
import httpx2
import pytest
from sqlalchemy import Engine, update

from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from tests.cloud.api.killed_while_answering import serve
from tests.cloud.delivery.played import START_MS, message, put

TOLD = [f"m{n}" for n in range(1, 7)]
ENDS_S = 60.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    put(engine, *(message(n, f"i{n}") for n in range(1, 7)))
    with engine.begin() as db:
        db.execute(update(t.messages).values(expires_ms=START_MS + 3_600_000, refs="[]"))
    yield engine
    engine.dispose()


@contextmanager
def cloud(ledger: Engine, dies_after_bytes: int | None = None) -> Iterator[httpx2.Client]:
    """A life of the cloud: a client of it. It ends by its own death, or is killed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = ledger.url.render_as_string(hide_password=False)
        context = mp.get_context("forkserver")
        context.set_forkserver_preload([serve.__module__])
        process = context.Process(target=serve, args=(url, listener, dies_after_bytes))
        process.start()
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=ENDS_S) as client:
                yield client
        finally:
            if dies_after_bytes is None:
                process.kill()
            process.join(ENDS_S)
        assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("path", ["/v1/feed", "/v1/feed/index"])
@pytest.mark.parametrize("dies_after_bytes", [1, 700])
def test_half_a_feed_is_no_feed_and_the_next_is_the_whole(ledger: Engine, path: str, dies_after_bytes: int) -> None:
    plain = {"accept-encoding": "identity"}
    with cloud(ledger, dies_after_bytes) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.get(path, headers=plain)
    with cloud(ledger) as client:
        whole = client.get(path, headers=plain)
    with cloud(ledger) as client:  # another life knows what the one before it said
        again = client.get(path, headers={**plain, "if-none-match": whole.headers["etag"]})
    found = feedparser.parse(whole.content)
    assert not found.bozo
    assert [e.id for e in found.entries] == [f"urn:cap:{name}" for name in reversed(TOLD)]
    assert (again.status_code, again.content) == (304, b"")


def events(client: httpx2.Client, last_id: str, told: list[str]) -> None:
    """Appends the ids of whole events (HTML standard, 9.2.6: what no blank line ends is none) until the answer breaks,
    or all were told."""
    headers = {"accept": "text/event-stream", **({"last-event-id": last_id} if last_id else {})}
    text = ""
    with client.stream("GET", "/v1/stream", headers=headers) as answer:
        for piece in answer.iter_text():
            text += piece
            *whole, text = text.split("\n\n")
            told += [line[4:] for event in whole for line in event.split("\n") if line.startswith("id: ")]
            if told[-1:] == TOLD[-1:]:
                return


def test_a_listener_goes_on_where_the_last_whole_event_was(ledger: Engine) -> None:
    """Killed in the middle of an event; and of the stream that goes on before it, in the middle of another."""
    told: list[str] = []
    with cloud(ledger, 1400) as client, pytest.raises(httpx2.HTTPError):
        events(client, "", told)
    first = list(told)
    with cloud(ledger, 700) as client, pytest.raises(httpx2.HTTPError):
        events(client, told[-1] if told else "", told)
    second = list(told)
    with cloud(ledger) as client:
        events(client, told[-1] if told else "", told)
    assert told == TOLD
    assert 0 < len(first) < len(second) < len(TOLD)
