"""What all workers say together, in Prometheus' text format: any of them answers for all."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from evertill.pulse.model import Audited, Figures, Seen, counts_of
from evertill.resilience.durations import BOUNDS_S


class Family(msgspec.Struct, frozen=True):
    """How a figure of the pulse (pulse/model.py) is told."""

    name: str
    told: str
    labels: tuple[str, ...] = ()


GAUGES = (
    Family("limit", "Requests that may be under way"),
    Family("under_way", "Requests under way"),
    Family("lane_running", "Requests let in that are not over", ("lane",)),
    Family("lane_waiting", "Requests that wait to be let in", ("lane",)),
    Family("group_waiting", "Asks waiting for the next group", ("groups",)),
    Family("pool_connections", "Open connections", ("pool", "state")),
)
COUNTERS = (
    Family("orders", "Orders taken and not taken, and what came of them", ("ending",)),
    Family("groups", "Groups written", ("groups",)),
    Family("group_asks", "Asks answered by groups", ("groups",)),
    Family("admitted", "Requests let in", ("lane",)),
    Family("refused", "Requests told to come again", ("lane",)),
    Family("connection_holds", "Connections held", ("pool", "caller")),
    Family("connection_held_seconds", "Time held", ("pool", "caller")),
    Family("connection_waited_seconds", "Waited for one", ("pool", "caller")),
)


def prometheus_text(seen: Seen) -> bytes:
    """All figures, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(SeenFigures(seen))
    return generate_latest(registry)


class SeenFigures(Collector):
    """What was seen, family by family."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        seen = self._seen
        yield GaugeMetricFamily(
            "evertill_workers_seen", "1: the figures of all workers; 0: of this one alone", value=int(seen.whole)
        )
        yield GaugeMetricFamily("evertill_workers", "Workers that told their figures lately", value=len(seen.workers))
        for family in GAUGES:
            gauge = GaugeMetricFamily(f"evertill_{family.name}", family.told, labels=family.labels)
            for labels, value in _of(seen.gauges, family):
                gauge.add_metric(labels, value)
            yield gauge
        for family in COUNTERS:
            counter = CounterMetricFamily(f"evertill_{family.name}", family.told, labels=family.labels)
            for labels, value in _of(seen.counters, family):
                counter.add_metric(labels, value)
            yield counter
        yield _request_seconds(seen.counters)
        if seen.audited is not None:
            yield from _audit(seen.audited)


def _of(figures: Figures, family: Family) -> Iterator[tuple[list[str], float]]:
    """The figures of a family, with their labels, in order of their names."""
    for name in sorted(figures):
        own, *labels = name.split("|", len(family.labels))
        if own == family.name:
            yield labels, figures[name]


def _request_seconds(counters: Figures) -> Metric:
    family = HistogramMetricFamily(
        "evertill_request_seconds", "Our own time for requests: nobody outside was waited for", labels=["kind"]
    )
    for labels, sum_s in _of(counters, Family("request_seconds_sum", "", ("kind",))):
        reached = accumulate(counts_of(counters, *labels))
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        family.add_metric(labels, list(zip(bounds, reached, strict=True)), sum_value=sum_s)
    return family


def _audit(audited: Audited) -> Iterable[Metric]:
    """What the last audit found, in whichever worker it was."""
    anomalies = GaugeMetricFamily("evertill_audit_anomalies", "Anomalies in the books", labels=["kind"])
    for kind, count in audited.anomalies.items():
        anomalies.add_metric([kind], count)
    yield anomalies
    yield GaugeMetricFamily("evertill_audit_seconds", "How long the last audit took", value=audited.seconds)
    yield GaugeMetricFamily(
        "evertill_audit_finished_timestamp_seconds", "When the last audit ended", value=audited.finished
    )
