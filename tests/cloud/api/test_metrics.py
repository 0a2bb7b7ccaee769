"""What Prometheus scrapes, of requests turned away and of identities that end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from cloud.api.metrics import render_metrics
from cloud.ingest.admission import InboundMessage
from cloud.log.believed_clock import ClockState
from cloud.log.log_clock import Step
from contract.wire.envelope import Lane
from contract.wire.state import GatewayState, LaneState, encode_state
from tests.fuzz.api import settled


def test_what_was_turned_away_and_whose_identity_ends(tmp_path: Path) -> None:
    cloud = settled(tmp_path)
    calm = render_metrics(cloud.services).decode()
    assert "headwater_http_refused_total{" not in calm
    assert "headwater_gateway_identity_days{" not in calm
    watch = SimpleNamespace(days_left=lambda: {"gw-2": -0.5, "gw-1": 29.0})
    services = replace(cloud.services, health=replace(cloud.services.health, watch=watch))
    cloud.services.turned_away.add("limits", 503)
    cloud.services.turned_away.add("access", 401)
    cloud.services.turned_away.add("access", 401)
    said = render_metrics(services).decode().splitlines()
    assert 'headwater_http_refused_total{by="limits",status="503"} 1.0' in said
    assert 'headwater_http_refused_total{by="access",status="401"} 2.0' in said
    assert 'headwater_gateway_identity_days{gateway="gw-1"} 29.0' in said
    assert 'headwater_gateway_identity_days{gateway="gw-2"} -0.5' in said


def test_a_clock_in_doubt(tmp_path: Path) -> None:
    cloud = settled(tmp_path)
    said = render_metrics(cloud.services).decode().splitlines()
    assert "headwater_clock_step_seconds 0.0" in said
    assert "headwater_clock_known 1.0" in said
    assert "headwater_clock_steps_total 0.0" in said
    state = ClockState(5, 5, Step(-90_500, 3), False, "it stepped")
    clock = SimpleNamespace(state=lambda: state, counters=lambda: {"clock_steps": 1})
    services = replace(cloud.services, health=replace(cloud.services.health, clock=clock))
    said = render_metrics(services).decode().splitlines()
    assert "headwater_clock_step_seconds -90.5" in said
    assert "headwater_clock_known 0.0" in said
    assert "headwater_clock_steps_total 1.0" in said


def test_what_gateways_last_said_of_themselves(tmp_path: Path) -> None:
    cloud = settled(tmp_path)
    state = GatewayState(
        "gw-1",
        7,
        lanes={Lane.HISTORY: LaneState(8, 900, 3600.5)},
        thinned=3,
        dropped=4,
        refused={"time_past": 2, 'made up "x"\n': 3, "another": 4},
        bytes_today=12_345,
        kept_back="history",
        disk_trouble="no room",
    )
    topic = f"headwater/1/{cloud.config.catalogue.district.id}/gw-1/state"
    cloud.ingest.heard_of(InboundMessage(topic, encode_state(state)))
    said = render_metrics(cloud.services).decode().splitlines()
    for line in (
        'headwater_gateway_spool_batches{gateway="gw-1",lane="history"} 8.0',
        'headwater_gateway_spool_bytes{gateway="gw-1",lane="history"} 900.0',
        'headwater_gateway_spool_age_seconds{gateway="gw-1",lane="history"} 3600.5',
        'headwater_gateway_given_up_readings{gateway="gw-1",how="thinned"} 3.0',
        'headwater_gateway_given_up_readings{gateway="gw-1",how="dropped"} 4.0',
        'headwater_gateway_given_up_readings{gateway="gw-1",how="lost_to_full_disk"} 0.0',
        'headwater_gateway_told_refused_batches{gateway="gw-1",reason="time_past"} 2.0',
        'headwater_gateway_told_refused_batches{gateway="gw-1",reason="other"} 7.0',
        'headwater_gateway_trouble{gateway="gw-1",what="disk"} 1.0',
        'headwater_gateway_trouble{gateway="gw-1",what="kept_back"} 1.0',
        'headwater_gateway_trouble{gateway="gw-1",what="clock"} 0.0',
        'headwater_gateway_bytes_today{gateway="gw-1"} 12345.0',
    ):
        assert line in said
    assert not any(line.startswith("headwater_gateway_spool_batches") and "gw-2" in line for line in said)
    assert not any("made up" in line for line in said)  # of labels that gateways choose there would be no end
