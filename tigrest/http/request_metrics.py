"""Counts of requests by route, method and status, and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram, in seconds."""

COUNTED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
"""Methods that are counted by name; callers may invent any number of others."""


class RequestMetrics(Collector):
    """Requests answered. Counted on the event loop only, so without the locks of the library's counters."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, _Histogram] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: URI pattern of the handler or mount that answered; empty where there is none, whatever the path.
            method: HTTP method; unknown ones count together.
            status: HTTP status.
            seconds: time from its arrival to the end of the answer; to the beginning of one that is streamed.
        """
        key = (route, method if method in COUNTED_METHODS else "other", status)
        self._requests[key] = self._requests.get(key, 0) + 1
        histogram = self._seconds.get(route)
        if histogram is None:
            histogram = self._seconds[route] = _Histogram()
        histogram.sum += seconds
        histogram.counts[bisect_left(BUCKETS, seconds)] += 1

    def describe(self) -> Iterator[Metric]:
        """Return the metrics without numbers."""
        yield _requests_family()
        yield _seconds_family()

    def collect(self) -> Iterator[Metric]:
        """Return the current numbers."""
        requests = _requests_family()
        for (route, method, status), count in self._requests.items():
            requests.add_metric([route, method, str(status)], count)
        yield requests
        seconds = _seconds_family()
        for route, histogram in self._seconds.items():
            seconds.add_metric([route], histogram.buckets(), histogram.sum)
        yield seconds


def _requests_family() -> CounterMetricFamily:
    return CounterMetricFamily("tigrest_requests", "Requests answered.", labels=["route", "method", "status"])


def _seconds_family() -> HistogramMetricFamily:
    return HistogramMetricFamily("tigrest_request_seconds", "Time to answer.", labels=["route"])


class _Histogram:
    """Counts of requests by the seconds that they took."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.sum = 0.0
        self.counts = [0] * (len(BUCKETS) + 1)

    def buckets(self) -> list[tuple[str, float]]:
        """Return each upper bound with the number of requests that took no longer."""
        limits = [*(repr(bucket) for bucket in BUCKETS), "+Inf"]
        return [(limit, sum(self.counts[: number + 1])) for number, limit in enumerate(limits)]
