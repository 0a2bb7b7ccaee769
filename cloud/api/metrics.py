"""What Prometheus scrapes: counters of the receiver, the links, the views, the sinks, the quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud.api.ports import Services
from cloud.delivery.state import SinkMode, SinkState
from cloud.delivery.values import Noted
from cloud.warnings.model import level_word
from contract.wire.envelope import RefusalReason
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
        yield from _sinks(health.sinks(), self._services.clock.now_ms())
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
        let_go = CounterMetricFamily(
            "headwater_quarantine_let_go", "Batches let go there: more than the gateway's quota", labels=["gateway"]
        )
        for gateway, count in health.quarantine_let_go().items():
            let_go.add_metric([gateway], count)
        yield let_go
        levels = GaugeMetricFamily("headwater_open_incidents", "Open incidents", labels=["level"])
        found = [level_word(i.level) for i in self._services.warnings.incidents(open_only=True)]
        for level in ("blind", "blue", "yellow", "orange", "red"):
            levels.add_metric([level], found.count(level))
        yield levels


def _sinks(states: Sequence[SinkState], now_ms: int) -> Iterator[Metric]:
    """What the ledger counts is absent while it is out of reach."""
    sink = ["sink"]
    waiting = GaugeMetricFamily("headwater_sink_waiting", "Messages in force, not yet delivered", labels=sink)
    oldest = GaugeMetricFamily("headwater_sink_oldest_waiting_seconds", "Age of the oldest of them", labels=sink)
    delivered = CounterMetricFamily("headwater_sink_delivered", "Messages delivered", labels=sink)
    last = GaugeMetricFamily("headwater_sink_last_success_seconds", "Since the last delivery", labels=sink)
    trouble = GaugeMetricFamily("headwater_sink_trouble", "1 while its consumer lacks messages", labels=sink)
    mode = GaugeMetricFamily("headwater_sink_state", "1 for the state it is in", labels=["sink", "state"])
    aside = GaugeMetricFamily("headwater_sink_set_aside", "Messages that its consumer refused", labels=sink)
    noted = {
        why: CounterMetricFamily(f"headwater_sink_{why.value}", f"Messages not sent: {why.value}", labels=sink)
        for why in Noted
        if why is not Noted.SET_ASIDE
    }
    for s in states:
        trouble.add_metric([s.name], float(bool(s.trouble)))
        for m in SinkMode:
            mode.add_metric([s.name, m.value], float(m is s.mode))
        if s.waiting is not None:
            waiting.add_metric([s.name], s.waiting)
            oldest.add_metric([s.name], 0.0 if s.oldest_ms is None else max(now_ms - s.oldest_ms, 0) / 1000)
        if s.delivered is not None:
            delivered.add_metric([s.name], s.delivered)
        if s.last_ms is not None:
            last.add_metric([s.name], max(now_ms - s.last_ms, 0) / 1000)
        if s.noted is not None:
            aside.add_metric([s.name], s.noted[Noted.SET_ASIDE.value])
            for why, metric in noted.items():
                metric.add_metric([s.name], s.noted[why.value])
    yield from (waiting, oldest, delivered, last, trouble, mode, aside, *noted.values())


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
        known = Counter({r.value: s.refused.get(r.value, 0) for r in RefusalReason if r.value in s.refused})
        if others := sum(s.refused.values()) - known.total():  # else a gateway could make labels without end
            known["other"] = others
        for reason, n in sorted(known.items()):
            told.add_metric([s.gateway, reason], n)
        for what, said in (("clock", s.clock), ("disk", s.disk_trouble), ("kept_back", s.kept_back)):
            trouble.add_metric([s.gateway, what], float(bool(said)))
        spent.add_metric([s.gateway], s.bytes_today)
    yield from (depth, size, age, gave_up, told, trouble, spent)


def render_metrics(services: Services) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collector(services))
    return generate_latest(registry)
