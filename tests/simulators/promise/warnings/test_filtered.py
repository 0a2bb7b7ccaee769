"""Who must, may and must not be told of a message by what it wants."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cloud.delivery.wants import Kind, Wants
from cloud.log.base import START
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from simulators.promise.warnings.consumers import WARNINGS, Consumer, Receipt, Tried
from simulators.promise.warnings.district import Edition, first_edition
from simulators.promise.warnings.filtered import check_filters, perhaps_wanted, surely_wanted
from simulators.promise.warnings.witness import Era, Notice, Told, Witness
from simulators.promise.world import Broken, World

EDITION = first_edition(random.Random(1))
HERE, THERE = sorted(EDITION.catalogue.zones)[:2]


def red(zone: str = HERE, name: str = "m1") -> Told:
    return Told(name, "a", zone, MsgType.ALERT, Level.RED, 0, 0, b"", EDITION.catalogue)


def blind(zone: str) -> Notice:
    return Notice("b1", "b", frozenset({zone}), MsgType.ALERT, 0, 0, b"", EDITION.catalogue, None, None)


def seen(*editions: Edition) -> Witness:
    out = Witness(World(1, 0, False))
    out.eras = [Era(0, START, edition, START) for edition in editions or (EDITION,)]
    return out


@pytest.mark.parametrize(
    ("wants", "red_here", "blind_there"),
    [
        (WARNINGS, True, True),
        (replace(WARNINGS, levels=frozenset({Level.RED})), True, True),  # a blind notice is of all levels
        (replace(WARNINGS, levels=frozenset({Level.ORANGE})), False, True),
        (replace(WARNINGS, zones=frozenset({HERE})), True, False),
        (replace(WARNINGS, zones=frozenset({THERE})), False, True),
        (Wants(frozenset({Kind.WARNING})), True, False),
        (Wants(frozenset({Kind.BLIND})), False, True),
        (replace(WARNINGS, statuses=frozenset({"Actual"})), True, True),
        (replace(WARNINGS, statuses=frozenset({"Exercise"})), False, False),
    ],
)
def test_what_is_wanted(wants: Wants, red_here: bool, blind_there: bool) -> None:
    for message, wanted in ((red(), red_here), (blind(THERE), blind_there)):
        assert perhaps_wanted(wants, message, [message]) is wanted
        assert surely_wanted(wants, message, seen()) is wanted


def test_a_zone_that_another_message_tells_of_or_that_is_renamed_is_not_sure() -> None:
    wants = replace(WARNINGS, zones=frozenset({THERE}))
    assert perhaps_wanted(wants, red(HERE), [red(HERE), red(THERE, "m2")])
    assert not surely_wanted(wants, red(HERE), seen())
    zones = {z: zone for z, zone in EDITION.catalogue.zones.items() if z != THERE}
    renamed = Edition("renamed", replace(EDITION.catalogue, zones=zones))
    assert not surely_wanted(wants, red(THERE), seen(EDITION, renamed))


def broken_by(wants: Wants, languages: tuple[str, ...] = (), text: str = "") -> str:
    """The property that a run breaks in which a consumer is told of red here; empty: none."""
    witness = seen()
    witness.said.append(red())
    consumer = Consumer(witness.world, "radio", "", (), wants, languages)
    consumer.first_tried["a"] = Tried(0, "m1")
    spoken = b"<language>zh-CN</language><language>en-US</language>"
    consumer.has.append(Receipt(0, Message("m1", "a", 0, MsgType.ALERT, Level.RED, (), spoken), True))
    consumer.texts = {"m1": text} if languages else {}
    try:
        check_filters(witness, consumer)
    except Broken as error:
        return str(error).split(":")[0]
    return ""


def test_who_is_told_of_another_zone_breaks_the_promise() -> None:
    assert broken_by(replace(WARNINGS, zones=frozenset({HERE}))) == ""
    assert broken_by(replace(WARNINGS, zones=frozenset({THERE}))) == "only-what-it-wants"


@pytest.mark.parametrize(
    ("languages", "text", "broken"),
    [
        (("en",), "<language>en-US</language>", ""),
        (("en",), "<language>zh-CN</language>", "in-its-languages"),
        (("zh", "en"), "<language>zh-CN</language><language>en-US</language>", ""),
        (("en",), "", "in-its-languages"),
        (("fr",), "<language>zh-CN</language><language>en-US</language>", ""),  # there is none: all of it
        (("fr",), "", "in-its-languages"),
    ],
)
def test_languages(languages: tuple[str, ...], text: str, broken: str) -> None:
    assert broken_by(WARNINGS, languages, text) == broken
