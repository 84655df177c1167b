"""Counting requests, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


Read = Callable[[], Iterable[tuple[Sequence[str], float]]]


class Metrics(Collector):
    """Requests by route, method and status, and how long they took.

    Counted on the event loop only, so without the locks of the library's own counters.
    """

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, _Times] = {}
        self._gauges: list[tuple[str, str, Sequence[str], Read]] = []
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._registry.register(self)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: URI pattern of its handler; empty when there is none, whatever the path.
            method: HTTP method; unknown ones count together.
            status: HTTP status.
            seconds: time from its arrival to the end of the answer; to the beginning of one that comes piece by piece.
        """
        key = (route, method if method in METHODS else "other", status)
        self._requests[key] = self._requests.get(key, 0) + 1
        times = self._seconds.get(route)
        if times is None:
            times = self._seconds[route] = _Times()
        times.sum += seconds
        times.counts[bisect_left(BUCKETS, seconds)] += 1

    def gauge(self, name: str, meaning: str, labels: Sequence[str], read: Read) -> None:
        """Add numbers that others keep.

        Args:
            name: of the metric.
            meaning: what it is, for people.
            labels: names of its labels.
            read: gives the values of the labels and the number, for each of them.
        """
        self._gauges.append((name, meaning, labels, read))

    def collect(self) -> Iterator[Metric]:
        """Give the numbers to the library."""
        requests = CounterMetricFamily("tigrest_requests", "Requests answered.", labels=["route", "method", "status"])
        for (route, method, status), count in self._requests.items():
            requests.add_metric([route, method, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily("tigrest_request_seconds", "Time to answer.", labels=["route"])
        for route, times in self._seconds.items():
            seconds.add_metric([route], times.buckets(), times.sum)
        yield seconds
        for name, meaning, labels, read in self._gauges:
            numbers = GaugeMetricFamily(name, meaning, labels=labels)
            for values, number in read():
                numbers.add_metric(values, number)
            yield numbers

    def render(self) -> tuple[bytes, bytes]:
        """Content type and text of the current numbers."""
        return CONTENT_TYPE_LATEST.encode(), generate_latest(self._registry)


class _Times:
    """How many requests took how long."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.sum = 0.0
        self.counts = [0] * (len(BUCKETS) + 1)

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds, and how many requests took no longer."""
        limits = [*(repr(bucket) for bucket in BUCKETS), "+Inf"]
        return [(limit, sum(self.counts[: number + 1])) for number, limit in enumerate(limits)]
