"""HTTP Basic logins: checked against gateway accounts or the XMPP server, and remembered for a while."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from tigrest.auth.accounts import Accounts
from tigrest.auth.basic import read_basic
from tigrest.auth.single_flight import SingleFlight
from tigrest.auth.throttle import Clock, Throttle
from tigrest.errors import LoginRequired
from tigrest.jid import JID

CACHE_SIZE = 10_000
"""Most logins remembered."""


class Logins:
    """Tells who a caller is.

    Args:
        domain: of callers who give a local part only.
        check_backend: checks a password against the XMPP server.
        accounts: the gateway's own accounts, asked first.
        throttle: slows down guessing.
        cache_seconds: how long a success is remembered; 0 for not at all.
        max_concurrent: most checks running at once.
        clock: tells monotonic seconds.
    """

    def __init__(
        self,
        domain: JID,
        check_backend: Callable[[JID, str], Awaitable[bool]],
        accounts: Accounts,
        throttle: Throttle,
        cache_seconds: float,
        max_concurrent: int = 16,
        clock: Clock = time.monotonic,
    ) -> None:
        self._domain = domain
        self._check_backend = check_backend
        self._accounts = accounts
        self._throttle = throttle
        self._cache_seconds = cache_seconds
        self._turns = asyncio.Semaphore(max_concurrent)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, tuple[JID, float]] = OrderedDict()
        self._checks: SingleFlight[bytes, JID] = SingleFlight()

    def cached(self, authorization: bytes) -> JID | None:
        """The caller, when this very ``Authorization`` header was accepted lately."""
        found = self._cache.get(self._digest(authorization))
        return found[0] if found is not None and found[1] > self._clock() else None

    async def login(self, authorization: bytes | None, address: str) -> JID:
        """Tell who a caller is.

        Args:
            authorization: value of the ``Authorization`` header; ``None`` when there is none.
            address: where the caller comes from.

        Returns:
            His bare address.

        Raises:
            LoginRequired: no login, or one that is not accepted.
            TooManyFailures: too many failed logins lately.
            NotConnected: the XMPP server cannot be asked.

        RFC 7617
        """
        if authorization is None:
            raise LoginRequired("a login is needed: HTTP Basic with an XMPP address and its password")
        if (known := self.cached(authorization)) is not None:
            return known
        jid, password = read_basic(authorization, self._domain)
        self._throttle.check(jid, address)
        digest = self._digest(authorization)
        return await self._checks.run(digest, lambda: self._check(digest, jid, password, address))

    def forget(self, jid: JID) -> None:
        """Forget the logins of an account, whose password has changed."""
        for digest in [digest for digest, (known, _) in self._cache.items() if known == jid]:
            del self._cache[digest]

    async def _check(self, digest: bytes, jid: JID, password: str, address: str) -> JID:
        async with self._turns:
            check = self._accounts.check if self._accounts.has(jid) else self._check_backend
            accepted = await check(jid, password)
        if not accepted:
            self._throttle.failed(jid, address)
            raise LoginRequired("the login is not accepted")
        self._throttle.succeeded(jid)
        self._remember(digest, jid)
        return jid

    def _remember(self, digest: bytes, jid: JID) -> None:
        if self._cache_seconds <= 0:
            return
        self._cache[digest] = (jid, self._clock() + self._cache_seconds)
        self._cache.move_to_end(digest)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)

    def _digest(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, digest_size=24, key=self._key).digest()
