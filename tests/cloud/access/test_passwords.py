"""What is tried first is refused, and what people can remember and nobody guesses is not."""

from __future__ import annotations

import pytest

from cloud.access.passwords import weakness
from cloud.access.people import make_password


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 257,
        "passwordpassword",
        "Password12345!",
        "P@ssw0rdP@ssw0rd1",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcabcabcabcabc",
        "123456789012",
        "839201746582",
        "qwertyuiop123",
        "qwertzuiop2026",
        "abcdefghijklmnop",
        "zyxwvutsrqponm",
        "1qaz2wsx3edc4rfv",
        "administrator1",
        "Administrator2026!",
        "letmeinletmein1",
        "welcome2headwater",
        "Headwater-2026",
        "FloodWarning2026",
        "Summer2026!!!!",
        "changeme-changeme",
        "ChangeMe123456",
        "iloveyou12345",
        "ann.li-ann.li-2",
        "annli12345678",
    ],
)
def test_what_is_tried_first_is_refused(password):
    assert weakness(password, "ann.li")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "correct horse battery2",
        "Grauer Kies am Ufer",
        "tR7#kq9!mZw2",
        "郑州东站的第三个水泵房有灯的",
        "vexed-otter-quilt",
    ],
)
def test_what_nobody_guesses_first_is_taken(password):
    assert weakness(password, "ann.li") is None


def test_what_we_make_is_taken():
    assert all(weakness(make_password(), "administrator") is None for _ in range(200))
