"""Tokens: look up the one that a request carries in the header ``Authorization: Bearer …``. RFC 6750 §2.1"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from tigrest.auth.owner_checks import OwnerChecks
from tigrest.auth.principal import NOBODY, USER, Principal
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_store import TOKEN_PREFIX, Token, TokenStore, hash_token
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import InvalidToken, StorageUnavailable, TigrestError
from tigrest.observability.log_limit import LogLimit
from tigrest.state.database_errors import RETRYABLE_ERRORS
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

SCHEME = b"bearer "

READS = 3
"""Times that a token is read while others are being changed."""


@dataclass(frozen=True)
class TokenLimits:
    """Limits of looking tokens up.

    Args:
        fresh_seconds: age at which a token is looked up again. What another process has revoked counts from then on.
        remembered: most tokens in the cache.
        read_seconds: how long the database may take.
        use_seconds: interval at which it is stored that a token is used.
        log_seconds: interval between two lines in the log about a database that does not answer.
    """

    fresh_seconds: float = 1.0
    remembered: int = 10_000
    read_seconds: float = 5.0
    use_seconds: float = 60.0
    log_seconds: float = 60.0


@dataclass(slots=True)
class _Known:
    token: Token
    fresh_until: float
    changes: int
    noted: float = float("-inf")


def is_bearer(authorization: bytes) -> bool:
    """Return whether an ``Authorization`` header carries a token."""
    return authorization[:7].lower() == SCHEME


def token_of(authorization: bytes) -> str:
    """Return the token of an ``Authorization`` header that carries one. RFC 6750 §2.1"""
    return authorization[len(SCHEME) :].strip().decode("latin-1")


def granted(roles: frozenset[str], scopes: frozenset[str]) -> frozenset[str]:
    """Return which of the roles of its owner a token has.

    Args:
        roles: of the owner.
        scopes: of the token: ``admin`` has all of his roles, ``user`` and ``rest`` that of a user; others are for commands, and have none.
    """
    if "admin" in scopes:
        return roles
    return roles & USER if scopes & {"user", "rest"} else NOBODY


def principal_of(token: Token, roles: frozenset[str], address: str) -> Principal:
    """Return the caller with a token: its owner, with those of his roles that its scopes have.

    Args:
        token: his.
        roles: of its owner.
        address: IP address of the caller; empty when it is unknown.
    """
    return Principal(
        token.owner,
        granted(roles, token.scopes),
        "bearer",
        token.name,
        address,
        token.scopes,
        has_chosen=token.kind in ("password", "consent"),
        by_password=token.kind == "password",
    )


class Tokens:
    """Looks up tokens.

    Args:
        store: where they are.
        throttle: counts failures of each network.
        exists: tells whether there is an account.
        knows: tells whether somebody could log in with a password.
        limits: of looking up.
        clock: tells monotonic seconds.
        unix_clock: tells seconds of Unix time.
    """

    def __init__(
        self,
        store: TokenStore,
        throttle: Throttle,
        exists: Callable[[JID], Awaitable[bool]],
        knows: Callable[[JID], bool],
        limits: TokenLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._throttle, self._exists, self._knows = store, throttle, exists, knows
        self._limits, self._clock, self._unix_clock = limits or TokenLimits(), clock, unix_clock
        self._cache: OrderedDict[bytes, _Known] = OrderedDict()
        self._reads: SingleFlight[tuple[bytes, int], Token | None] = SingleFlight()
        self._tasks = TaskSet()
        self._owners = OwnerChecks(exists, clock)
        self._complaints = LogLimit(self._limits.log_seconds, clock)

    def cached(self, authorization: bytes, address: str) -> Token | None:
        """Return the token of a header that is fresh in the cache, without the database; ``None`` to :meth:`find`.

        Args:
            authorization: value of the header.
            address: IP address of the caller; empty when it is unknown.
        """
        known = self._cache.get(_key(authorization))
        now = self._clock()
        if known is None or known.fresh_until <= now or known.changes != self._store.changes:
            return None
        token = known.token
        if (token.expires is not None and token.expires <= self._unix_clock()) or not self._knows(token.owner):
            return None
        if known.noted + self._limits.use_seconds <= now:
            self._note(known, now, address)
        return token

    async def find(self, authorization: bytes, address: str) -> Token:
        """Return the token of a header.

        Args:
            authorization: value of the header.
            address: IP address of the caller; empty when it is unknown.

        Raises:
            InvalidToken: it is none, has expired, or was revoked.
            TooManyFailures: too many failed logins from that network lately.
            StorageUnavailable: it cannot be looked up now.
        """
        key = _key(authorization)
        known = self._cache.get(key)
        if known is None:
            self._throttle.check_network(address)
        text = token_of(authorization)
        if not text.startswith(TOKEN_PREFIX):
            self._throttle.network_failed(address)
            raise InvalidToken(f"the token is not accepted: those of the gateway begin with {TOKEN_PREFIX}")
        found = await self._read(key, hash_token(text), known)
        if found is not None and not self._knows(found.token.owner):
            raise InvalidToken(f"the token is not accepted: {found.token.owner} is no user of the domain, and no account of the gateway")
        if found is None or (found.token.expires is not None and found.token.expires <= self._unix_clock()):
            self._cache.pop(key, None)
            self._throttle.network_failed(address)
            raise InvalidToken("the token is not accepted: it is unknown, revoked, or has expired")
        now = self._clock()
        if found.noted + self._limits.use_seconds <= now:
            self._note(found, now, address)
        return found.token

    async def ended(self, names: Collection[str]) -> set[str]:
        """Return which tokens are revoked or have expired; none while they cannot be looked up.

        Args:
            names: of the tokens.
        """
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                return set(names) - await self._store.valid(names)
        except RETRYABLE_ERRORS as error:
            self._complain("tokens cannot be looked up; event streams opened with one go on: %s", error)
            return set()

    def forget(self, owner: JID) -> None:
        """Revoke the tokens that clients got by the password of an account, and all of one that there is no more.

        Called when it has changed in whatever way: whoever knew an old password may have such tokens.

        Args:
            owner: bare address of the account.
        """
        self._tasks.start(self._revoke_if_gone(owner, self._unix_clock()))

    def forget_granted(self, owner: JID) -> None:
        """Revoke the tokens that clients got by the password of an account of the gateway, which has changed in the configuration.

        Args:
            owner: bare address of the account.
        """
        self._tasks.start(self._revoke_granted(owner, self._unix_clock()))

    async def stop(self) -> None:
        """Give up what is being stored."""
        await self._tasks.stop()

    async def _read(self, key: bytes, digest: str, known: _Known | None) -> _Known | None:
        """Look a token up, once more where some were changed meanwhile; when the database does not answer, what was read last counts."""
        noted = float("-inf") if known is None else known.noted
        for _ in range(READS):
            began, changes = self._clock(), self._store.changes
            try:
                async with asyncio.timeout(self._limits.read_seconds):
                    token = await self._reads.run((key, changes), lambda: self._store.find(digest))
            except RETRYABLE_ERRORS as error:  # OSError among them: also a TimeoutError
                self._complain("tokens cannot be looked up; those read last stay valid: %s", error)
                if known is None:
                    raise StorageUnavailable("tokens cannot be looked up now") from None
                found = _Known(known.token, self._clock() + self._limits.fresh_seconds, changes, noted)
                self._remember(key, found)
                return found
            if self._store.changes == changes:
                break
        if token is None:
            return None
        found = _Known(token, began + self._limits.fresh_seconds, changes, noted)
        self._remember(key, found)
        return found

    def _note(self, known: _Known, now: float, address: str) -> None:
        known.noted = now
        self._tasks.start(self._note_use(known.token, address))

    def _remember(self, key: bytes, known: _Known) -> None:
        self._cache[key] = known
        self._cache.move_to_end(key)
        if len(self._cache) > self._limits.remembered:
            self._cache.popitem(last=False)

    async def _note_use(self, token: Token, address: str) -> None:
        """Store that a token was used, and revoke it with all others of its owner when he is gone."""
        try:
            await self._store.note_use(token.name, address)
            if await self._owners.is_gone(token.owner) and (count := await self._store.revoke_all(token.owner)):
                log.info("%s is gone; %d tokens revoked", token.owner, count)
        except RETRYABLE_ERRORS as error:
            self._complain("that a token is used is not stored: %s", error)

    async def _revoke_granted(self, owner: JID, changed: float) -> None:
        try:
            if granted := await self._store.revoke_granted(owner, changed):
                log.info("%s has changed; %d tokens of clients revoked", owner, granted)
        except (TigrestError, *RETRYABLE_ERRORS) as error:
            self._complain(f"what clients got by the old password of {owner} is not revoked: %s", error)

    async def _revoke_if_gone(self, owner: JID, changed: float) -> None:
        try:
            await self._revoke_granted(owner, changed)
            if not await self._store.list(owner) or await self._exists(owner):
                return
            count = await self._store.revoke_all(owner)
        except (TigrestError, *RETRYABLE_ERRORS) as error:
            self._complain(f"whether {owner} is gone, and his tokens with him, is not known: %s", error)
            return
        if count:
            log.info("%s is gone; %d tokens revoked", owner, count)

    def _complain(self, message: str, error: BaseException) -> None:
        if self._complaints.admit() is not None:
            log.error(message, str(error) or type(error).__name__)


def _key(authorization: bytes) -> bytes:
    """Return the key of the cache, which holds no token in plain."""
    return hashlib.sha256(authorization).digest()
