"""Mounts for monitoring: ``/health/live``, ``/health/ready``, ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable

from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import Reply
from tigrest.observability.metrics import Metrics


def health_mounts(is_ready: Callable[[], bool]) -> list[Mount]:
    """Return the mounts of liveness (the process answers) and readiness (requests can be served well).

    Args:
        is_ready: tells whether the gateway is ready.
    """

    async def liveness(_: MountRequest) -> Reply:
        return _health(True)

    async def readiness(_: MountRequest) -> Reply:
        return _health(is_ready())

    return [Mount("/health/live", liveness), Mount("/health/ready", readiness)]


def _health(is_well: bool) -> Reply:
    return Reply(200, b"text/plain", b"ok\n") if is_well else Reply(503, b"text/plain", b"not connected to the XMPP server\n")


def metrics_mount(metrics: Metrics) -> Mount:
    """Return the mount of the numbers for Prometheus.

    Args:
        metrics: the registry.
    """

    async def show(_: MountRequest) -> Reply:
        return Reply(200, *metrics.render())

    return Mount("/metrics", show)
