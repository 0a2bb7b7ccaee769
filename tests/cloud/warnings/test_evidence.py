"""Evidence of conditions: made once of each as it stands, and right when it moves or its gateway says what it is."""

from __future__ import annotations

from dataclasses import replace

from cloud.warnings.evidence import EvidenceOf
from cloud.warnings.gateways import gateways_of
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from tests.cloud.warnings.city import RULE, city
from tests.cloud.warnings.standing import key_of, stands


def test_it_is_made_anew_of_what_moved_and_where_readings_turn_out_to_be_played(small_district: Catalogue) -> None:
    catalogue, channel = city(small_district), RULE.channels[0]
    key = key_of(channel)
    evidence = EvidenceOf(catalogue, {key: Quantity.DEPTH}, gateways_of(catalogue))
    red = stands(channel, Level.RED)
    first = evidence.of(red, frozenset())
    assert (first.key, first.level, first.simulated) == (key, Level.RED, False)
    assert evidence.of(red, frozenset({"another"})) is first
    deeper = evidence.of(replace(red, shown_value=1.5), frozenset())
    assert (deeper.value, deeper.simulated) == (1.5, False)
    gateway = catalogue.channels[channel].gateway
    assert evidence.of(red, frozenset({gateway})).simulated
    assert evidence.of(red, frozenset()) == first
