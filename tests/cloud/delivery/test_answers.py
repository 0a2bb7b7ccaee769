"""What each HTTP answer means."""

from __future__ import annotations

import pytest

from cloud.delivery.answers import Fault, fault_of, retry_after_s, said_of

NOW_MS = 1_626_768_000_000  # 2021-07-20 08:00:00 UTC, a Tuesday


@pytest.mark.parametrize(
    ("statuses", "fault"),
    [
        ((200, 201, 202, 204, 299), None),
        ((400, 406, 409, 411, 412, 413, 414, 415, 417, 422, 431, 451), Fault.MESSAGE),
        ((301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 408, 421, 425, 429), Fault.CONSUMER),
        ((500, 501, 502, 503, 504, 507, 511, 599), Fault.CONSUMER),
        ((410,), Fault.GONE),
    ],
)
def test_whose_fault_it_is(statuses: tuple[int, ...], fault: Fault | None) -> None:
    assert {fault_of(s) for s in statuses} == {fault}


def test_what_is_said_names_the_remedy_where_there_is_one() -> None:
    assert said_of(204) == "HTTP 204"
    assert said_of(500) == "HTTP 500"
    assert said_of(422) == "HTTP 422: unprocessable content"
    assert said_of(401).endswith("compare secret_files with the consumer's key")
    assert said_of(404).endswith("compare url with the consumer's address")
    assert said_of(302) == "HTTP 302: redirects are refused; set the final address as url"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0.0),
        ("30", 30.0),
        (" 120 ", 120.0),
        ("9" * 40, 999_999_999.0),
        ("Tue, 20 Jul 2021 08:00:30 GMT", 30.0),
        ("Tuesday, 20-Jul-21 08:00:30 GMT", 30.0),
        ("Tue, 20 Jul 2021 16:00:30 +0800", 30.0),
        ("Tue, 20 Jul 2021 07:59:00 GMT", 0.0),
        ("Tue, 20 Jul 2021 08:00:30", 30.0),
        ("Tue, 99 Jul 2021 08:00:30 GMT", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW_MS) == seconds
