"""Tokens of the XMPP server itself, checked by a login there, and cached as passwords are. RFC 7628"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tigrest.auth.throttle import Clock, Throttle
from tigrest.auth.token_store import Token
from tigrest.auth.tokens import token_of
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import InvalidToken, NotSupported
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

SERVER_TOKEN_NAME = "of the XMPP server"  # noqa: S105 - not one itself
"""Name of all tokens of the server."""


@dataclass(frozen=True)
class ServerTokenLimits:
    """Limits of checking tokens of the server.

    Args:
        remembered: most tokens in the cache; the one checked longest ago is evicted first.
        unsupported_seconds: how long it is remembered that the server takes no tokens.
    """

    remembered: int = 10_000
    unsupported_seconds: float = 60.0


def server_token(owner: JID) -> Token:
    """Return a token of the server: it is for what users may, whatever its owner is. What it is for at the server is not known here."""
    return Token(SERVER_TOKEN_NAME, owner, frozenset({"user"}), "", None)


class ServerTokens:
    """Checks tokens of the server that tell by themselves for whom they are.

    Guesses count as those of the password of one account, the domain itself: so there is a limit for all networks together.

    Args:
        domain: served.
        owner_of: asks the server; ``None`` where there is none.
        permit: bounds how many checks run at once.
        throttle: slows down guessing.
        cache_seconds: how long an accepted token stays fresh in the cache.
        limits: of checking.
        clock: tells monotonic seconds.
    """

    def __init__(
        self,
        domain: JID,
        *,
        owner_of: Callable[[str], Awaitable[JID | None]] | None,
        permit: Callable[[], AbstractAsyncContextManager[None]],
        throttle: Throttle,
        cache_seconds: float,
        limits: ServerTokenLimits | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._domain, self._owner_of, self._permit, self._throttle = domain, owner_of, permit, throttle
        self._cache_seconds, self._limits, self._clock = cache_seconds, limits or ServerTokenLimits(), clock
        self._key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, tuple[Token, float]] = OrderedDict()
        self._checks: SingleFlight[tuple[int, bytes], JID | None] = SingleFlight()
        self._unsupported_until = float("-inf")
        self._epoch = 0

    @property
    def is_supported(self) -> bool:
        """Return whether the server may take tokens, as far as is known now."""
        return self._owner_of is not None and self._unsupported_until <= self._clock()

    def cached(self, authorization: bytes, address: str) -> Token | None:
        """Return the token of a header that is fresh in the cache; ``None`` to :meth:`find`."""
        if not self._cache:
            return None
        found = self._cache.get(self._digest(authorization))
        return found[0] if found is not None and found[1] > self._clock() else None

    async def find(self, authorization: bytes, address: str) -> Token:
        """Return the token of a header, by a login at the server.

        Args:
            authorization: value of the header.
            address: IP address of the caller; empty when it is unknown.

        Raises:
            InvalidToken: the server does not accept it.
            NotSupported: the server takes no tokens.
            TooManyFailures: too many tokens were refused lately.
            NotConnected: the server cannot be asked, or too many callers want to.
        """
        digest = self._digest(authorization)
        was_right = digest in self._cache
        if not was_right:
            self._throttle.check(self._domain, address)
        owner = await self._checks.run(
            (self._epoch, digest), lambda: self._check(digest, token_of(authorization), address=address, was_right=was_right)
        )
        if owner is None:
            raise InvalidToken("the token is not accepted: it is none of the gateway, and the XMPP server refuses it")
        return server_token(owner)

    def configure(self, cache_seconds: float) -> None:
        """Replace how long accepted tokens stay fresh, and check each again at its next request."""
        self._cache_seconds = cache_seconds
        self._epoch += 1
        self._cache.clear()

    def forget(self, owner: JID) -> None:
        """Evict the tokens of an account that has changed or is gone."""
        self._epoch += 1  # checks begun before are neither shared nor remembered
        for digest in [digest for digest, (token, _) in self._cache.items() if token.owner == owner.bare]:
            del self._cache[digest]

    async def _check(self, digest: bytes, text: str, *, address: str, was_right: bool) -> JID | None:
        epoch = self._epoch
        async with self._permit():
            if not was_right:
                self._throttle.check(self._domain, address)  # again: others may have failed while this one waited
            owner = await self._ask(text)
        if owner is None:
            self._cache.pop(digest, None)
            self._throttle.failed(self._domain, address)
            log.info("a token from %s is not accepted by the XMPP server", address or "an unknown address")
            return None
        self._throttle.succeeded(self._domain, address)
        if epoch == self._epoch:
            self._cache[digest] = (server_token(owner), self._clock() + self._cache_seconds)
            self._cache.move_to_end(digest)
            if len(self._cache) > self._limits.remembered:
                self._cache.popitem(last=False)
        return owner

    async def _ask(self, text: str) -> JID | None:
        if self._owner_of is None or not self.is_supported:
            raise NotSupported("the XMPP server takes no tokens")
        try:
            return await self._owner_of(text)
        except NotSupported as error:
            self._unsupported_until = self._clock() + self._limits.unsupported_seconds
            log.debug("tokens of the XMPP server are not accepted: %s", error)
            raise

    def _digest(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, digest_size=24, key=self._key).digest()
