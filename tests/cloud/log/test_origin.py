"""Whether a gateway is simulated, as bytes."""

from __future__ import annotations

import pytest

from cloud.log.base import EntryKind
from cloud.log.origin import Origin, OriginError, decode_origin, encode_origin, origin_entry


@pytest.mark.parametrize("simulated", [True, False])
def test_it_comes_back_as_it_was(simulated):
    assert decode_origin(encode_origin(Origin("gw-1", simulated))) == Origin("gw-1", simulated)


def test_each_is_known_by_its_gateway_and_number():
    first, second = (origin_entry(Origin("gw-1", True), n, 5) for n in (1, 2))
    assert first.kind is EntryKind.ORIGIN
    assert first.known_by != second.known_by
    assert first.known_by == origin_entry(Origin("gw-1", False), 1, 9).known_by
    assert first.known_by != origin_entry(Origin("gw-2", True), 1, 5).known_by
    assert first.known_by is not None and first.known_by[0] == ""  # no gateway can name it


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[" * 3000, b'{"gateway": "", "simulated": true}', b'{"gateway": "g", "simulated": 1}']
)
def test_what_is_none_is_refused(payload):
    with pytest.raises(OriginError):
        decode_origin(payload)
