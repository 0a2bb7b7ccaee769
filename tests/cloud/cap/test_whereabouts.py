"""Exchanged coordinates that are a place on the Earth either way are found by what is known from elsewhere."""

from __future__ import annotations

import pytest

from cloud.cap.check import check
from cloud.cap.whereabouts import Box
from tests.cloud.cap.sound import SOUND

DELHI = Box(28.4, 76.8, 28.9, 77.4)
RIGHT = "28.6,77.2 28.7,77.2 28.7,77.3 28.6,77.2"
EXCHANGED = "77.2,28.6 77.2,28.7 77.3,28.7 77.2,28.6"
START, END = SOUND.index("      <polygon>"), SOUND.index("    </area>")


def of(*shapes: str) -> bytes:
    """The sound message with these shapes alone, a circle where a radius stands."""
    xml = "".join(f"<circle>{s}</circle>" if s.count(",") == 1 else f"<polygon>{s}</polygon>" for s in shapes)
    return f"{SOUND[:START]}{xml}{SOUND[END:]}".encode()


def said(data: bytes, area: Box | None = None, profiles: tuple[str, ...] = ()) -> list[str]:
    return [str(fault) for fault in check(data, profiles, area)]


def test_alone_nothing_is_known() -> None:
    assert said(of(RIGHT)) == said(of(EXCHANGED)) == []


def test_a_box_tells() -> None:
    assert said(of(RIGHT), DELHI) == []
    (fault,) = said(of(EXCHANGED), DELHI)
    assert "77.2,28.6 is longitude, latitude: exchanged it lies in the area that was given" in fault
    (fault,) = said(of("30.1,77.2 28.7,77.2 28.7,77.3 30.1,77.2"), DELHI)
    assert "30.1,77.2 lies outside the area that was given" in fault
    assert said(of("28.65,77.25 0.5"), DELHI) == []
    (fault,) = said(of("77.25,28.65 0.5"), DELHI)
    assert "is longitude, latitude" in fault


@pytest.mark.parametrize(
    ("shapes", "faults"),
    [
        ((RIGHT, "28.65,77.25 0.5"), 0),
        ((EXCHANGED, "28.65,77.25 0.5"), 1),
        ((RIGHT, "77.25,28.65 0.5"), 1),
        ((RIGHT, EXCHANGED, EXCHANGED), 2),
        ((RIGHT, "40.0,116.0 0.5"), 0),  # far away, and no exchange of it
        (("30.0,31.0 0.5", "31.0,30.0 0.5"), 0),  # Cairo: exchanged it is near either way
    ],
)
def test_another_shape_of_the_message_tells(shapes: tuple[str, ...], faults: int) -> None:
    found = said(of(*shapes))
    assert len(found) == faults
    assert all("one of them is longitude, latitude" in fault for fault in found)


def test_the_profile_of_the_united_states_tells() -> None:
    def where(shape: str) -> list[str]:
        return [f for f in said(of(shape), None, ("ipaws",)) if "United States" in f]

    assert where("18.4,-66.1 1") == where("13.5,144.8 1") == where("52.9,173.2 1") == where("-14.3,-170.7 1") == []
    (fault,) = where("-66.1,18.4 1")
    assert "exchanged it lies in the United States" in fault
    assert "lies outside" in where("48.1,11.6 1")[0]


@pytest.mark.parametrize(
    "text", ["28.4,76.8,28.9", "a,b,c,d", "28.9,76.8,28.4,77.4", "28.4,77.4,28.9,76.8", "nan,1,2,3"]
)
def test_an_area_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SOUTH,WEST,NORTH,EAST"):
        Box.parse(text)
