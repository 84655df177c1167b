"""Presences of users: resources that were set online from outside, as no client is connected."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tigrest.backends.embedded.tables import accounts, lock_account, presences
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import Activity, StatusOutcome, UserStatus


class Presences:
    """The presences of the users of the domain, one per full address.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(self, presence: UserStatus) -> StatusOutcome:
        """Show a user as available at a resource, or take that back."""
        try:
            return await (self._put(presence) if presence.available else self._remove(presence.jid))
        except IntegrityError:  # the account was deleted between the check and the insert
            return StatusOutcome(False, f"there is no account {presence.jid.bare}")

    async def _put(self, presence: UserStatus) -> StatusOutcome:
        activity = presence.activity or Activity("")
        values = {
            "priority": presence.priority,
            "show": presence.show,
            "status": presence.status,
            "activity_category": activity.category,
            "activity_type": activity.type,
            "activity_text": activity.text,
        }
        account = presence.jid.bare
        async with self._database.begin() as connection:
            change = update(presences).where(presences.c.jid == presence.jid).values(values)
            if (await connection.execute(change)).rowcount:
                return StatusOutcome(True)
            if (await connection.execute(lock_account(account))).first() is None:
                return StatusOutcome(False, f"there is no account {account}")
            if not (await connection.execute(change)).rowcount:  # somebody else may have added it meanwhile
                await connection.execute(insert(presences), {"jid": presence.jid, "account": account, **values})
        return StatusOutcome(True)

    async def _remove(self, jid: JID) -> StatusOutcome:
        """Show a user as unavailable at a resource."""
        async with self._database.begin() as connection:
            if (await connection.execute(delete(presences).where(presences.c.jid == jid))).rowcount:
                return StatusOutcome(True)
            known = (await connection.execute(select(accounts.c.jid).where(accounts.c.jid == jid.bare))).first()
        return StatusOutcome(False, f"{jid} is not online" if known else f"there is no account {jid.bare}")

    async def online(self) -> list[JID]:
        """List the users online by bare address, sorted."""
        async with self._database.begin() as connection:
            found = (await connection.execute(select(presences.c.account).distinct())).scalars().all()
        return sorted(JID(account) for account in found)

    async def resources(self, user: JID) -> list[str]:
        """List the resources at which a user is online, sorted."""
        async with self._database.begin() as connection:
            found = (await connection.execute(select(presences.c.jid).where(presences.c.account == user.bare))).scalars().all()
        return sorted(JID(jid).resource for jid in found)

    async def end(self, jids: list[JID]) -> list[JID]:
        """End sessions.

        Args:
            jids: full addresses, or bare ones for all the resources of a user.

        Returns:
            The full addresses that were online, sorted for each user.
        """
        ended: dict[JID, None] = {}
        async with self._database.begin() as connection:
            for jid in jids:
                theirs = presences.c.account == jid if jid.is_bare else presences.c.jid == jid
                found = (await connection.execute(select(presences.c.jid).where(theirs))).scalars().all()
                await connection.execute(delete(presences).where(theirs))
                ended.update((JID(full), None) for full in sorted(found))
        return list(ended)
