"""What the process that speaks to people's channels holds apprise to."""

from __future__ import annotations

import pytest

from cloud.delivery.apprise_process import Watched, judged, refusal_in
from cloud.delivery.settings import EgressSettings


def found(*addresses: str) -> list:
    return [(2, 1, 6, "", (address, 443)) for address in addresses]


def test_only_addresses_that_may_be_called_come_back() -> None:
    look_up = judged(EgressSettings().rules(), lambda *_: found("10.0.0.1", "203.0.114.1"))
    assert look_up("x.example", 443) == found("203.0.114.1")


def test_a_name_that_leads_inside_does_not_resolve() -> None:
    look_up = judged(EgressSettings().rules(), lambda *_: found("169.254.169.254"))
    with pytest.raises(OSError, match="metadata"):
        look_up("x.example", 443)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"errcode":0,"errmsg":"ok"}', None),
        (b'{"errcode":310000}', 310000),
        (b'{"code":19001,"msg":"param invalid"}', 19001),
        (b'{"StatusCode":0,"code":0}', None),
        (b'{"code":"ok"}', None),
        (b'{"ok":true}', None),
        (b"[1]", None),
        (b"<html>", None),
    ],
)
def test_a_refusal_in_the_body(body: bytes, code: int | None) -> None:
    assert refusal_in(body) == code


def test_too_often_says_when_to_come_again() -> None:
    watched = Watched()
    watched.status = 429
    assert watched.outcome(False)["wait_s"] == 30.0
