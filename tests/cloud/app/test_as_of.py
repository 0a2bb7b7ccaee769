"""Up to when the warnings know what was measured."""

from __future__ import annotations

import pytest

from cloud.app.as_of import AsOf

Looks = list[tuple[bool, int | None, int | None]]


@pytest.mark.parametrize(
    "looks",
    [
        # Hears the cloud from its broker, up to when its warnings have handled what came: what is said.
        [(True, None, None), (True, 1000, 1000), (True, 5000, 5000)],
        [(True, 1000, 1000), (True, 1000, 1000)],  # the warnings lag: it stands still, however late it is
        [(False, None, None), (False, 1000, None)],  # never heard
        [(True, 1000, 1000), (False, 5000, 1000), (True, 9000, 9000)],  # the broker was away
        [(True, 9000, 9000), (True, 5000, 5000)],  # the log was ahead of time and was put right
    ],
)
def test_it_is_what_was_handled_while_the_broker_is_heard(looks: Looks) -> None:
    as_of, now = AsOf(), (False, None)
    assert as_of() is None
    as_of.follow(lambda: now[0], lambda: now[1])
    for hears, handled_ms, said_ms in looks:
        now = hears, handled_ms
        as_of.look()
        assert as_of() == said_ms
