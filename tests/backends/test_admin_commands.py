"""The administrators' commands of a server, by whatever forms and errors it has."""

from __future__ import annotations

import pytest

from tests.backends.component.test_users import BOB, DOMAIN, EVERY, MISSING_COMMAND, Administered
from tigrest.backends.adhoc import AdHoc
from tigrest.backends.admin_commands import AdminCommands
from tigrest.errors import NoSuchUser, NotSupported, StanzaError
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.stanza import Stanza


def commands_of(*offered: str, missing: str = "Prosody") -> AdminCommands:
    return AdminCommands(AdHoc(Administered(offered, MISSING_COMMAND[missing], StanzaError("item-not-found"))), DOMAIN)


async def test_commands_are_offered_by_name() -> None:
    assert await commands_of(*EVERY).offered() == set(EVERY)


async def test_a_server_that_lists_no_commands_says_why() -> None:
    class Refuses(Administered):
        async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
            raise StanzaError("forbidden")

    commands = AdminCommands(AdHoc(Refuses(EVERY, StanzaError("forbidden"), "")), DOMAIN)
    with pytest.raises(NotSupported, match="does not list its commands"):
        await commands.offered()
    assert "forbidden" in await commands.trouble("add-user")


async def test_one_of_several_commands_is_enough() -> None:
    commands = commands_of("user-stats")
    assert await commands.trouble("get-online-users-num", "user-stats") == ""
    assert "does not offer the command http://jabber.org/protocol/admin#add-user" in await commands.trouble("add-user")
    assert "of the servers tried only ejabberd has it" in await commands.trouble("get-user-lastlogin")
    assert "make the component an administrator" in await commands_of().trouble("add-user")


async def test_a_form_comes_back_where_no_fields_are_given() -> None:
    reply: CommandReply = await commands_of(*EVERY).run("user-stats")
    assert reply.is_executing
    assert reply.form is not None
    assert reply.form.field("accountjid")


async def test_what_is_missing_is_the_account_or_the_command() -> None:
    fields = {"accountjid": BOB}
    with pytest.raises(NoSuchUser, match="there is no account bob@example.org"):
        await commands_of(*EVERY).run("user-stats", fields, account=BOB)
    for said in MISSING_COMMAND:
        with pytest.raises(NotSupported, match="admin#user-stats"):
            await commands_of("add-user", missing=said).run("user-stats", fields, account=BOB)
        with pytest.raises(NotSupported, match="admin#announce; on Prosody announce has it"):
            await commands_of("add-user", missing=said).run("announce", {"subject": "Hello"})
