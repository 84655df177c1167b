"""Counting requests, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Requests by route, method and status, and how long they took."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        requests = Counter("tigrest_requests", "Requests answered.", ["route", "method", "status"], registry=self._registry)
        seconds = Histogram("tigrest_request_seconds", "Time to answer.", ["route"], buckets=BUCKETS, registry=self._registry)
        self._requests, self._seconds = requests, seconds
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: URI pattern of its handler; empty when there is none, whatever the path.
            method: HTTP method; unknown ones count together.
            status: HTTP status.
            seconds: time from its arrival to the end of the answer.
        """
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS") else "other"
            counter = self._requests.labels(route, known, status)
            if known == method:
                self._counters[key] = counter
        counter.inc()
        histogram = self._histograms.get(route)
        if histogram is None:
            histogram = self._histograms[route] = self._seconds.labels(route)
        histogram.observe(seconds)

    def render(self) -> tuple[bytes, bytes]:
        """Content type and text of the current numbers."""
        return CONTENT_TYPE_LATEST.encode(), generate_latest(self._registry)
