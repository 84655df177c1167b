"""The registry of all numbers that ``/metrics`` shows to Prometheus.

The gateway makes one and hands it to its parts, which add their own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

ReadGauge = Callable[[], Iterable[tuple[Sequence[str], float]]]
"""Returns the current numbers of a gauge, each with the values of its labels."""


class Metrics:
    """Numbers of the process and of the parts of a gateway."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str], read: ReadGauge) -> None:
        """Add a gauge whose numbers a part keeps itself.

        Args:
            name: of the metric, beginning with ``tigrest_``.
            meaning: one sentence for people.
            labels: names of its labels.
            read: gives the current numbers; called on the event loop.

        Raises:
            ValueError: there is a metric of this name.
        """
        self.add(_Gauge(name, meaning, labels, read))

    def add(self, collector: Collector) -> None:
        """Add numbers of any kind; a collector that has ``describe`` is asked there for their names.

        Raises:
            ValueError: there is a metric of one of its names.
        """
        self._registry.register(collector)

    def render(self) -> tuple[bytes, bytes]:
        """Return content type and text of the current numbers."""
        return CONTENT_TYPE_LATEST.encode(), generate_latest(self._registry)


class _Gauge(Collector):
    def __init__(self, name: str, meaning: str, labels: Sequence[str], read: ReadGauge) -> None:
        self._name, self._meaning, self._labels, self._read = name, meaning, labels, read

    def describe(self) -> Iterator[Metric]:
        """Return the gauge without numbers: by it the registry recognises a name that is taken."""
        yield GaugeMetricFamily(self._name, self._meaning, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        """Return the current numbers."""
        family = GaugeMetricFamily(self._name, self._meaning, labels=self._labels)
        for values, number in self._read():
            family.add_metric(values, number)
        yield family
