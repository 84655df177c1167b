"""HTTP Basic logins: checked against gateway accounts or the XMPP server, and remembered for a while."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tigrest.auth.accounts import Accounts
from tigrest.auth.basic import read_basic
from tigrest.auth.throttle import Clock, Throttle
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import LoginRequired, NotConnected
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

CACHE_SIZE = 10_000
"""Most logins remembered; the one checked longest ago is forgotten first."""

MAX_WAITING = 1000
"""Most checks that wait for their turn; beyond them callers are told to come back."""

TURN_SECONDS = 30.0
"""How long a check waits for its turn."""


class Logins:
    """Tells who a caller is.

    A header that was right is remembered as its keyed hash, never as text. While its time lasts it is believed; after that
    it is checked anew, and in any case, however many others fail: who guesses passwords cannot lock the real user out.

    Args:
        domain: of callers who give a local part only.
        check_backend: checks a password against the XMPP server; raises ``NotConnected`` when that cannot be asked.
        accounts: the gateway's own accounts. The server is never asked about them: it would learn their passwords.
        throttle: slows down guessing.
        cache_seconds: how long a success is believed; 0 for not at all.
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
        self._waiting = 0
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, tuple[JID, float]] = OrderedDict()
        self._digests: dict[JID, set[bytes]] = {}
        """Keys of the cache by account."""
        self._epoch = 0
        self._checks: SingleFlight[tuple[int, bytes], bool] = SingleFlight()

    def cached(self, authorization: bytes) -> JID | None:
        """The caller, when this very ``Authorization`` header was accepted lately."""
        found = self._cache.get(self._digest(authorization))
        return found[0] if found is not None and found[1] > self._clock() else None

    async def login(self, authorization: bytes | None, address: str) -> JID:
        """Tell who a caller is.

        Args:
            authorization: value of the ``Authorization`` header; ``None`` or empty when there is none.
            address: IP address of the caller; empty when it is unknown.

        Returns:
            His bare address.

        Raises:
            LoginRequired: no login, or one that is not accepted.
            TooManyFailures: too many failed logins lately.
            NotConnected: the XMPP server cannot be asked, or too many callers want to.

        RFC 7617
        """
        if not authorization:
            raise LoginRequired("a login is needed: HTTP Basic with an XMPP address and its password")
        if (known := self.cached(authorization)) is not None:
            return known
        jid, password = read_basic(authorization, self._domain)
        digest = self._digest(authorization)
        was_right = digest in self._cache
        if not was_right:
            self._throttle.check(jid, address)
        if not await self._checks.run((self._epoch, digest), lambda: self._check(digest, jid, password, address, was_right)):
            raise LoginRequired("the login is not accepted")
        return jid

    def forget(self, jid: JID) -> None:
        """Forget the logins of an account whose password has changed or that is gone."""
        self._epoch += 1  # checks begun with the old password are neither shared nor remembered
        for digest in self._digests.pop(jid.bare, ()):
            del self._cache[digest]

    async def _check(self, digest: bytes, jid: JID, password: str, address: str, was_right: bool) -> bool:
        epoch = self._epoch
        async with self._turn():
            if not was_right:
                self._throttle.check(jid, address)  # again: others may have failed while this one waited
            check = self._accounts.check if self._accounts.has(jid) else self._check_backend
            accepted = await check(jid, password)
        if accepted:
            self._throttle.succeeded(jid, address)
            if epoch == self._epoch:
                self._remember(digest, jid)
        else:
            self._drop(digest)
            self._throttle.failed(jid, address)
            log.info("the login of %s from %s is not accepted", jid, address or "an unknown address")
        return accepted

    def _remember(self, digest: bytes, jid: JID) -> None:
        self._cache[digest] = (jid, self._clock() + self._cache_seconds)
        self._cache.move_to_end(digest)
        self._digests.setdefault(jid, set()).add(digest)
        if len(self._cache) > CACHE_SIZE:
            self._drop(next(iter(self._cache)))

    def _drop(self, digest: bytes) -> None:
        """Remove one login from the cache, if it is there."""
        found = self._cache.pop(digest, None)
        if found is None:
            return
        digests = self._digests[found[0]]
        digests.discard(digest)
        if not digests:
            del self._digests[found[0]]

    def _digest(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, digest_size=24, key=self._key).digest()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until fewer than ``max_concurrent`` checks run.

        Raises:
            NotConnected: too many wait, or it takes too long.
        """
        if self._waiting >= MAX_WAITING:
            raise NotConnected("too many logins are being checked; try again")
        self._waiting += 1
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise NotConnected("checking logins takes too long; try again") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()
