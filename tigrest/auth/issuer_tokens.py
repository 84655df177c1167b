"""Tokens of identity providers: whom a request with one stands for, from the cache or by checking it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tigrest.auth.issuers import Issuer, find_issuer
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_store import Token
from tigrest.auth.tokens import token_of
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import InvalidToken, NotSupported
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IssuerTokenLimits:
    """Limits of checking tokens of identity providers.

    Args:
        fresh_seconds: age at which a token is checked again, if it is valid as long.
        account_seconds: age at which it is asked again whether there is an account.
        remembered: most tokens, and most accounts, in the caches.
    """

    fresh_seconds: float = 60.0
    account_seconds: float = 600.0
    remembered: int = 10_000


class IssuerTokens:
    """Check tokens of identity providers.

    Args:
        throttle: counts failures of each network.
        knows: tells whether somebody could log in with a password, as far as his address shows that.
        exists: tells whether there is an account.
        limits: of checking.
        clock: tells monotonic seconds.
        unix_clock: tells seconds of Unix time.
    """

    def __init__(
        self,
        throttle: Throttle,
        knows: Callable[[JID], bool],
        exists: Callable[[JID], Awaitable[bool]],
        limits: IssuerTokenLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._throttle, self._knows, self._exists = throttle, knows, exists
        self._limits, self._clock, self._unix_clock = limits or IssuerTokenLimits(), clock, unix_clock
        self.issuers: tuple[Issuer, ...] = ()
        """The providers whose tokens are accepted."""
        self._cache: OrderedDict[bytes, tuple[Token, float]] = OrderedDict()
        self._accounts: OrderedDict[JID, float] = OrderedDict()
        self._expiries: OrderedDict[str, float] = OrderedDict()
        self._questions: SingleFlight[tuple[int, JID], bool] = SingleFlight()
        self._epoch = 0

    def configure(self, issuers: Sequence[Issuer]) -> None:
        """Replace the providers, and check each token again at its next request."""
        self.issuers = tuple(issuers)
        self._cache.clear()
        self._epoch += 1

    def recognises(self, text: str) -> bool:
        """Return whether a token says that it is from one of the providers."""
        return find_issuer(self.issuers, text) is not None

    def cached(self, authorization: bytes, address: str) -> Token | None:
        """Return the token of a header that is fresh in the cache; ``None`` to :meth:`find`."""
        found = self._cache.get(_key(authorization))
        if found is None or found[1] <= self._clock():
            return None
        token = found[0]
        return token if token.expires is not None and token.expires > self._unix_clock() and self._knows(token.owner) else None

    async def find(self, authorization: bytes, address: str) -> Token:
        """Return the token of a header.

        Args:
            authorization: value of the header.
            address: IP address of the caller; empty when it is unknown.

        Raises:
            InvalidToken: it is not valid.
            TooManyFailures: too many failed logins from that network lately.
            IssuerUnavailable: the keys of the provider cannot be read.
            NotConnected: the XMPP server cannot tell now whether there is an account.
        """
        key = _key(authorization)
        if key not in self._cache:
            self._throttle.check_network(address)
        try:
            return await self._checked(key, token_of(authorization))
        except InvalidToken as error:
            self._cache.pop(key, None)
            self._throttle.network_failed(address)
            log.info("a token from %s: %s", address or "an unknown address", error)
            raise

    async def ended(self, names: Collection[str]) -> set[str]:
        """Return which tokens have expired.

        Args:
            names: of tokens that :meth:`knows_name`.
        """
        return {name for name in names if self._expiries.get(name, 0.0) <= self._unix_clock()}

    def knows_name(self, name: str) -> bool:
        """Return whether a token of that name was accepted lately."""
        return name in self._expiries

    def forget(self, owner: JID) -> None:
        """Check anew whether there is an account, which has changed in whatever way."""
        self._accounts.pop(owner.bare, None)
        self._cache.clear()
        self._epoch += 1

    async def _checked(self, key: bytes, text: str) -> Token:
        issuer = find_issuer(self.issuers, text)
        if issuer is None:
            raise InvalidToken("the token is not accepted: its provider is not one of [[auth.issuers]]")
        began, epoch = self._clock(), self._epoch
        identity = await issuer.identify(text)
        owner = identity.owner
        if not self._knows(owner):
            raise InvalidToken(f"the token is not accepted: {owner} is no user of the domain, and no account of the gateway")
        if issuer.settings.needs_account and not await self._has_account(owner):
            raise InvalidToken(f"the token is not accepted: there is no account {owner}")
        name = f"{issuer.settings.url} {key.hex()[:12]}"
        token = Token(name, owner, identity.scopes, "", identity.expires)
        if epoch == self._epoch:
            self._cache[key] = (token, began + self._limits.fresh_seconds)
            _trim(self._cache, self._limits.remembered)
        self._expiries[name] = identity.expires
        _trim(self._expiries, self._limits.remembered)
        return token

    async def _has_account(self, owner: JID) -> bool:
        """Return whether there is an account; where the server does not tell, those of its domain count as accounts."""
        if self._accounts.get(owner, float("-inf")) > self._clock():
            return True
        return await self._questions.run((self._epoch, owner), lambda: self._ask(owner))

    async def _ask(self, owner: JID) -> bool:
        """Ask the server, once for all who want to know: some list all their accounts for it."""
        epoch = self._epoch
        try:
            exists = await self._exists(owner)
        except NotSupported as error:
            log.debug("whether there is an account %s is not known: %s", owner, error)
            exists = True
        if exists and epoch == self._epoch:
            self._accounts[owner] = self._clock() + self._limits.account_seconds
            _trim(self._accounts, self._limits.remembered)
        return exists


def _trim(cache: OrderedDict[Any, Any], most: int) -> None:
    """Evict what was put into a cache longest ago, where it is full."""
    while len(cache) > most:
        cache.popitem(last=False)


def _key(authorization: bytes) -> bytes:
    """Return the key of the cache, which holds no token in plain."""
    return hashlib.sha256(authorization).digest()
