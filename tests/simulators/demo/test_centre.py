"""The warning centre of the demo keeps what is signed, once, and says no to the rest."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from simulators.demo.centre import Ailment, WarningCentre
from tests.waiting import until

SECRET = f"whsec_{base64.b64encode(b'the secret of the centre').decode()}"
OTHER = f"whsec_{base64.b64encode(b'the secret of another...').decode()}"


@pytest.fixture
def centre() -> Iterator[WarningCentre]:
    found = WarningCentre(SECRET)
    found.start()
    yield found
    found.stop()


def signed(message: object, secret: str = SECRET) -> tuple[str, dict[str, str]]:
    body = json.dumps(message)
    now = datetime.now(tz=UTC)
    headers = {"webhook-id": "w1", "webhook-timestamp": str(int(now.timestamp()))}
    return body, {**headers, "webhook-signature": Webhook(secret).sign("w1", now, body)}


def status(centre: WarningCentre, message: object, secret: str = SECRET) -> int:
    body, headers = signed(message, secret)
    return httpx2.post(centre.url, content=body, headers=headers, trust_env=False).status_code


def test_what_is_signed_is_kept_in_order_of_arrival(centre: WarningCentre) -> None:
    assert [status(centre, {"id": i}) for i in ("m2", "m1")] == [204, 204]
    assert centre.messages == [{"id": "m2"}, {"id": "m1"}]
    assert (centre.doubles, centre.forged) == (0, 0)


def test_what_comes_twice_is_kept_once_and_accepted(centre: WarningCentre) -> None:
    assert [status(centre, {"id": "m1"}) for _ in range(2)] == [204, 204]
    assert (centre.messages, centre.doubles) == ([{"id": "m1"}], 1)


def test_another_s_signature_is_refused(centre: WarningCentre) -> None:
    assert status(centre, {"id": "m1"}, OTHER) == 401
    assert (centre.messages, centre.forged) == ([], 1)


def test_an_altered_body_is_refused(centre: WarningCentre) -> None:
    body, headers = signed({"id": "m1"})
    answer = httpx2.post(centre.url, content=body.replace("m1", "m2"), headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert centre.messages == []


def test_no_signature_at_all(centre: WarningCentre) -> None:
    assert centre.take(b"{}", {}) == 401
    assert centre.forged == 1


@pytest.mark.parametrize(("ailment", "answer"), [(Ailment.REFUSES, 503), (Ailment.GONE, 410)])
def test_while_it_ails_it_takes_nothing(centre: WarningCentre, ailment: Ailment, answer: int) -> None:
    centre.ail(ailment)
    assert status(centre, {"id": "a", "type": "warning"}) == answer
    centre.ail(None)
    assert status(centre, {"id": "a", "type": "warning"}) == 204
    assert (len(centre.messages), centre.failed) == (1, 1)


def test_a_poisoned_message_is_refused_for_good_and_others_are_taken(centre: WarningCentre) -> None:
    centre.ail(Ailment.POISONED)
    assert status(centre, {"id": "notice", "type": "sink.test"}) == 204
    assert [status(centre, {"id": i, "type": "warning"}) for i in ("a", "b")] == [422, 204]
    centre.ail(None)
    assert status(centre, {"id": "a", "type": "warning"}) == 422
    assert (centre.poison, centre.failed) == ("a", 2)


def test_a_silent_centre_takes_a_message_and_answers_when_it_is_well(centre: WarningCentre) -> None:
    centre.ail(Ailment.SILENT)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(status, centre, {"id": "a", "type": "warning"})
        until(lambda: centre.failed == 1)
        assert not answer.done()
        centre.ail(None)
        assert answer.result() == 204
    assert [m["id"] for m in centre.messages] == ["a"]
