"""Mounts for monitoring: ``/health/live``, ``/health/ready``, ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable

from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import Reply
from tigrest.observability.metrics import Metrics

_WELL = Reply(200, b"text/plain", b"ok\n")
_LOSING = Reply(200, b"text/plain", b"ok, but answers of the XMPP server get lost, so requests fail: the log says why\n")


def health_mounts(is_ready: Callable[[], bool], loses_answers: Callable[[], bool]) -> list[Mount]:
    """Return the mounts of liveness (the process answers) and readiness (requests can be served).

    Args:
        is_ready: tells whether the gateway is ready.
        loses_answers: tells whether some requests fail since answers of the XMPP server get lost. It is ready nevertheless: messages pass,
            and to take it away would stop them too.
    """

    async def liveness(_: MountRequest) -> Reply:
        return _WELL

    async def readiness(_: MountRequest) -> Reply:
        if not is_ready():
            return Reply(503, b"text/plain", b"not connected to the XMPP server\n")
        return _LOSING if loses_answers() else _WELL

    return [Mount("/health/live", liveness), Mount("/health/ready", readiness)]


def metrics_mount(metrics: Metrics) -> Mount:
    """Return the mount of the numbers for Prometheus.

    Args:
        metrics: the registry.
    """

    async def show(_: MountRequest) -> Reply:
        return Reply(200, *metrics.render())

    return Mount("/metrics", show)
