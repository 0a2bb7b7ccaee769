"""Up to when the warnings know what was measured."""

from cloud.app.as_of import AsOf


def test_it_stands_still_while_the_cloud_hears_nothing() -> None:
    now, well = [1000], [False]
    as_of = AsOf(lambda: now[0])
    assert as_of() is None
    as_of.follow(lambda: well[0])
    assert as_of() is None
    well[0] = True
    assert as_of() == 1000
    now[0], well[0] = 5000, False
    as_of.look()
    assert as_of() == 1000
