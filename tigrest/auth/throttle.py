"""Rate limits of failed logins."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from tigrest.errors import TooManyFailures
from tigrest.xmpp.jid import JID

Clock = Callable[[], float]

KNOWN_SECONDS = 7 * 24 * 3600.0
"""Seconds for which a network is known good for an account, counted from its last successful login there."""

KNOWN_NETWORKS = 16
"""Most networks known good for one account; the one used longest ago is forgotten first."""


class FailureBuckets:
    """Counts failures in token buckets, one for each key: a burst is allowed, then one more every so often.

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
        """Return the seconds until the next attempt is allowed; 0 when it is allowed now."""
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


class KnownNetworks:
    """Remembers the networks from which accounts have logged in; the least recently used are evicted first.

    Args:
        clock: tells monotonic seconds.
        size: most accounts remembered.
    """

    def __init__(self, clock: Clock, size: int = 10_000) -> None:
        self._clock, self._size = clock, size
        self._seen: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()

    def has(self, account: str, network: str) -> bool:
        """Tell whether an account has logged in from a network within :data:`KNOWN_SECONDS`."""
        networks = self._seen.get(account)
        since = networks.get(network) if networks is not None else None
        return since is not None and self._clock() - since < KNOWN_SECONDS

    def add(self, account: str, network: str) -> None:
        """Remember a successful login."""
        networks = self._seen.setdefault(account, OrderedDict())
        networks[network] = self._clock()
        networks.move_to_end(network)
        if len(networks) > KNOWN_NETWORKS:
            networks.popitem(last=False)
        self._seen.move_to_end(account)
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)


class Throttle:
    """Bounds failed logins, so that guessing is slow and its victim can still log in.

    Three token buckets, each of which allows a burst of failures and then one more every so often:

    - of one account from one network: 10, then one each 6 s. Whoever guesses locks himself out, not the owner elsewhere.
    - from one network, all accounts together: 30, then one each 2 s.
    - of one account from all networks that are not known good: 100, then one each 2 s. It bounds guessing from very many networks.

    A network is known good for an account that has logged in from it lately; only the first bucket applies there. Failures of
    checks that ran at the same time count as debt, which has to pass first.

    Args:
        clock: tells monotonic seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._pairs = FailureBuckets(10, 6.0, clock)
        self._networks = FailureBuckets(30, 2.0, clock)
        self._accounts = FailureBuckets(100, 2.0, clock)
        self._known = KnownNetworks(clock)

    def check(self, jid: JID, address: str) -> None:
        """Check that an attempt may pass.

        Args:
            jid: who the caller claims to be.
            address: IP address of the caller; empty when it is unknown. Callers of unknown address have no bucket in common.

        Raises:
            TooManyFailures: there were too many lately.
        """
        account, network = jid.bare, network_of(address)
        seconds = self._pairs.wait(_pair(account, network))
        if not self._known.has(account, network):
            seconds = max(seconds, self._accounts.wait(account), self._networks.wait(network) if network else 0.0)
        if seconds > 0:
            raise TooManyFailures(seconds)

    def failed(self, jid: JID, address: str) -> None:
        """Count a failed login."""
        account, network = jid.bare, network_of(address)
        self._pairs.add(_pair(account, network))
        if network:
            self._networks.add(network)
        if not self._known.has(account, network):
            self._accounts.add(account)

    def check_network(self, address: str) -> None:
        """Check that an attempt without an account, such as one with a token, may pass.

        Args:
            address: IP address of the caller; empty when it is unknown.

        Raises:
            TooManyFailures: there were too many failures from its network lately.
        """
        if address and (seconds := self._networks.wait(network_of(address))) > 0:
            raise TooManyFailures(seconds)

    def network_failed(self, address: str) -> None:
        """Count a failed attempt without an account."""
        if address:
            self._networks.add(network_of(address))

    def succeeded(self, jid: JID, address: str) -> None:
        """Forget the failures of an account from this network, which is known good from now on; other failures still count."""
        account, network = jid.bare, network_of(address)
        self._pairs.clear(_pair(account, network))
        self._known.add(account, network)


def _pair(account: str, network: str) -> str:
    return f"{network} {account}"


def network_of(address: str) -> str:
    """Return the network that counts as one caller: an IPv4 address, or of IPv6 the /64 that one host has to itself (RFC 6177 §2)."""
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.ipv4_mapped is not None:  # how a socket for both families shows IPv4; their /64 would be the whole of IPv4
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False))
