"""HTTP Basic logins, checked against gateway accounts or the XMPP server, and cached."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tigrest.auth.accounts import Accounts
from tigrest.auth.basic import check_characters, read_basic, read_username
from tigrest.auth.server_tokens import server_token
from tigrest.auth.throttle import Clock, Throttle
from tigrest.auth.token_store import Token
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import LoginRequired, NotConnected
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import STATUS_ENDPOINT
from tigrest.xmpp.sasl import LoginSecret

log = logging.getLogger(__name__)

_Decide = Callable[[], Awaitable[LoginSecret | None]]
"""Asks whoever knows whether a login is right."""


@dataclass(frozen=True)
class LoginLimits:
    """Limits of the checks of logins.

    Args:
        cached: entries of the cache; the login checked longest ago is evicted first.
        running: most checks that run at once.
        waiting: most checks that wait for one of these to end; beyond them callers are told to come back.
        wait_seconds: how long a check waits.
    """

    cached: int = 10_000
    running: int = 16
    waiting: int = 1000
    wait_seconds: float = 30.0


class Logins:
    """Authenticates callers by HTTP Basic.

    The keyed hash of an accepted header is cached, never its text. While the entry is fresh the password is not checked; after that it
    is checked again, whatever the throttle says: whoever guesses passwords cannot lock the real user out.

    Args:
        domain: of callers who give a local part only.
        check_backend: checks a password against the XMPP server; raises ``NotConnected`` when that cannot be asked.
        check_login: checks a password, or a token of the server in place of it; only passwords are accepted when ``None``.
        accounts: the gateway's own accounts. The server is never asked about them: it would learn their passwords.
        throttle: slows down guessing.
        cache_seconds: how long an accepted login stays fresh in the cache; 0 to check every request.
        limits: of the checks.
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        domain: JID,
        *,
        check_backend: Callable[[JID, str], Awaitable[bool]],
        check_login: Callable[[JID, str], Awaitable[LoginSecret | None]] | None = None,
        accounts: Accounts,
        throttle: Throttle,
        cache_seconds: float,
        limits: LoginLimits = LoginLimits(),
        clock: Clock = time.monotonic,
    ) -> None:
        self._domain = domain
        self._check_backend, self._check_login = check_backend, check_login
        self._accounts = accounts
        self._throttle = throttle
        self._cache_seconds = cache_seconds
        self._limits = limits
        self._running = asyncio.Semaphore(limits.running)
        self._waiting = 0
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, tuple[JID, float]] = OrderedDict()
        self._digests: dict[JID, set[bytes]] = {}
        """Keys of the cache by account."""
        self._tokens: dict[bytes, float] = {}
        """When logins by a token of the server have to be checked again, by their keys of the cache, where they are never fresh."""
        self._epoch = 0
        self._checks: SingleFlight[tuple[int, bytes], LoginSecret | None] = SingleFlight()

    def cached(self, authorization: bytes) -> JID | None:
        """Return the caller of an ``Authorization`` header with a password that is fresh in the cache; ``None`` for others."""
        found = self._cache.get(self._digest(authorization))
        return found[0] if found is not None and found[1] > self._clock() else None

    async def login(self, authorization: bytes | None, address: str) -> JID | Token:
        """Authenticate a caller.

        Args:
            authorization: value of the ``Authorization`` header; ``None`` or empty when there is none.
            address: IP address of the caller; empty when it is unknown.

        Returns:
            His bare address; where he came with a token of the server in place of the password, that token.

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
        _check_name(jid)
        digest = self._digest(authorization)
        if self._tokens.get(digest, float("-inf")) > self._clock():
            return server_token(jid)
        was_right = digest in self._cache
        if not was_right:
            self._throttle.check(jid, address)
        accepted = await self._checks.run(
            (self._epoch, digest), lambda: self._check(digest, jid, password, address=address, was_right=was_right)
        )
        if accepted is None:
            raise LoginRequired("the login is not accepted")
        return jid if accepted == "password" else server_token(jid)

    async def verify(self, jid: JID, password: str, address: str) -> bool:
        """Check a password now, in the limits of a login: whoever may ask this cannot guess faster than others.

        Args:
            jid: whose.
            password: to check; an empty one is never right.
            address: IP address of whoever asks; empty when it is unknown.

        Raises:
            TooManyFailures: too many failed logins lately.
            NotConnected: the XMPP server cannot be asked, or too many callers want to.
        """
        account = jid.bare
        self._throttle.check(account, address)
        if not password:
            return False
        async with self.permit():
            check = self._accounts.check if self._accounts.has(account) else self._check_backend
            return await self._ask(account, address, lambda: _as_secret(check(account, password))) is not None

    def knows(self, jid: JID) -> bool:
        """Return whether somebody could log in, as far as that is to be seen from his bare address: nobody of another domain could."""
        return jid.domain == self._domain or self._accounts.has(jid)

    async def sign_in(self, username: str, password: str, address: str) -> JID:
        """Authenticate a caller by his password now, in the limits of a login.

        Args:
            username: his address, or its local part alone.
            password: his.
            address: his IP address; empty when it is unknown.

        Returns:
            His bare address.

        Raises:
            LoginRequired: the login is not accepted.
            TooManyFailures, NotConnected: as :meth:`verify`.
        """
        check_characters(username + password)
        jid = read_username(username, self._domain)
        _check_name(jid)
        if not await self.verify(jid, password, address):
            raise LoginRequired("the login is not accepted")
        return jid

    def has_own(self, jid: JID) -> bool:
        """Return whether an address is that of one of the gateway's own accounts."""
        return self._accounts.has(jid.bare)

    def forget(self, jid: JID) -> None:
        """Evict the logins of an account whose password has changed or that was deleted."""
        self._epoch += 1  # checks begun with the old password are neither shared nor remembered
        for digest in self._digests.pop(jid.bare, ()):
            del self._cache[digest]
            self._tokens.pop(digest, None)

    def configure(self, accounts: Accounts, cache_seconds: float) -> None:
        """Replace what is configured, and evict all logins: each is checked again at its next request.

        Args:
            accounts: the gateway's own accounts.
            cache_seconds: how long an accepted login stays fresh in the cache.
        """
        self._accounts, self._cache_seconds = accounts, cache_seconds
        self._epoch += 1
        self._cache.clear()
        self._tokens.clear()
        self._digests.clear()

    async def _check(self, digest: bytes, jid: JID, password: str, *, address: str, was_right: bool) -> LoginSecret | None:
        epoch = self._epoch
        async with self.permit():
            accepted = await self._ask(jid, address, lambda: self._decide(jid, password), was_right=was_right)
        if accepted is None:
            self._drop(digest)
        elif epoch == self._epoch:
            self._remember(digest, jid, is_token=accepted == "token")
        return accepted

    async def _decide(self, jid: JID, secret: str) -> LoginSecret | None:
        """Ask whoever knows the account whether a password is right; the server is asked about its tokens too."""
        if self._accounts.has(jid):
            return await _as_secret(self._accounts.check(jid, secret))
        if self._check_login is None:
            return await _as_secret(self._check_backend(jid, secret))
        return await self._check_login(jid, secret)

    async def _ask(
        self, jid: JID, address: str, decide: Callable[[], Awaitable[LoginSecret | None]], *, was_right: bool = False
    ) -> LoginSecret | None:
        """Ask whether a login is right, and count the failure where it is not."""
        if not was_right:
            self._throttle.check(jid, address)  # again: others may have failed while this one waited
        accepted = await decide()
        if accepted is not None:
            self._throttle.succeeded(jid, address)
        else:
            self._throttle.failed(jid, address)
            log.info("the login of %s from %s is not accepted", jid, address or "an unknown address")
        return accepted

    def _remember(self, digest: bytes, jid: JID, *, is_token: bool) -> None:
        until = self._clock() + self._cache_seconds
        self._cache[digest] = (jid, float("-inf") if is_token else until)
        self._cache.move_to_end(digest)
        self._tokens.pop(digest, None)
        if is_token:
            self._tokens[digest] = until
        self._digests.setdefault(jid, set()).add(digest)
        if len(self._cache) > self._limits.cached:
            self._drop(next(iter(self._cache)))

    def _drop(self, digest: bytes) -> None:
        """Remove one login from the cache, if it is there."""
        found = self._cache.pop(digest, None)
        if found is None:
            return
        self._tokens.pop(digest, None)
        digests = self._digests[found[0]]
        digests.discard(digest)
        if not digests:
            del self._digests[found[0]]

    def _digest(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, digest_size=24, key=self._key).digest()

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[None]:
        """Wait for a permit to run a check, and hold it.

        Raises:
            NotConnected: too many wait, or it takes too long.
        """
        if self._waiting >= self._limits.waiting:
            raise NotConnected("too many logins are being checked; try again")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await self._running.acquire()
        except TimeoutError:
            raise NotConnected("checking logins takes too long; try again") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._running.release()


async def _as_secret(is_right: Awaitable[bool]) -> LoginSecret | None:
    """Return what a check of a password found."""
    return "password" if await is_right else None


def _check_name(jid: JID) -> None:
    """Refuse the name that the gateway itself uses.

    Raises:
        LoginRequired: it is that.
    """
    if jid.local == STATUS_ENDPOINT:
        raise LoginRequired(f"nobody logs in as {STATUS_ENDPOINT}: the gateway uses that name itself")
