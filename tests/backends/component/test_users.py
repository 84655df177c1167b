"""Accounts by commands, at servers that say in different ways that an account, or a command, is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from xml.etree import ElementTree as ET

import pytest

from tests.backends.responder import stage
from tigrest.backends.component.users import CommandUsers
from tigrest.backends.open_stages import OpenStages
from tigrest.errors import NoSuchUser, NotSupported, StanzaError, StanzaTimeout
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, DISCO_ITEMS
from tigrest.xmpp.stanza import Stanza

BOB, DOMAIN = JID("bob@example.org"), JID("example.org")
EVERY = ("add-user", "delete-user", "change-user-password", "user-stats")
MISSING_COMMAND = {
    "Openfire": StanzaError("item-not-found"),
    "Prosody": StanzaError("item-not-found", text="Command not found"),
    "ejabberd": StanzaError("service-unavailable"),
    "ejabberd without mod_configure": StanzaError("item-not-found", text="No hook has processed this command"),
    "a server without commands": StanzaError("feature-not-implemented"),
}
"""What servers answer to a command that they do not have."""

MISSING_ACCOUNT: dict[str, StanzaError | str] = {
    "an error": StanzaError("item-not-found"),
    "ejabberd": StanzaError("item-not-found", text="No hook has processed this command"),
    "Prosody": "User does not exist",
    "Openfire, deleting": "User not found: bob@example.org",
    "Openfire, changing": "User does not exists.",
    "some other": "There is no such user",
}
"""What servers answer to a command about an account that they do not have: an error, or the text of a note."""


class Administered:
    """A server with some commands of administrators.

    Args:
        offered: their names; ``None`` when it does not tell them.
        missing_command: its answer to others.
        missing_account: its answer to these, about any account.
    """

    def __init__(self, offered: tuple[str, ...] | None, missing_command: StanzaError, missing_account: StanzaError | str) -> None:
        self.loop = asyncio.get_running_loop()
        self._offered, self._missing_command, self._missing_account = offered, missing_command, missing_account

    async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
        assert iq.payload is not None
        if iq.payload.tag == f"{{{DISCO_ITEMS}}}query":
            return self._listed(iq)
        name = iq.payload.get("node", "").removeprefix(ADMIN_NODES)
        if name not in (self._offered or EVERY):
            return iq.error_reply(self._missing_command)
        if iq.payload.get("sessionid") is None:
            return iq.reply(ET.fromstring(stage('<field var="accountjid"/><field var="accountjids"/><field var="password"/>')))
        if isinstance(self._missing_account, StanzaError):
            return iq.error_reply(self._missing_account)
        note = f'<note type="error">{self._missing_account}</note>'
        return iq.reply(ET.fromstring(f'<command xmlns="{COMMANDS}" status="completed" sessionid="s1">{note}</command>'))

    def _listed(self, iq: Stanza) -> Stanza:
        if self._offered is None:
            raise StanzaTimeout("no answer")
        items = "".join(f'<item jid="example.org" node="{ADMIN_NODES}{name}"/>' for name in self._offered)
        return iq.reply(ET.fromstring(f'<query xmlns="{DISCO_ITEMS}">{items}</query>'))


async def never(_jid: JID, _password: str) -> bool:
    raise AssertionError("no login is tried")


def users_of(server: Administered) -> CommandUsers:
    return CommandUsers(server, DOMAIN, never, OpenStages())


ACTS: dict[str, Callable[[CommandUsers], Awaitable[None]]] = {
    "delete-user": lambda users: users.remove(BOB),
    "change-user-password": lambda users: users.set_password(BOB, "secret"),
}


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("said", MISSING_ACCOUNT)
async def test_an_account_that_is_not_there(said: str, tells: bool) -> None:
    users = users_of(Administered(EVERY if tells else None, MISSING_COMMAND["Prosody"], MISSING_ACCOUNT[said]))
    assert await users.exists(BOB) is False
    for act in ACTS.values():
        with pytest.raises(NoSuchUser):
            await act(users)


@pytest.mark.parametrize("said", MISSING_COMMAND)
async def test_a_command_that_is_not_there(said: str) -> None:
    for missing, act in ACTS.items():
        offered = tuple(name for name in EVERY if name not in (missing, "user-stats"))
        users = users_of(Administered(offered, MISSING_COMMAND[said], StanzaError("item-not-found")))
        with pytest.raises(NotSupported, match=f"does not offer the command {ADMIN_NODES}{missing}"):
            await act(users)
        with pytest.raises(NotSupported, match="no command that tells whether there is an account"):
            await users.exists(BOB)
        with pytest.raises(NotSupported, match="get-registered-users-list"):
            await users.list()
