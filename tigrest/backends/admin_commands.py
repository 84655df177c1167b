"""The administrators' commands of a server (XEP-0133), whose forms and errors differ from server to server."""

from __future__ import annotations

from collections.abc import Mapping

from tigrest.backends.adhoc import AdHoc, FieldValues
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import NoSuchUser, NotPermitted, NotSupported, ServerFailed, StanzaError, StanzaTimeout, UserExists
from tigrest.xmpp.commands import ADMIN_NODES, CommandReply
from tigrest.xmpp.jid import JID

USER_INFO = "get-user-info"
"""Node of Tigase's command that shows an account; it has no prefix."""

REGISTERED_USERS = "get-registered-users-list"
"""Command that lists all accounts. XEP-0133 §4.18"""

COMMANDS_CURE = "on Prosody admin_adhoc has it, on ejabberd mod_configure, jabberd2 has no commands"
"""Cure where most commands are missing."""

_CURES: Mapping[str, str] = {
    REGISTERED_USERS: "Prosody, Openfire 4.7 and jabberd2 have none, on ejabberd mod_configure has it",
    "announce": "on Prosody announce has it, on ejabberd mod_announce",
    "disable-user": "Prosody 13 has it in admin_adhoc, ejabberd 26 in mod_configure, older ones do not",
    "reenable-user": "Prosody 13 has it in admin_adhoc, ejabberd 26 in mod_configure, older ones do not",
    "get-user-lastlogin": "of the servers tried only ejabberd has it, in mod_configure",
}
"""Cures where one command is missing, by its node; :data:`COMMANDS_CURE` for the others."""

_GRANT = "make the component an administrator of the server, by what tigrest check --live says"

_ASK_SECONDS = 5.0
"""Timeout of the question which commands there are, in seconds."""

_DENIED = ("forbidden", "not-allowed", "not-authorized")

_UNKNOWN = ("item-not-found", "service-unavailable", "feature-not-implemented")
"""Conditions by which servers say that they have no such command."""


class NoSuchCommand(NotSupported):
    """The server does not offer a command."""


@callable_from_threads
class AdminCommands:
    """Runs the administrators' commands of the served domain, with the rights of the gateway. Scripts get it as ``service.admin_commands``.

    Args:
        adhoc: executes commands.
        domain: the served domain.
    """

    def __init__(self, adhoc: AdHoc, domain: JID) -> None:
        self.loop = adhoc.loop
        self._adhoc = adhoc
        self._domain = domain
        self._listing: SingleFlight[None, frozenset[str]] = SingleFlight()

    async def offered(self) -> frozenset[str]:
        """Return the names of the commands that the server offers us, without their prefix.

        Raises:
            NotSupported: it has no commands, or does not list them for us.
            StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.

        XEP-0050 §2.2
        """
        return await self._listing.run(None, self._list)  # whoever wants to know what works asks for many commands at once

    async def _list(self) -> frozenset[str]:
        try:
            items = await self._adhoc.list(self._domain, timeout=_ASK_SECONDS)
        except StanzaError as error:
            raise NotSupported(f"{self._domain} does not list its commands (XEP-0050): it answers {error.condition}") from None
        return frozenset(item.node.removeprefix(ADMIN_NODES) for item in items if item.node.startswith(ADMIN_NODES))

    async def trouble(self, *commands: str) -> str:
        """Return why the server does none of some commands; empty when it offers one of them.

        Args:
            commands: names without prefix, the best first.

        Raises:
            StanzaTimeout, NotConnected: as :meth:`offered`.
        """
        try:
            offered = await self.offered()
        except NotSupported as error:
            return str(error)
        if offered.intersection(commands):
            return ""
        if not offered:
            return f"{self._domain} offers the gateway no command of administrators (XEP-0133): {COMMANDS_CURE}; and {_GRANT}"
        return _lacking(commands[0], self._domain)

    async def run(
        self, command: str, fields: FieldValues | None = None, *, account: JID | None = None, sessionid: str = ""
    ) -> CommandReply:
        """Run a command, and raise the error that the server reports, be it a stanza error, a note or a field of the form.

        Args:
            command: name without prefix.
            fields: values by name; those that the form does not have are left out, so that one value may be given under the names that
                several servers use. Without fields the form comes back where there is one.
            account: the account that it is about, for messages.
            sessionid: of the session to go on with, from an earlier reply.

        Raises:
            NoSuchUser: there is no such account.
            UserExists: there is one.
            NotSupported: the server has no such command, or does not let us run it.
            ServerFailed: it asks again instead of doing it.
            StanzaError, StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.

        XEP-0133 §4
        """
        node = command if command == USER_INFO else ADMIN_NODES + command
        try:
            reply = await self._adhoc.execute(self._domain, node, fields, sessionid=sessionid, ignore_unknown=True)
        except StanzaError as error:
            raise await self._explain(error, command, account) from None
        complaint = next((note.text for note in reply.notes if note.type == "error"), "") or _complaint_of_tigase(reply)
        if complaint:
            raise _complained(complaint, account)
        if fields and reply.is_executing:
            for_whom = f" for {account}" if account is not None else ""
            raise ServerFailed(f"{self._domain} did not do {node}{for_whom}: it asks for its form again")
        return reply

    async def _explain(self, error: StanzaError, command: str, account: JID | None) -> Exception:
        """Return what an error stanza means.

        ``item-not-found`` says that there is no such account, or no such command: the list of commands tells which. XEP-0050 §2.2
        """
        if error.condition == "item-not-found" and account is not None:
            try:
                offered = await self.offered()
            except (NotSupported, StanzaTimeout):
                pass
            else:
                return _no_account(account) if command in offered else NoSuchCommand(_lacking(command, self._domain))
        return self._meaning(error, command, account)

    def _meaning(self, error: StanzaError, command: str, account: JID | None) -> Exception:
        """Return what an error stanza means where the server does not list its commands."""
        if error.condition == "conflict" and account is not None:
            return _account_exists(account)
        if error.condition in _DENIED:
            return NotSupported(f"{self._domain} does not let the gateway run {ADMIN_NODES}{command}; {_GRANT}")
        is_about_account = "command" not in error.text.lower() or "No hook" in error.text
        if error.condition == "item-not-found" and is_about_account and account is not None:
            return _no_account(account)
        return NoSuchCommand(_lacking(command, self._domain)) if error.condition in _UNKNOWN else error


def _complaint_of_tigase(reply: CommandReply) -> str:
    """Return the error in the fields of a form: Tigase has no notes, and calls what it has done ``Operation successful``."""
    fields = reply.form.fields if reply.form is not None else ()
    errors = [field.value for field in fields if field.var in ("Error", "Errors") and field.value.strip()]
    notes = [value for field in fields if field.var in ("Note", "Notes") for value in field.values if value.strip()]
    troubles = [] if reply.is_executing else [note for note in notes if "successful" not in note.lower()]
    return next(iter([*errors, *troubles]), "")


def _lacking(command: str, domain: JID) -> str:
    return f"{domain} does not offer the command {ADMIN_NODES}{command}; {_CURES.get(command, COMMANDS_CURE)}"


def _no_account(account: JID) -> NoSuchUser:
    return NoSuchUser(f"there is no account {account}")


def _account_exists(account: JID) -> UserExists:
    return UserExists(f"there is an account {account} already")


def _complained(text: str, account: JID | None) -> Exception:
    """Return what the words of a server mean, which has no conditions for what goes wrong in a command."""
    words = text.lower().replace("doesn't", "does not")
    if account is not None:
        if "exist" in words and "not" not in words.split("exist")[0].split()[-2:]:
            return _account_exists(account)
        if "not exist" in words or any(text in words for text in ("not found", "unknown user", "no such")):
            return _no_account(account)
    if "not allowed" in words or "permission" in words or "administrator" in words:
        return NotPermitted(text)
    return StanzaError("undefined-condition", text=text)
