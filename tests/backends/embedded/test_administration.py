"""The commands of the domain itself: XEP-0133 with sessions."""

import pytest

from tests.backends.embedded.world import ADMIN, ALICE, BOB, DOMAIN, GATEWAY, SESS_MAN, World, running, told
from tigrest.backends.embedded.settings import EmbeddedLimits
from tigrest.backends.entities.commands import CommandSessionLimits
from tigrest.errors import StanzaError
from tigrest.passwords import Passwords
from tigrest.xmpp.jid import JID

XEP = "http://jabber.org/protocol/admin#"
CAROL = JID("carol@example.org")


async def test_the_commands_are_listed(world: World) -> None:
    nodes = [item.node for item in await world.adhoc(ALICE).list(DOMAIN)]
    assert nodes == [
        f"{XEP}add-user",
        f"{XEP}delete-user",
        f"{XEP}change-user-password",
        f"{XEP}user-stats",
        f"{XEP}get-user-lastlogin",
        f"{XEP}get-registered-users-list",
        f"{XEP}get-online-users-list",
        f"{XEP}end-user-session",
        "urn:tigrest:admin#get-offline-messages",
    ]


async def test_a_command_asks_first_and_then_does_it(world: World) -> None:
    first = await world.run(DOMAIN, f"{XEP}add-user")
    assert (first.status, first.actions, first.is_executing) == ("executing", ("complete",), True)
    assert first.form is not None
    assert [(field.var, field.type, field.required) for field in first.form.fields] == [
        ("FORM_TYPE", "hidden", False),
        ("accountjid", "jid-single", True),
        ("password", "text-private", True),
        ("password-verify", "text-private", False),
        ("email", "text-single", False),
    ]
    assert first.form.value("FORM_TYPE") == "http://jabber.org/protocol/admin"
    fields = {"accountjid": CAROL, "password": "secret", "password-verify": "secret"}
    second = await world.adhoc(ADMIN).execute(DOMAIN, f"{XEP}add-user", fields, sessionid=first.sessionid, action="complete")
    assert (second.status, second.sessionid, second.notes[0].type) == ("completed", first.sessionid, "info")
    assert await world.service.check_credentials(CAROL, "secret")
    with pytest.raises(StanzaError) as caught:
        await world.adhoc(ADMIN).execute(DOMAIN, f"{XEP}add-user", fields, sessionid=first.sessionid)
    assert caught.value.condition == "bad-request"


async def test_one_call_with_all_fields_suffices(world: World) -> None:
    reply = await world.run(DOMAIN, f"{XEP}add-user", {"accountjid": CAROL, "password": "x", "password-verify": "x"})
    assert reply.status == "completed"
    assert await world.service.users.exists(CAROL)


async def test_a_command_can_be_cancelled(world: World) -> None:
    adhoc = world.adhoc()
    first = await world.run(DOMAIN, f"{XEP}add-user")
    done = await adhoc.execute(DOMAIN, f"{XEP}add-user", sessionid=first.sessionid, action="cancel")
    assert done.status == "canceled"
    with pytest.raises(StanzaError):
        await adhoc.execute(DOMAIN, f"{XEP}add-user", {"a": "b"}, sessionid=first.sessionid)


async def test_a_refused_form_may_be_corrected(world: World) -> None:
    adhoc = world.adhoc()
    first = await world.run(DOMAIN, f"{XEP}add-user")
    with pytest.raises(StanzaError) as caught:
        await adhoc.execute(DOMAIN, f"{XEP}add-user", {"accountjid": ALICE, "password": "x"}, sessionid=first.sessionid)
    assert caught.value.condition == "conflict"
    fields = {"accountjid": CAROL, "password": "x"}
    assert (await adhoc.execute(DOMAIN, f"{XEP}add-user", fields, sessionid=first.sessionid)).status == "completed"


@pytest.mark.parametrize(
    ("attributes", "inside", "condition"),
    [
        ('sessionid="nonsense"', "", "bad-sessionid"),
        ('sessionid="SESSION" action="prev"', "", "bad-action"),
        ('sessionid="SESSION" action="next"', "", "bad-action"),
        ('sessionid="SESSION"', "", "bad-payload"),
        ('action="complete"', "", "bad-action"),
        ('action="dance"', "", "malformed-action"),
    ],
)
async def test_what_a_session_does_not_allow_is_a_bad_request(world: World, attributes: str, inside: str, condition: str) -> None:
    session = (await world.run(DOMAIN, f"{XEP}add-user")).sessionid
    attributes = attributes.replace("SESSION", session)
    command = f'<command xmlns="http://jabber.org/protocol/commands" node="{XEP}add-user" {attributes}>{inside}</command>'
    reply = await world.ask(command, DOMAIN, ADMIN, "set")
    assert reply.error is not None
    assert reply.error.condition == "bad-request"
    assert next(reply.xml.iter(f"{{http://jabber.org/protocol/commands}}{condition}")) is not None


async def test_a_session_belongs_to_its_caller_and_its_command(world: World) -> None:
    session = (await world.run(DOMAIN, f"{XEP}add-user")).sessionid
    for node, user in ((f"{XEP}add-user", None), (f"{XEP}delete-user", ADMIN)):
        with pytest.raises(StanzaError, match="no such session"):
            await world.adhoc(user).execute(DOMAIN, node, {"a": "b"}, sessionid=session)


async def test_a_session_expires(passwords: Passwords) -> None:
    async with running(passwords, EmbeddedLimits(command_sessions=CommandSessionLimits(seconds=-1.0))) as world:
        session = (await world.run(DOMAIN, f"{XEP}add-user")).sessionid
        with pytest.raises(StanzaError, match="expired"):
            await world.adhoc(ADMIN).execute(DOMAIN, f"{XEP}add-user", {"accountjid": CAROL, "password": "x"}, sessionid=session)


async def test_the_number_of_sessions_is_bounded(passwords: Passwords) -> None:
    async with running(passwords, EmbeddedLimits(command_sessions=CommandSessionLimits(sessions=2))) as world:
        sessions = [(await world.run(DOMAIN, f"{XEP}end-user-session")).sessionid for _ in range(3)]
        with pytest.raises(StanzaError, match="no such session"):
            await world.adhoc(ADMIN).execute(DOMAIN, f"{XEP}end-user-session", {"accountjids": ALICE}, sessionid=sessions[0])


@pytest.mark.parametrize("node", [f"{XEP}add-user", "nonsense"])
async def test_only_admins_and_the_gateways_exact_address_run_commands(world: World, node: str) -> None:
    error = await world.run_refused(DOMAIN, node, user=ALICE)
    assert (error.condition, error.type) == ("forbidden", "auth")
    assert (await world.run(DOMAIN, f"{XEP}add-user", user=None)).status == "executing"
    command = f'<command xmlns="http://jabber.org/protocol/commands" node="{XEP}add-user"/>'
    assert (await world.ask(command, DOMAIN, GATEWAY, "set")).type == "result"
    assert await world.refused(command, DOMAIN, f"service@{GATEWAY}/x", "set") == ("forbidden", "auth")  # it may be any user's


async def test_an_unknown_command_is_not_found(world: World) -> None:
    assert (await world.run_refused(DOMAIN, "nonsense")).condition == "item-not-found"
    assert await world.refused('<command xmlns="http://jabber.org/protocol/commands"/>', type="set") == ("item-not-found", "cancel")


async def test_users_are_deleted_all_or_none(world: World) -> None:
    error = await world.run_refused(DOMAIN, f"{XEP}delete-user", {"accountjids": [ALICE, CAROL]})
    assert error.condition == "item-not-found"
    assert await world.service.users.exists(ALICE)
    await world.run(DOMAIN, f"{XEP}delete-user", {"accountjids": [ALICE, BOB]})
    assert await world.service.users.list() == [ADMIN]


async def test_a_password_is_changed(world: World) -> None:
    await world.run(DOMAIN, f"{XEP}change-user-password", {"accountjid": ALICE, "password": "new"})
    assert await world.service.check_credentials(ALICE, "new")


@pytest.mark.parametrize(
    ("node", "fields", "condition"),
    [
        ("add-user", {"accountjid": "alice@example.org", "password": "x"}, "conflict"),
        ("add-user", {"accountjid": "carol@example.org", "password": "x", "password-verify": "y"}, "bad-request"),
        ("add-user", {"accountjid": "carol@example.org"}, "bad-request"),
        ("add-user", {"password": "x"}, "bad-request"),
        ("add-user", {"accountjid": "carol@elsewhere.net", "password": "x"}, "bad-request"),
        ("add-user", {"accountjid": "a b@example.org", "password": "x"}, "jid-malformed"),
        ("change-user-password", {"accountjid": "carol@example.org", "password": "x"}, "item-not-found"),
        ("end-user-session", {"accountjids": "carol@example.org"}, "item-not-found"),
        ("user-stats", {"accountjid": "carol@example.org"}, "item-not-found"),
        ("get-user-lastlogin", {"accountjid": "carol@example.org"}, "item-not-found"),
        ("get-registered-users-list", {"max_items": "some"}, "bad-request"),
    ],
)
async def test_what_cannot_be_done_is_refused(world: World, node: str, fields: dict[str, str], condition: str) -> None:
    assert (await world.run_refused(DOMAIN, f"{XEP}{node}", fields)).condition == condition


async def test_registered_and_online_users_are_listed(world: World) -> None:
    await world.online("bob@example.org/a", "bob@example.org/b", "alice@example.org/a")
    registered = told(await world.run(DOMAIN, f"{XEP}get-registered-users-list", {"max_items": "none"}))
    assert registered[1] == ("registereduserjids", "jid-multi", (ADMIN, ALICE, BOB))
    first = told(await world.run(DOMAIN, f"{XEP}get-registered-users-list", {"max_items": "1"}))
    assert first[1][2] == (ADMIN,)
    online = told(await world.run(DOMAIN, f"{XEP}get-online-users-list", {"max_items": "25"}))
    assert online == [("FORM_TYPE", "hidden", (XEP[:-1],)), ("onlineuserjids", "jid-multi", (ALICE, BOB))]


async def test_the_resources_of_a_user_are_told(world: World) -> None:
    await world.online("alice@example.org/b", "alice@example.org/a", "bob@example.org/c")
    told_of = [told(await world.run(DOMAIN, f"{XEP}user-stats", {"accountjid": user}))[2] for user in (ALICE, ADMIN)]
    assert told_of == [("onlineresources", "text-multi", ("a", "b")), ("onlineresources", "text-multi", ())]


async def test_who_is_not_online_was_online_at_a_time_that_is_not_kept(world: World) -> None:
    await world.online("alice@example.org/b")
    told_of = [told(await world.run(DOMAIN, f"{XEP}get-user-lastlogin", {"accountjid": user}))[2] for user in (ALICE, ADMIN)]
    assert told_of == [("lastlogin", "text-single", ("Online",)), ("lastlogin", "text-single", ())]


async def test_sessions_are_ended(world: World) -> None:
    await world.online("alice@example.org/a", "alice@example.org/b")
    reply = await world.run(DOMAIN, f"{XEP}end-user-session", {"accountjids": ALICE})
    assert "alice@example.org/a, alice@example.org/b" in reply.notes[0].text
    again = await world.run(DOMAIN, f"{XEP}end-user-session", {"accountjids": ALICE})
    assert again.notes[0].text == "None of them was online."


async def test_offline_messages_need_an_account(world: World) -> None:
    error = await world.run_refused(DOMAIN, "urn:tigrest:admin#get-offline-messages", {"accountjid": CAROL})
    assert error.condition == "item-not-found"
    assert (
        await world.run_refused(SESS_MAN, "urn:tigrest:admin#get-offline-messages", {"accountjid": ALICE})
    ).condition == "item-not-found"
