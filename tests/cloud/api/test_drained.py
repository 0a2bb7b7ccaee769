"""A file for writers, emptied as it is written."""

from __future__ import annotations

import io
import zipfile

from cloud.api.drained import Drained


def test_what_is_taken_piece_by_piece_is_what_was_written() -> None:
    """A zip, which asks where in the file it stands, and cannot go back."""
    out, taken = Drained(), []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("a", "b"):
            made.writestr(name, name * 10_000)
            taken.append(out.taken())
            assert out.taken() == b""
    taken.append(out.taken())
    assert all(taken)
    assert out.tell() == sum(map(len, taken))
    found = zipfile.ZipFile(io.BytesIO(b"".join(taken)))
    assert (found.testzip(), found.read("b")) == (None, b"b" * 10_000)
