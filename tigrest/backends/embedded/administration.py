"""Service administration: the ad-hoc commands of the domain itself. XEP-0133"""

from __future__ import annotations

from tigrest.backends.embedded.accounts import EmbeddedAccounts
from tigrest.backends.embedded.messages import OfflineMessages
from tigrest.backends.embedded.presences import Presences
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, Outcome, always
from tigrest.errors import InvalidValue, NoSuchUser
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.forms import FORM_TYPE, DataForm, Field, FormTable, Option
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import SERVICE_ADMINISTRATION

OFFLINE_MESSAGES = "urn:tigrest:admin#get-offline-messages"

FORM_TYPE_FIELD = Field(FORM_TYPE, (SERVICE_ADMINISTRATION,), "hidden")
_LIMITS = ("25", "50", "75", "100", "150", "200")
MAX_ITEMS_FIELD = Field(
    "max_items",
    ("none",),
    "list-single",
    "Maximum number of items to show",
    (*[Option(number, number) for number in _LIMITS], Option("none", "None")),
    is_open=True,
)


def form(title: str, instructions: str, *fields: Field) -> DataForm:
    """Make a form of XEP-0133."""
    return DataForm("form", (FORM_TYPE_FIELD, *fields), title, instructions)


def limited(jids: list[JID], limit: str) -> list[JID]:
    """Return the first addresses of a list, at most ``max_items``.

    Raises:
        InvalidValue: the limit is neither a number from 0 nor ``none``.
    """
    text = limit.strip()
    if text.lower() in ("", "none"):
        return jids
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise InvalidValue(f"max_items is {text[:80]!r}; use a number, or none for all")
    return jids[: int(text)]


class Administration:
    """The commands that administer accounts and sessions.

    Args:
        accounts, presences, messages: what they work on.
    """

    def __init__(self, accounts: EmbeddedAccounts, presences: Presences, messages: OfflineMessages) -> None:
        self._accounts = accounts
        self._presences = presences
        self._messages = messages
        self.commands = (
            AdHocCommand(f"{ADMIN_NODES}add-user", "Add User", always(ADD_USER), self._add_user),
            AdHocCommand(f"{ADMIN_NODES}delete-user", "Delete User", always(DELETE_USER), self._delete_user),
            AdHocCommand(f"{ADMIN_NODES}change-user-password", "Change User Password", always(CHANGE_PASSWORD), self._change_password),
            AdHocCommand(f"{ADMIN_NODES}user-stats", "Get User Statistics", always(USER_STATS), self._user_stats),
            AdHocCommand(f"{ADMIN_NODES}get-user-lastlogin", "Get User Last Login Time", always(LAST_LOGIN), self._last_login),
            AdHocCommand(
                f"{ADMIN_NODES}get-registered-users-list", "Get List of Registered Users", always(LIST_REGISTERED), self._list_registered
            ),
            AdHocCommand(f"{ADMIN_NODES}get-online-users-list", "Get List of Online Users", always(LIST_ONLINE), self._list_online),
            AdHocCommand(f"{ADMIN_NODES}end-user-session", "End User Session", always(END_SESSION), self._end_session),
            AdHocCommand(OFFLINE_MESSAGES, "Get Offline Messages", always(LIST_OFFLINE), self._list_offline),
        )

    async def _add_user(self, call: AdHocCall) -> Outcome:
        """Add a user. XEP-0133 §4.1"""
        jid, password = call.jid("accountjid"), call.form.value("password")
        if call.form.field("password-verify") and call.form.value("password-verify") != password:
            raise InvalidValue("the passwords differ")
        await self._accounts.add(jid, password, call.form.value("email") or None)
        return Outcome(note=f"The account {jid.bare} was added.")

    async def _delete_user(self, call: AdHocCall) -> Outcome:
        """Delete users. XEP-0133 §4.2"""
        jids = call.jids("accountjids")
        await self._accounts.remove_all(jids)
        return Outcome(note=f"Deleted: {', '.join(dict.fromkeys(jid.bare for jid in jids))}.")

    async def _change_password(self, call: AdHocCall) -> Outcome:
        """Change the password of a user. XEP-0133 §4.7"""
        jid = call.jid("accountjid")
        await self._accounts.set_password(jid, call.form.value("password"))
        return Outcome(note=f"The password of {jid.bare} was changed.")

    async def _last_login(self, call: AdHocCall) -> Outcome:
        """Return whether a user is online; when he was is not kept. XEP-0133 §4.9"""
        account = await self._account(call)
        last = ("Online",) if await self._presences.resources(JID(account.value)) else ()
        return Outcome(DataForm("result", (FORM_TYPE_FIELD, account, Field("lastlogin", last, "text-single", "Last login"))))

    async def _account(self, call: AdHocCall) -> Field:
        """Return the field that names an account that there is."""
        jid = call.jid("accountjid")
        if not await self._accounts.exists(jid):
            raise NoSuchUser(f"there is no account {jid.bare}")
        return Field("accountjid", (jid.bare,), "jid-single")

    async def _user_stats(self, call: AdHocCall) -> Outcome:
        """Return the resources at which a user is online. XEP-0133 §4.10"""
        account = await self._account(call)
        online = Field("onlineresources", tuple(await self._presences.resources(JID(account.value))), "text-multi", "Online Resources")
        return Outcome(DataForm("result", (FORM_TYPE_FIELD, account, online)))

    async def _list_registered(self, call: AdHocCall) -> Outcome:
        """List the registered users. XEP-0133 §4.18"""
        jids = limited(await self._accounts.list(), call.form.value("max_items"))
        return Outcome(_jids("registereduserjids", "The list of registered users", jids))

    async def _list_online(self, call: AdHocCall) -> Outcome:
        """List the users who are online. XEP-0133 §4.20"""
        jids = limited(await self._presences.online(), call.form.value("max_items"))
        return Outcome(_jids("onlineuserjids", "The list of all online users", jids))

    async def _end_session(self, call: AdHocCall) -> Outcome:
        """End the sessions of users. XEP-0133 §4.5"""
        jids = call.jids("accountjids")
        for jid in jids:
            if not await self._accounts.exists(jid):
                raise NoSuchUser(f"there is no account {jid.bare}")
        ended = await self._presences.end(jids)
        self._accounts.tell(jids)
        return Outcome(note=f"Ended: {', '.join(ended)}." if ended else "None of them was online.")

    async def _list_offline(self, call: AdHocCall) -> Outcome:
        waiting = await self._messages.waiting(call.jid("accountjid"))
        columns = tuple(Field(var, type="text-single", label=label) for var, label in _OFFLINE_COLUMNS)
        rows = tuple(
            (
                Field("from", (message.stanza.attributes.get("from", ""),)),
                Field("stamp", (message.stamp,)),
                Field("type", (message.stanza.type or "normal",)),
                Field("body", (message.body,)),
            )
            for message in waiting
        )
        return Outcome(DataForm("result", tables=(FormTable(columns, rows),)))


def _jids(var: str, label: str, jids: list[JID]) -> DataForm:
    return DataForm("result", (FORM_TYPE_FIELD, Field(var, tuple(jids), "jid-multi", label)))


_OFFLINE_COLUMNS = (("from", "From"), ("stamp", "Time"), ("type", "Type"), ("body", "Text"))

ADD_USER = form(
    "Adding a User",
    "Fill out this form to add a user.",
    Field("accountjid", (), "jid-single", "The Jabber ID for the account to be added", required=True),
    Field("password", (), "text-private", "The password for this account", required=True),
    Field("password-verify", (), "text-private", "Retype password"),
    Field("email", (), "text-single", "Email address"),
)
DELETE_USER = form(
    "Deleting a User",
    "Fill out this form to delete a user.",
    Field("accountjids", (), "jid-multi", "The Jabber ID(s) to delete", required=True),
)
CHANGE_PASSWORD = form(
    "Changing a User Password",
    "Fill out this form to change a user's password.",
    Field("accountjid", (), "jid-single", "The Jabber ID for this account", required=True),
    Field("password", (), "text-private", "The password for this account", required=True),
)
USER_STATS = form(
    "Getting User Statistics",
    "Fill out this form to gather user statistics.",
    Field("accountjid", (), "jid-single", "The Jabber ID for statistics", required=True),
)
LAST_LOGIN = form(
    "Getting User Last Login Time",
    "Fill out this form to get the last time at which a user was online.",
    Field("accountjid", (), "jid-single", "The Jabber ID for statistics", required=True),
)
LIST_REGISTERED = form(
    "Requesting List of Registered Users", "Fill out this form to request the registered users of this service.", MAX_ITEMS_FIELD
)
LIST_ONLINE = form("Requesting List of Online Users", "Fill out this form to request the online users of this service.", MAX_ITEMS_FIELD)
END_SESSION = form(
    "Ending a User Session",
    "Fill out this form to end a user's session.",
    Field("accountjids", (), "jid-multi", "The Jabber ID(s) for which to end sessions", required=True),
)
LIST_OFFLINE = form(
    "Reading Offline Messages",
    "Fill out this form to read the messages that wait for a user.",
    Field("accountjid", (), "jid-single", "The Jabber ID for this account", required=True),
)
