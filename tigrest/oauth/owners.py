"""Users, as the authorisation server asks about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tigrest.auth.logins import Logins
from tigrest.errors import LoginRequired, NotSupported
from tigrest.oauth.scopes import Granted, grant_of
from tigrest.xmpp.jid import JID

MAX_LOGIN = 4096
"""Most characters of a username, and of a password: more is no login that a server takes."""


@dataclass(frozen=True)
class Owners:
    """Questions about users.

    Args:
        logins: checks their passwords.
        is_admin: tells whether somebody has the role admin.
        exists: tells whether there is an account.
        is_command: tells whether commands have a name or a tag.
    """

    logins: Logins
    is_admin: Callable[[JID], bool]
    exists: Callable[[JID], Awaitable[bool]]
    is_command: Callable[[str], bool]

    def grant(self, owner: JID, asked: str, limit: str = "") -> Granted:
        """Return what a user can grant; see :func:`~tigrest.oauth.scopes.grant_of`."""
        return grant_of(asked, is_admin=self.is_admin(owner), is_command=self.is_command, limit=limit)

    def grant_by_admin(self, owner: JID, asked: str, limit: str) -> Granted:
        """Return the same of scopes that an administrator has chosen: also names that only permissions know, such as ``deploy``."""
        return grant_of(asked, is_admin=self.is_admin(owner), is_command=lambda _word: True, limit=limit)

    async def sign_in(self, username: str, password: str, address: str) -> JID:
        """Authenticate a user by his password; see :meth:`tigrest.auth.logins.Logins.sign_in`.

        Raises:
            LoginRequired: the login is not accepted.
            TooManyFailures, NotConnected: as there.
        """
        if max(len(username), len(password)) > MAX_LOGIN:
            raise LoginRequired("the login is not accepted")
        return await self.logins.sign_in(username, password, address)

    async def are_there(self, owner: JID) -> bool:
        """Return whether there is an account; also where the XMPP server does not tell.

        Raises:
            NotConnected: the server cannot be asked.
        """
        if self.logins.has_own(owner):
            return True
        try:
            return await self.exists(owner)
        except NotSupported:
            return True
