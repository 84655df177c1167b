"""Warn of a reverse proxy that is missing in ``[http] trusted_proxies``: all callers behind it have its address."""

from __future__ import annotations

import ipaddress
import logging

from starlette.types import Scope

from tigrest.http.requests import client_address, header

log = logging.getLogger(__name__)


class UnnamedProxy:
    """Warns once that failed logins of all callers behind a proxy are throttled together."""

    def __init__(self) -> None:
        self._warned = False

    def notice(self, scope: Scope) -> None:
        """Check a request that is refused because of failed logins, and warn if it came through an unnamed proxy.

        Args:
            scope: of the request (ASGI).
        """
        address = client_address(scope)
        if self._warned or not _is_unnamed_proxy(address, header(scope, b"x-forwarded-for")):
            return
        self._warned = True
        log.warning(
            "failed logins through %s are throttled as if all its callers were one: if it is a reverse proxy, "
            "name it in [http] trusted_proxies; otherwise a stranger's wrong passwords keep others out",
            address,
        )


def _is_unnamed_proxy(address: str, forwarded_for: str) -> bool:
    """Return whether a private address forwarded a request for another one, while it is not trusted to say for whom."""
    if not forwarded_for or address in [entry.strip() for entry in forwarded_for.split(",")]:
        return False
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
