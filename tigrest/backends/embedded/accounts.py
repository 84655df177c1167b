"""The accounts of the embedded domain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tigrest.backends.embedded.tables import accounts
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidValue, NoSuchUser, UserExists
from tigrest.passwords import Passwords
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.saslprep import expect_settable


@callable_from_threads
class EmbeddedAccounts:
    """A :class:`~tigrest.backends.backend.UserRepository` directly on the database.

    Args:
        domain: the domain served.
        reserved: local parts that are addresses of services, not of users.
        database: where they are stored.
        passwords: hashes and verifies.
    """

    def __init__(self, domain: JID, reserved: Collection[str], database: Database, passwords: Passwords) -> None:
        self._domain = domain
        self._reserved = frozenset(reserved)
        self._database = database
        self._passwords = passwords
        self.loop: asyncio.AbstractEventLoop
        """The event loop that calls from worker threads run on; set at the start."""
        self.watchers: list[Callable[[JID], None]] = []
        """Called with each account whose password changes or that is deleted."""

    async def add(self, jid: JID, password: str, email: str | None = None) -> None:
        """Create an account; see :meth:`tigrest.backends.backend.UserRepository.add`."""
        account = self._checked(jid)
        row = {"jid": account, "password_hash": await self._hash(password), "email": email or None, "created": time.time()}
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(accounts), row)
        except IntegrityError:
            raise UserExists(f"there is an account {account} already") from None

    async def remove(self, jid: JID) -> None:
        """Delete an account and all it owns; see :meth:`tigrest.backends.backend.UserRepository.remove`."""
        await self.remove_all([jid])

    async def remove_all(self, jids: Collection[JID]) -> None:
        """Delete several accounts, or none when one of them does not exist.

        Raises:
            NoSuchUser: one of them does not exist.
        """
        async with self._database.begin() as connection:
            for account in dict.fromkeys(jid.bare for jid in jids):
                done = await connection.execute(delete(accounts).where(accounts.c.jid == account))
                _expect_account(done.rowcount, account)
        self.tell(jids)

    async def exists(self, jid: JID) -> bool:
        """Return whether there is an account; see :meth:`tigrest.backends.backend.UserRepository.exists`."""
        return await self._password_hash(jid) is not None

    async def set_password(self, jid: JID, password: str) -> None:
        """Change the password of an account; see :meth:`tigrest.backends.backend.UserRepository.set_password`."""
        change = update(accounts).where(accounts.c.jid == jid.bare).values(password_hash=await self._hash(password))
        async with self._database.begin() as connection:
            _expect_account((await connection.execute(change)).rowcount, jid.bare)
        self.tell([jid])

    async def list(self, domain: str | None = None) -> list[JID]:
        """List the accounts, sorted; see :meth:`tigrest.backends.backend.UserRepository.list`."""
        async with self._database.begin() as connection:
            found = (await connection.execute(select(accounts.c.jid))).scalars().all()
        jids = sorted(JID(jid) for jid in found)
        served = self._domain.domain
        return [jid for jid in jids if jid.domain == served and domain in (None, served)]

    async def verify(self, jid: JID, password: str) -> bool:
        """Check a password; an unknown account takes as long as a wrong password."""
        return await self._passwords.verify(await self._password_hash(jid), password)

    async def ensure(self, wanted: Mapping[JID, str]) -> bool:
        """Create accounts that are missing, and set passwords that do not verify.

        Args:
            wanted: plain passwords by address.

        Returns:
            Whether there were no accounts at all before.

        Raises:
            InvalidValue: an address is not of the domain served, or a password is empty.
        """
        passwords = {self._checked(jid): password for jid, password in wanted.items()}
        async with self._database.begin() as connection:
            empty = not (await connection.execute(select(func.count()).select_from(accounts))).scalar_one()
            there = set((await connection.execute(select(accounts.c.jid).where(accounts.c.jid.in_(passwords)))).scalars())
        for jid, password in passwords.items():
            if jid not in there:
                await self.add(jid, password)
            elif not await self.verify(jid, password):
                await self.set_password(jid, password)
        return empty

    def tell(self, jids: Iterable[JID]) -> None:
        """Call the watchers with accounts that have changed, were deleted, or whose sessions were ended."""
        for jid in jids:
            for changed in self.watchers:
                changed(jid.bare)

    async def _password_hash(self, jid: JID) -> str | None:
        async with self._database.begin() as connection:
            found = await connection.execute(select(accounts.c.password_hash).where(accounts.c.jid == jid.bare))
        return found.scalar_one_or_none()

    async def _hash(self, password: str) -> str:
        expect_settable(password)
        return await self._passwords.hash(password)

    def _checked(self, jid: JID) -> JID:
        if not jid.local or jid.domain != self._domain.domain:
            raise InvalidValue(f"{jid} is not the address of a user of {self._domain.domain}, the domain served here")
        if jid.local in self._reserved:
            raise InvalidValue(f"{jid.bare} is the address of a service, not of a user")
        return jid.bare


def _expect_account(rows: int, account: JID) -> None:
    if not rows:
        raise NoSuchUser(f"there is no account {account}")
