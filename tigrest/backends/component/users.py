"""The accounts of a real server, through its own ad-hoc commands (XEP-0133)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tigrest.backends.adhoc import AdHoc
from tigrest.backends.command_run import Requests
from tigrest.backends.open_stages import OpenStages
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import (
    InvalidValue,
    NoSuchUser,
    NotConnected,
    NotPermitted,
    NotSupported,
    ServerFailed,
    StanzaError,
    StanzaTimeout,
    UserExists,
)
from tigrest.xmpp.commands import ADMIN_NODES, CommandReply
from tigrest.xmpp.jid import JID
from tigrest.xmpp.saslprep import expect_settable

log = logging.getLogger(__name__)

USER_INFO = "get-user-info"
"""Node of Tigase's command that shows an account; it has no prefix."""

_SUSPECT = "perhaps it does not take this password; ejabberd, for one, knows no characters newer than Unicode 3.2, such as most emoji"

_CURE = "on Prosody admin_adhoc has it, on ejabberd mod_configure, jabberd2 has no commands"

_LIST = "get-registered-users-list"

_ASK_SECONDS = 5.0
"""Timeout of the question which commands there are, in seconds."""

_LOOKUPS = {_LIST: "", "user-stats": "accountjid", "get-user-properties": "accountjids"}
"""Commands that tell whether there is an account, by the field that names it; Openfire 4.7 has the last one only. XEP-0133 §4.9, §4.18"""


class _NoSuchCommand(NotSupported):
    """The server does not offer a command."""


@callable_from_threads
class CommandUsers:
    """A :class:`~tigrest.backends.backend.UserRepository` that asks the server.

    Args:
        requests: sends the iqs, from our own address; the server must know it as an administrator.
        domain: whose accounts.
        check: tells whether the server accepts a password, by a login there; raises ``NotConnected`` when it cannot be asked.
        stages: cancels sessions of commands that failed.
        is_tigase: tells whether the server is Tigase, whose commands differ.
    """

    def __init__(
        self,
        requests: Requests,
        domain: JID,
        check: Callable[[JID, str], Awaitable[bool]],
        stages: OpenStages,
        is_tigase: Callable[[], bool] = lambda: False,
    ) -> None:
        self.loop = requests.loop
        self._adhoc = AdHoc(requests, stages)
        self._domain = domain
        self._check = check
        self._is_tigase = is_tigase

    async def add(self, jid: JID, password: str, email: str | None = None) -> None:
        """Create an account; see :meth:`tigrest.backends.backend.UserRepository.add`. XEP-0133 §4.1"""
        account = self._checked(jid, password)
        fields = {"accountjid": account, "password": password, "password-verify": password}
        if self._is_tigase():  # which adds no account without an email address
            email = email or account
        try:
            await self._run("add-user", fields | ({"email": email} if email else {}), account)
        except NoSuchUser:  # how ejabberd says that it takes such a password or address as little as any other trouble
            raise ServerFailed(f"the server of {self._domain} did not add {account}: {_SUSPECT}") from None
        await self._verify(account, password, "added")

    async def remove(self, jid: JID) -> None:
        """Delete an account; see :meth:`tigrest.backends.backend.UserRepository.remove`. XEP-0133 §4.2"""
        await self._expect(jid.bare)
        await self._run("delete-user", {"accountjids": [jid.bare]}, jid.bare)

    async def exists(self, jid: JID) -> bool:
        """Tell whether there is an account: by the list of all where the server gives it, else by asking about this one."""
        if not jid.local or jid.domain != self._domain:
            return False
        if self._is_tigase():
            return await self._is_known_to(USER_INFO, jid.bare)
        offered = await self._offered() or frozenset(_LOOKUPS)
        refusals: list[NotSupported] = []
        for command in [name for name in _LOOKUPS if name in offered] or _LOOKUPS:
            try:
                return await self._is_known_to(command, jid.bare)
            except NotSupported as error:
                refusals.append(error)
        permission = next((error for error in refusals if not isinstance(error, _NoSuchCommand)), None)
        raise permission or NotSupported(
            f"{self._domain} offers no command that tells whether there is an account ({', '.join(_LOOKUPS)}); {_CURE}"
        )

    async def _is_known_to(self, command: str, account: JID) -> bool:
        """Tell whether a command about an account finds it, or one that lists accounts has it."""
        if command == _LIST:
            return account in await self.list()
        field = _LOOKUPS.get(command) or "accountjid"
        try:
            reply = await self._run(command, {field: account}, account)
        except NoSuchUser:
            return False
        return field == "accountjid" or bool(reply.form is not None and any(reply.form.values(field)))

    async def _expect(self, account: JID) -> None:
        """Look whether there is an account, before it is changed; where the server does not tell, its command does.

        Raises:
            NoSuchUser: there is none.
        """
        try:
            is_there = await self.exists(account)
        except NotSupported as error:
            log.debug("whether there is an account %s is not known before it is changed: %s", account, error)
            return
        if not is_there:
            raise NoSuchUser(f"there is no account {account}")

    async def _offered(self) -> frozenset[str] | None:
        """Return the names of the administrators' commands that the server offers us; ``None`` when it does not tell. XEP-0050 §2.2"""
        try:
            items = await self._adhoc.list(self._domain, timeout=_ASK_SECONDS)
        except (NotSupported, StanzaError, StanzaTimeout):
            return None
        return frozenset(item.node.removeprefix(ADMIN_NODES) for item in items if item.node.startswith(ADMIN_NODES))

    async def set_password(self, jid: JID, password: str) -> None:
        """Change a password; see :meth:`tigrest.backends.backend.UserRepository.set_password`. XEP-0133 §4.7"""
        account = self._checked(jid, password)
        await self._expect(account)
        try:
            await self._run("change-user-password", {"accountjid": account, "password": password}, account)
        except NoSuchUser:  # it was there a moment ago: Prosody says so of a password that it does not take
            if not await self.exists(account):
                raise
            raise ServerFailed(f"the server of {self._domain} did not change the password of {account}: {_SUSPECT}") from None
        await self._verify(account, password, "changed")

    async def _verify(self, account: JID, password: str, done: str) -> None:
        """Log in once with a password that was set: servers say yes to passwords that they cannot store.

        Raises:
            ServerFailed: the server does not accept it.
        """
        try:
            accepted = await self._check(account, password)
        except NotConnected as error:
            log.warning("%s was %s, but a login with the new password was not tried: %s", account, done, error)
            return
        if not accepted:
            says = f"the server of {self._domain} says that {account} was {done}"
            raise ServerFailed(f"{says}, but does not accept a login with the new password: {_SUSPECT}")

    async def list(self, domain: str | None = None) -> list[JID]:
        """List the accounts, where the server can; see :meth:`tigrest.backends.backend.UserRepository.list`. XEP-0133 §4.18"""
        if domain not in (None, self._domain):
            return []
        fields = {"domainjid": self._domain, "max_items": "None"} if self._is_tigase() else {"max_items": "none"}
        try:
            reply = await self._run(_LIST, fields, self._domain)
        except InvalidValue as error:  # the option is that of XEP-0133, and a part of the list would hide the other accounts
            raise NotSupported(f"{self._domain} does not list all accounts at once: {error}") from None
        values = _users_of_tigase(reply) if self._is_tigase() else reply.form.values("registereduserjids") if reply.form else ()
        jids = [line.strip() for value in values for line in value.splitlines() if line.strip()]
        return sorted(JID(jid if "@" in jid else f"{jid}@{self._domain}") for jid in jids)

    def _checked(self, jid: JID, password: str) -> JID:
        if not jid.local or jid.domain != self._domain:
            raise InvalidValue(f"{jid} is not the address of a user of {self._domain}, the domain served here")
        expect_settable(password)
        return jid.bare

    async def _run(self, command: str, fields: Mapping[str, str | Sequence[str]], account: JID) -> CommandReply:
        """Run a command of the server; raise the error that it reports, by a stanza error, a note or a field of its form.

        Raises:
            ServerFailed: it asks again instead of doing it.
        """
        try:
            node = command if command == USER_INFO else ADMIN_NODES + command
            reply = await self._adhoc.execute(self._domain, node, fields, ignore_unknown=True)
        except StanzaError as error:
            raise await self._explain(error, command, account) from None
        complaint = next((note.text for note in reply.notes if note.type == "error"), "")
        complaint = complaint or _complaint_of_tigase(reply)
        if complaint:
            raise _complained(complaint, account)
        if reply.is_executing:
            raise ServerFailed(f"{self._domain} did not do {ADMIN_NODES}{command} for {account}: it asks for its form again")
        return reply

    async def _explain(self, error: StanzaError, command: str, account: JID) -> Exception:
        """Return what an error stanza means.

        ``item-not-found`` says that there is no such account, or no such command: the list of commands tells which. XEP-0050 §2.2
        """
        if error.condition == "item-not-found" and command == _LIST:  # it names no account
            return _no_such_command(command, self._domain)
        if error.condition == "item-not-found":
            offered = await self._offered()
            if offered is not None:
                is_there = command in offered
                return NoSuchUser(f"there is no account {account}") if is_there else _no_such_command(command, self._domain)
        return _explained(error, command, account, self._domain)


def _complaint_of_tigase(reply: CommandReply) -> str:
    """Return the error in the fields of a form: Tigase has no notes, and calls what it has done ``Operation successful``."""
    fields = reply.form.fields if reply.form is not None else ()
    errors = [field.value for field in fields if field.var in ("Error", "Errors") and field.value.strip()]
    notes = [value for field in fields if field.var in ("Note", "Notes") for value in field.values if value.strip()]
    troubles = [] if reply.is_executing else [note for note in notes if "successful" not in note.lower()]
    return next(iter([*errors, *troubles]), "")


def _users_of_tigase(reply: CommandReply) -> Sequence[str]:
    """Return the accounts of a list; the name of its field has their number, as ``Users: 10``."""
    fields = reply.form.fields if reply.form is not None else ()
    return next((field.values for field in fields if field.var.startswith("Users:")), ())


def _explained(error: StanzaError, command: str, account: JID, domain: JID) -> Exception:
    if error.condition == "conflict":
        return UserExists(f"there is an account {account} already")
    if error.condition in ("forbidden", "not-allowed", "not-authorized"):
        return NotSupported(
            f"{domain} does not let the gateway run {ADMIN_NODES}{command}; make the component an administrator of the server, "
            "by what tigrest check --live says"
        )
    if error.condition == "item-not-found" and ("command" not in error.text.lower() or "No hook" in error.text):
        return NoSuchUser(f"there is no account {account}")
    if error.condition in ("item-not-found", "service-unavailable", "feature-not-implemented"):
        return _no_such_command(command, domain)
    return error


def _no_such_command(command: str, domain: JID) -> NotSupported:
    cure = "Prosody, Openfire 4.7 and jabberd2 have none, on ejabberd mod_configure has it" if command == _LIST else _CURE
    return _NoSuchCommand(f"{domain} does not offer the command {ADMIN_NODES}{command}; {cure}")


def _complained(text: str, account: JID) -> Exception:
    words = text.lower().replace("doesn't", "does not")
    if "exist" in words and "not" not in words.split("exist")[0].split()[-2:]:
        return UserExists(f"there is an account {account} already")
    if "not exist" in words or any(text in words for text in ("not found", "unknown user", "no such")):
        return NoSuchUser(f"there is no account {account}")
    if "not allowed" in words or "permission" in words or "administrator" in words:
        return NotPermitted(text)
    return StanzaError("undefined-condition", text=text)
