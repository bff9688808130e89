"""A worker's figures, read off its parts when they are asked for: nothing is counted twice, nothing on the hot path."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

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
        for name, pool in (("browse", self._shop.browse), ("desk", self._shop.desk), ("console", self._shop.console)):
            idle = pool.get_idle_size()
            connections.add_metric([name, "idle"], idle)
            connections.add_metric([name, "busy"], pool.get_size() - idle)
        return [groups, asks, waiting, connections]


def figures_of(shop: Shop) -> CollectorRegistry:
    """A registry with one worker's figures."""
    registry = CollectorRegistry()
    registry.register(ShopFigures(shop))
    return registry
