"""A worker's figures, read off its parts when they are asked for: nothing is counted twice, nothing on the hot path."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from evertill.audit import Auditor
from evertill.shop import Shop


class ShopFigures(Collector):
    """The till's groups and the pools of one worker."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def collect(self) -> Iterable[Metric]:
        groups = CounterMetricFamily("evertill_groups", "Groups written", labels=["groups"])
        asks = CounterMetricFamily("evertill_group_asks", "Asks answered by groups", labels=["groups"])
        waiting = GaugeMetricFamily("evertill_group_waiting", "Asks waiting for the next group", labels=["groups"])
        for each in (self._shop.checkout.till.groups, self._shop.sessions.groups):
            groups.add_metric([each.name], each.groups_run)
            asks.add_metric([each.name], each.asks_run)
            waiting.add_metric([each.name], each.waiting)
        connections = GaugeMetricFamily("evertill_pool_connections", "Open connections", labels=["pool", "state"])
        holds = CounterMetricFamily("evertill_connection_holds", "Connections held", labels=["pool", "caller"])
        held = CounterMetricFamily("evertill_connection_held_seconds", "Time held", labels=["pool", "caller"])
        waited = CounterMetricFamily("evertill_connection_waited_seconds", "Waited for one", labels=["pool", "caller"])
        for pool in self._shop.pools:
            connections.add_metric([pool.purpose, "idle"], pool.open - pool.busy)
            connections.add_metric([pool.purpose, "busy"], pool.busy)
            for caller, hold in list(pool.holds.items()):
                holds.add_metric([pool.purpose, caller], hold.count)
                held.add_metric([pool.purpose, caller], hold.held_s)
                waited.add_metric([pool.purpose, caller], hold.waited_s)
        gate = self._shop.gate
        limit = GaugeMetricFamily("evertill_limit", "Requests that may be under way", value=gate.limit.value)
        under_way = GaugeMetricFamily("evertill_under_way", "Requests under way", value=gate.under_way)
        admitted = CounterMetricFamily("evertill_admitted", "Requests let in", labels=["lane"])
        refused = CounterMetricFamily("evertill_refused", "Requests told to come again", labels=["lane"])
        for priority, lane in gate.lanes.items():
            admitted.add_metric([priority.name.lower()], lane.admitted)
            refused.add_metric([priority.name.lower()], lane.refused)
        return [limit, under_way, admitted, refused, groups, asks, waiting, connections, holds, held, waited]


class AuditFigures(Collector):
    """What the last audit found; nothing in workers that are not the auditor."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor

    def collect(self) -> Iterable[Metric]:
        report, finished_at = self._auditor.report, self._auditor.finished_at
        if report is None or finished_at is None:
            return []
        anomalies = GaugeMetricFamily("evertill_audit_anomalies", "Anomalies in the books", labels=["kind"])
        for kind, count in report.counts().items():
            anomalies.add_metric([kind], count)
        seconds = GaugeMetricFamily("evertill_audit_seconds", "How long the last audit took", value=report.seconds)
        finished = GaugeMetricFamily(
            "evertill_audit_finished_timestamp_seconds", "When the last audit ended", value=finished_at.timestamp()
        )
        return [anomalies, seconds, finished]


def figures_of(shop: Shop, auditor: Auditor) -> CollectorRegistry:
    """A registry with one worker's figures."""
    registry = CollectorRegistry()
    registry.register(ShopFigures(shop))
    registry.register(AuditFigures(auditor))
    return registry
