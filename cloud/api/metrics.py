"""What Prometheus scrapes: counters of the receiver, the links, the views, the quarantine."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud.services import Services


class _Collector(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        health = self._services.health
        for name, count in sorted(health.counters().items()):
            metric = CounterMetricFamily(f"headwater_{name}", "Receiver total since start")
            metric.add_metric([], count)
            yield metric
        online = GaugeMetricFamily("headwater_gateway_online", "1 while the broker holds its link", labels=["gateway"])
        refused = CounterMetricFamily("headwater_gateway_refused", "Batches refused", labels=["gateway"])
        for link in health.gateways():
            online.add_metric([link.gateway], float(link.online))
            refused.add_metric([link.gateway], link.refused)
        yield online
        yield refused
        behind = GaugeMetricFamily("headwater_view_behind_entries", "Log entries not yet applied", labels=["view"])
        aside = GaugeMetricFamily("headwater_view_set_aside_entries", "Log entries set aside", labels=["view"])
        for view in health.views():
            behind.add_metric([view.name], view.behind)
            aside.add_metric([view.name], view.set_aside)
        yield behind
        yield aside
        yield GaugeMetricFamily("headwater_quarantine_batches", "Batches kept aside", value=health.quarantine_count())
        levels = GaugeMetricFamily("headwater_open_incidents", "Open incidents", labels=["level"])
        found = [i.level.value for i in self._services.warnings.incidents(open_only=True)]
        for level in ("blue", "yellow", "orange", "red"):
            levels.add_metric([level], found.count(level))
        yield levels


def render_metrics(services: Services) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collector(services))
    return generate_latest(registry)
