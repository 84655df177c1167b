"""The session manager ``sess-man@domain``: lists and ends sessions, with Tigase's commands and answers.

Tigase HTTP API guide §2.2.2, §2.2.4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tigrest.backends.embedded.administration import END_SESSION, MAX_ITEMS_FIELD, form, limited
from tigrest.backends.embedded.presences import Presences
from tigrest.backends.embedded.scripted import ScriptedCommands
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, AdHocCommands, Outcome, always
from tigrest.state.database import Database
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID

ACTIVE_USERS = f"{ADMIN_NODES}get-active-users"
END_USER_SESSION = f"{ADMIN_NODES}end-user-session"


class SessionManager:
    """The commands of the session manager.

    Args:
        domain: the domain served.
        presences: who is online.
        database: where scripted commands are kept.
        tell: called with the accounts whose sessions were ended.
    """

    def __init__(self, domain: JID, presences: Presences, database: Database, tell: Callable[[Iterable[JID]], None]) -> None:
        self._domain = domain
        self._tell = tell
        self._presences = presences
        scripted = ScriptedCommands(database, reserved=(ACTIVE_USERS, END_USER_SESSION, "add-script", "del-script"))
        own = (
            AdHocCommand(ACTIVE_USERS, "Get list of active users", always(_ACTIVE), self._active_users, ("domainjid",)),
            *scripted.commands,
            AdHocCommand(END_USER_SESSION, "End user session", always(END_SESSION), self._end_sessions, ("accountjids",), listed=False),
        )
        self.commands = AdHocCommands(own, scripted.all)

    async def _active_users(self, call: AdHocCall) -> Outcome:
        """List the users online: one field named after their number, as the guide prints it."""
        asked = call.jid("domainjid")
        online = await self._presences.online() if asked == self._domain else []
        shown = limited(online, call.form.value("max_items"))
        return Outcome(DataForm("result", (Field(f"Users: {len(shown)}", tuple(shown), label="text-multi"),)))

    async def _end_sessions(self, call: AdHocCall) -> Outcome:
        """End sessions: a note for each, and no field at all when nobody was online."""
        jids = call.jids("accountjids")
        ended = await self._presences.end(jids)
        self._tell(jids)
        notes = tuple(f"Operation successful for user {jid}" for jid in ended)
        return Outcome(DataForm("result", (Field("Notes", notes, "text-multi"),) if notes else ()))


_ACTIVE = form(
    "Requesting List of Active Users",
    "Fill out this form to request the active users of this service.",
    Field("domainjid", (), "jid-single", "The domain for the list of active users", required=True),
    replace(MAX_ITEMS_FIELD, values=("25",)),
)
