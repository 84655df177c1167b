"""Users who have logged in on a page of the authorisation server, until they have answered whether they grant what is asked."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from sqlalchemy import delete, insert, select

from tigrest.auth.token_store import hash_token
from tigrest.state.database import Database
from tigrest.state.gateway_tables import oauth_sign_ins
from tigrest.xmpp.jid import JID

LIFETIME = 600.0
"""Seconds that a user may take to read and answer the question."""


class SignInStore:
    """Stores logins in the database, as hashes: each is for one browser and one question, and counts once.

    They are stored, and not kept in memory, so that the form may come to another process than the one that made it.

    Args:
        database: where; opened by whoever opens that of the tokens.
        lifetime: of a login, in seconds.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, lifetime: float = LIFETIME, clock: Callable[[], float] = time.time) -> None:
        self._database, self._lifetime, self._clock = database, lifetime, clock

    async def add(self, browser: str, subject: str, owner: JID) -> str:
        """Store a login.

        Args:
            browser: value of the cookie of the browser.
            subject: what is asked, in whatever form :meth:`take` gets it too.
            owner: bare address of the user.

        Returns:
            What the form with the question has to send.
        """
        ticket, now = secrets.token_urlsafe(32), self._clock()
        row = {
            "digest": hash_token(ticket),
            "browser": hash_token(browser),
            "subject": hash_token(subject),
            "owner": str(owner),
            "expires": now + self._lifetime,
        }
        async with self._database.begin() as connection:
            await connection.execute(delete(oauth_sign_ins).where(oauth_sign_ins.c.expires <= now))
            await connection.execute(insert(oauth_sign_ins).values(row))
        return ticket

    async def find(self, ticket: str, browser: str) -> JID | None:
        """Return who has logged in; ``None`` when the login is another browser's, over or used.

        Args:
            ticket: what :meth:`add` returned.
            browser: value of the cookie of the browser.
        """
        is_it = (oauth_sign_ins.c.digest == hash_token(ticket)) & (oauth_sign_ins.c.browser == hash_token(browser))
        query = select(oauth_sign_ins.c.owner).where(is_it, oauth_sign_ins.c.expires > self._clock())
        async with self._database.begin() as connection:
            owner = (await connection.execute(query)).scalar()
        return None if owner is None else JID(owner)

    async def take(self, ticket: str, browser: str, subject: str) -> bool:
        """Use a login up, and return whether it counts: once, and for what was asked.

        Args:
            ticket: what :meth:`add` returned.
            browser: value of the cookie of the browser.
            subject: what was asked.
        """
        is_it = (
            (oauth_sign_ins.c.digest == hash_token(ticket))
            & (oauth_sign_ins.c.browser == hash_token(browser))
            & (oauth_sign_ins.c.subject == hash_token(subject))
        )
        async with self._database.begin() as connection:
            return bool((await connection.execute(delete(oauth_sign_ins).where(is_it))).rowcount)
