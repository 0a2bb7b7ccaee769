"""How the log's time was put right, as bytes."""

from __future__ import annotations

import pytest

from cloud.log.correction import Correction, CorrectionError, decode_correction, encode_correction


def test_it_comes_back_as_it_was():
    correction = Correction(1_800_028_800_000, 1_800_000_000_000, "the clock was 8 h ahead", "ntp")
    assert decode_correction(encode_correction(correction)) == correction


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"[" * 3000, b'{"was_ms": 1}', b'{"was_ms": "1", "now_ms": 2, "why": "", "who": ""}', b" " * 5000],
)
def test_what_is_none_is_refused(payload):
    with pytest.raises(CorrectionError):
        decode_correction(payload)
