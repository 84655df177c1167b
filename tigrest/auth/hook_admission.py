"""Look up hooks, and admit those who know their secrets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from tigrest.auth.hook_secrets import has_signature, has_token, is_signed
from tigrest.auth.hook_store import Hook, HookStore
from tigrest.auth.throttle import Throttle
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import InvalidValue, LoginRequired, StorageUnavailable
from tigrest.observability.log_limit import LogLimit
from tigrest.state.database_errors import RETRYABLE_ERRORS
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

REFUSAL = (
    "there is no such hook, or the post does not carry its secret: as ?token=, Bearer, Basic password, X-Gotify-Key or a signature; "
    "a hook whose sender signs is made with --signed, unless its format says so"
)
"""The same for hooks that there are and for others: nobody finds out which there are."""


@dataclass(frozen=True)
class HookLimits:
    """Limits of looking hooks up.

    Args:
        fresh_seconds: age at which the hooks are read again. What another process has revoked counts from then on.
        missed_seconds: the same for a hook that is not among them: it may have been made right now.
        read_seconds: how long the database may take.
        log_seconds: interval between two lines in the log about a database that cannot be read, or about signatures that cannot be checked.
    """

    fresh_seconds: float = 1.0
    missed_seconds: float = 0.1
    read_seconds: float = 5.0
    log_seconds: float = 60.0


@dataclass(frozen=True)
class HookCredentials:
    """Proof in a post that its sender knows the secret.

    Args:
        headers: by name in lower case.
        query: parameters of the URL.
        address: IP address of the sender; empty when it is unknown.
        body: reads the body, where there is a signature to check.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: str
    body: Callable[[], Awaitable[bytes]]


class HookAdmission:
    """Looks up hooks, and admits those who know their secrets. Guesses are slowed down as those of passwords are.

    Args:
        configured: hooks of the configuration.
        store: further hooks, which may change at any time.
        throttle: counts failures.
        limits: of reading the store.
        clock: tells monotonic seconds.
        unix_clock: tells seconds of Unix time.
    """

    def __init__(
        self,
        configured: Iterable[Hook],
        store: HookStore,
        throttle: Throttle,
        limits: HookLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self.configure(configured)
        self._store, self._throttle = store, throttle
        self._limits, self._clock, self._unix_clock = limits or HookLimits(), clock, unix_clock
        self._stored: dict[str, Hook] | None = None
        self._began, self._seen_changes = float("-inf"), -1
        self._reads: SingleFlight[int, None] = SingleFlight()
        self._complaints = LogLimit(self._limits.log_seconds, clock)
        self._unsigned = LogLimit(self._limits.log_seconds, clock)

    def configure(self, hooks: Iterable[Hook]) -> None:
        """Replace the hooks of the configuration from the next post on."""
        self._configured = {hook.name: hook for hook in hooks}

    async def admit(self, name: str, credentials: HookCredentials) -> Hook:
        """Return the hook of a name, for somebody who knows its secret.

        Args:
            name: of the hook, as the URL has it.
            credentials: what he sent.

        Raises:
            LoginRequired: there is none, or he does not.
            TooManyFailures: too many failures lately.
            StorageUnavailable: the hooks cannot be looked up now.
        """
        hook = await self.find(name)
        account = _account(name)
        self._throttle.check(account, credentials.address)
        if has_token(hook, credentials.headers, credentials.query):
            is_right = hook is not None
        else:
            is_right = is_signed(credentials.headers) and await self._is_signed_for(hook, credentials, account)
        if hook is None or not is_right:
            self._throttle.failed(account, credentials.address)
            raise LoginRequired(REFUSAL)
        self._throttle.succeeded(account, credentials.address)
        return hook

    async def _is_signed_for(self, hook: Hook | None, credentials: HookCredentials, account: JID) -> bool:
        """Return whether a post is signed with the secret of a hook; one whose secret is not kept is told to whoever reads the log."""
        if hook is not None and not hook.secret and self._unsigned.admit() is not None:
            log.warning("a signed post to the hook %s is refused, as only a hash of its secret is kept: make it with --signed", hook.name)
        body = await credentials.body()
        self._throttle.check(account, credentials.address)  # again: others may have failed while this one came
        return has_signature(hook, credentials.headers, body, self._unix_clock)

    async def find(self, name: str) -> Hook | None:
        """Return the hook of a name; ``None`` where there is none.

        Raises:
            StorageUnavailable: the hooks cannot be looked up now.
        """
        if (hook := self._configured.get(name)) is not None:
            return hook
        is_known = self._stored is not None and name in self._stored
        seconds = self._limits.fresh_seconds if is_known else self._limits.missed_seconds
        if self._clock() >= self._began + seconds or self._seen_changes != self._store.changes:
            await self._reads.run(self._store.changes, self._read)
        if self._stored is None:
            raise StorageUnavailable("the hooks cannot be looked up now")
        return self._stored.get(name)

    async def add(self, hook: Hook) -> None:
        """Store a hook.

        Raises:
            InvalidValue: there is one of its name already.
        """
        if hook.name in self._configured:
            raise InvalidValue(f'the configuration has a hook named "{hook.name}"; choose another name')
        await self._store.add(hook)

    async def revoke(self, name: str) -> None:
        """Delete a stored hook.

        Raises:
            NotFound: there is none of this name.
        """
        await self._store.revoke(name)

    async def list(self) -> tuple[Hook, ...]:
        """Return all hooks, sorted by name: those of the configuration before a stored one of the same name, which is not used."""
        stored = {hook.name: hook for hook in await self._store.list()}
        return tuple(hook for _, hook in sorted((stored | self._configured).items()))

    async def note_use(self, hook: Hook, outcome: str) -> None:
        """Store what became of a post; a database that does not answer is logged."""
        if hook.name in self._configured:
            return
        try:
            await self._store.note_use(hook.name, outcome)
        except RETRYABLE_ERRORS as error:
            self._complain("that a hook is used is not stored: %s", error)

    async def _read(self) -> None:
        """Read the stored hooks; keep those read before when that fails."""
        began, changes = self._clock(), self._store.changes
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                hooks = await self._store.list()
        except RETRYABLE_ERRORS as error:  # OSError among them: also a TimeoutError
            self._complain("the stored hooks cannot be read; those read last stay valid: %s", error)
        else:
            self._stored, self._seen_changes = {hook.name: hook for hook in hooks}, changes
        self._began = began

    def _complain(self, message: str, error: BaseException) -> None:
        if self._complaints.admit() is not None:
            log.error(message, str(error) or type(error).__name__)


def _account(name: str) -> JID:
    """Return an address that stands for a hook where failures are counted; no user has one of that domain. RFC 6761 §6.4"""
    return JID(f"{name.encode().hex()[:512] or '-'}@hook.invalid")
