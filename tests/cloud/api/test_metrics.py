"""What Prometheus scrapes, of requests turned away and of identities that end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from cloud.api.metrics import render_metrics
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
