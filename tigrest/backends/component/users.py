"""The accounts of a real server, through its own ad-hoc commands (XEP-0133)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from tigrest.backends.adhoc import AdHoc
from tigrest.backends.admin_commands import COMMANDS_CURE, REGISTERED_USERS, USER_INFO, AdminCommands, NoSuchCommand
from tigrest.backends.command_run import Requests
from tigrest.backends.open_stages import OpenStages
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidValue, NoSuchUser, NotConnected, NotSupported, ServerFailed, StanzaTimeout
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.jid import JID
from tigrest.xmpp.saslprep import expect_settable

log = logging.getLogger(__name__)

_SUSPECT = "perhaps it does not take this password; ejabberd, for one, knows no characters newer than Unicode 3.2, such as most emoji"

_LOOKUPS = {REGISTERED_USERS: "", "user-stats": "accountjid", "get-user-properties": "accountjids"}
"""Commands that tell whether there is an account, by the field that names it; Openfire 4.7 has the last one only. XEP-0133 §4.9, §4.18"""


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
        self._domain = domain
        self._commands = AdminCommands(AdHoc(requests, stages), domain)
        self._check = check
        self._is_tigase = is_tigase

    async def add(self, jid: JID, password: str, email: str | None = None) -> None:
        """Create an account; see :meth:`tigrest.backends.backend.UserRepository.add`. XEP-0133 §4.1"""
        account = self._checked(jid, password)
        fields = {"accountjid": account, "password": password, "password-verify": password}
        if self._is_tigase():  # which adds no account without an email address
            email = email or account
        try:
            await self._commands.run("add-user", fields | ({"email": email} if email else {}), account=account)
        except NoSuchUser:  # how ejabberd says that it takes such a password or address as little as any other trouble
            raise ServerFailed(f"the server of {self._domain} did not add {account}: {_SUSPECT}") from None
        await self._verify(account, password, "added")

    async def remove(self, jid: JID) -> None:
        """Delete an account; see :meth:`tigrest.backends.backend.UserRepository.remove`. XEP-0133 §4.2"""
        await self._expect(jid.bare)
        await self._commands.run("delete-user", {"accountjids": [jid.bare]}, account=jid.bare)

    async def exists(self, jid: JID) -> bool:
        """Tell whether there is an account: by the list of all where the server gives it, else by asking about this one."""
        if not jid.local or jid.domain != self._domain:
            return False
        if self._is_tigase():
            return await self._is_known_to(USER_INFO, jid.bare)
        offered = await self._offered()
        refusals: list[NotSupported] = []
        for command in [name for name in _LOOKUPS if name in offered] or _LOOKUPS:
            try:
                return await self._is_known_to(command, jid.bare)
            except NotSupported as error:
                refusals.append(error)
        permission = next((error for error in refusals if not isinstance(error, NoSuchCommand)), None)
        raise permission or NotSupported(
            f"{self._domain} offers no command that tells whether there is an account ({', '.join(_LOOKUPS)}); {COMMANDS_CURE}"
        )

    async def _is_known_to(self, command: str, account: JID) -> bool:
        """Tell whether a command about an account finds it, or one that lists accounts has it."""
        if command == REGISTERED_USERS:
            return account in await self.list()
        field = _LOOKUPS.get(command) or "accountjid"
        try:
            reply = await self._commands.run(command, {field: account}, account=account)
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

    async def _offered(self) -> frozenset[str]:
        """Return the names of the administrators' commands that the server offers us; empty when it does not tell."""
        try:
            return await self._commands.offered()
        except (NotSupported, StanzaTimeout):
            return frozenset()

    async def set_password(self, jid: JID, password: str) -> None:
        """Change a password; see :meth:`tigrest.backends.backend.UserRepository.set_password`. XEP-0133 §4.7"""
        account = self._checked(jid, password)
        await self._expect(account)
        try:
            await self._commands.run("change-user-password", {"accountjid": account, "password": password}, account=account)
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
            reply = await self._commands.run(REGISTERED_USERS, fields)
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


def _users_of_tigase(reply: CommandReply) -> Sequence[str]:
    """Return the accounts of a list; the name of its field has their number, as ``Users: 10``."""
    fields = reply.form.fields if reply.form is not None else ()
    return next((field.values for field in fields if field.var.startswith("Users:")), ())
