"""Slowing down those who guess passwords."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from tigrest.errors import TooManyFailures
from tigrest.jid import JID

Clock = Callable[[], float]


class Bucket:
    """Failures allowed for each of many keys: a burst, then one more every so often.

    Args:
        burst: failures allowed at once.
        seconds: time after which one more is allowed.
        clock: tells monotonic seconds.
        size: most keys remembered; the oldest are forgotten.
    """

    def __init__(self, burst: int, seconds: float, clock: Clock, size: int = 10_000) -> None:
        self._burst, self._seconds, self._clock, self._size = burst, seconds, clock, size
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the next attempt is allowed; 0 when it is allowed now."""
        level = self._level(key)
        return max(0.0, (level - self._burst + 1) * self._seconds)

    def add(self, key: str) -> None:
        """Count a failure."""
        self._failures[key] = (self._level(key) + 1, self._clock())
        self._failures.move_to_end(key)
        if len(self._failures) > self._size:
            self._failures.popitem(last=False)

    def clear(self, key: str) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def _level(self, key: str) -> float:
        level, since = self._failures.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock() - since) / self._seconds) if level else 0.0


class Throttle:
    """Bounds failed logins for each account and from each address.

    Ten failures in a row, then one each 6 s, for an account; thirty, then one each 2 s, from an address. Failures of checks
    that ran at the same time count as debt, which has to pass first.

    Args:
        clock: tells monotonic seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._accounts = Bucket(10, 6.0, clock)
        self._addresses = Bucket(30, 2.0, clock)

    def check(self, jid: JID, address: str) -> None:
        """Let an attempt pass.

        Args:
            jid: who the caller claims to be.
            address: IP address of the caller; empty when it is unknown, then only the account counts.

        Raises:
            TooManyFailures: there were too many lately.
        """
        seconds = self._accounts.wait(jid.bare)
        if address:
            seconds = max(seconds, self._addresses.wait(_network(address)))
        if seconds > 0:
            raise TooManyFailures(seconds)

    def failed(self, jid: JID, address: str) -> None:
        """Count a failed login."""
        self._accounts.add(jid.bare)
        if address:
            self._addresses.add(_network(address))

    def succeeded(self, jid: JID) -> None:
        """Forget the failures of an account whose owner has logged in; those from his address still count."""
        self._accounts.clear(jid.bare)


def _network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or of IPv6 the /64 that one host has to itself (RFC 6177 §2)."""
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.ipv4_mapped is not None:  # how a socket for both families shows IPv4; their /64 would be the whole of IPv4
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False))
