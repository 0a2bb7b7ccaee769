"""What Prometheus scrapes: counters of the receiver, the links, the views, the sinks, the quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud.api.ports import Services
from cloud.delivery.dispatch import SinkState
from contract.wire.state import GatewayState


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
        yield from _gateway_states([link.state for link in health.gateways() if link.state is not None])
        behind = GaugeMetricFamily("headwater_view_behind_entries", "Log entries not yet applied", labels=["view"])
        aside = GaugeMetricFamily("headwater_view_set_aside_entries", "Log entries set aside", labels=["view"])
        for view in health.views():
            behind.add_metric([view.name], view.behind)
            aside.add_metric([view.name], view.set_aside)
        yield behind
        yield aside
        yield from _sinks(health.sinks())
        turned = CounterMetricFamily(
            "headwater_http_refused", "Requests turned away: by limits or by access", labels=["by", "status"]
        )
        for (by, status), count in sorted(self._services.turned_away.counts().items()):
            turned.add_metric([by, str(status)], count)
        yield turned
        ends = GaugeMetricFamily(
            "headwater_gateway_identity_days", "Until its last identity ends; below 0 it has", labels=["gateway"]
        )
        for gateway, days in sorted(health.identities().items()):
            ends.add_metric([gateway], days)
        yield ends
        clock = health.clock_state()
        by_s = 0.0 if clock.step is None else clock.step.by_ms / 1000
        yield GaugeMetricFamily("headwater_clock_step_seconds", "Of the machine's clock, not believed", value=by_s)
        yield GaugeMetricFamily("headwater_clock_known", "0 while the time is only guessed", value=float(clock.known))
        yield GaugeMetricFamily("headwater_quarantine_batches", "Batches kept aside", value=health.quarantine_count())
        levels = GaugeMetricFamily("headwater_open_incidents", "Open incidents", labels=["level"])
        found = [i.level.value for i in self._services.warnings.incidents(open_only=True)]
        for level in ("blue", "yellow", "orange", "red"):
            levels.add_metric([level], found.count(level))
        yield levels


def _sinks(states: Sequence[SinkState]) -> Iterator[Metric]:
    """waiting and delivered are absent while the ledger, which counts them, is out of reach."""
    waiting = GaugeMetricFamily("headwater_sink_waiting", "Messages not yet delivered", labels=["sink"])
    delivered = CounterMetricFamily("headwater_sink_delivered", "Messages delivered", labels=["sink"])
    trouble = GaugeMetricFamily("headwater_sink_trouble", "1 while its consumer gets no messages", labels=["sink"])
    for s in states:
        if s.waiting is not None:
            waiting.add_metric([s.name], s.waiting)
        if s.delivered is not None:
            delivered.add_metric([s.name], s.delivered)
        trouble.add_metric([s.name], float(bool(s.trouble)))
    yield from (waiting, delivered, trouble)


def _gateway_states(states: Sequence[GatewayState]) -> Iterator[Metric]:
    """What gateways last said of themselves; a gateway that is silent keeps its last words, see `gateway_online`."""
    labels = ["gateway", "lane"]
    depth = GaugeMetricFamily("headwater_gateway_spool_batches", "Batches that wait on the gateway", labels=labels)
    size = GaugeMetricFamily("headwater_gateway_spool_bytes", "Their bytes", labels=labels)
    age = GaugeMetricFamily("headwater_gateway_spool_age_seconds", "Age of the oldest of them", labels=labels)
    gave_up = GaugeMetricFamily(
        "headwater_gateway_given_up_readings", "Readings its spool had no room for", labels=["gateway", "how"]
    )
    told = GaugeMetricFamily(
        "headwater_gateway_told_refused_batches", "Refusals the gateway knows of", labels=["gateway", "reason"]
    )
    trouble = GaugeMetricFamily("headwater_gateway_trouble", "1 while it says so", labels=["gateway", "what"])
    spent = GaugeMetricFamily("headwater_gateway_bytes_today", "Bytes of payload sent today", labels=["gateway"])
    for s in states:
        for lane, waits in sorted(s.lanes.items()):
            key = [s.gateway, lane.name.lower()]
            depth.add_metric(key, waits.batches)
            size.add_metric(key, waits.bytes)
            age.add_metric(key, waits.oldest_age_s)
        for how, n in (("thinned", s.thinned), ("dropped", s.dropped), ("lost_to_full_disk", s.lost_to_full_disk)):
            gave_up.add_metric([s.gateway, how], n)
        for reason, n in sorted(s.refused.items()):
            told.add_metric([s.gateway, reason], n)
        for what, said in (("clock", s.clock), ("disk", s.disk_trouble), ("kept_back", s.kept_back)):
            trouble.add_metric([s.gateway, what], float(bool(said)))
        spent.add_metric([s.gateway], s.bytes_today)
    yield from (depth, size, age, gave_up, told, trouble, spent)


def render_metrics(services: Services) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collector(services))
    return generate_latest(registry)
