"""The session manager, as the guide prints it, and scripted commands."""

import pytest

from tests.backends.embedded.world import ADMIN, ALICE, BOB, SESS_MAN, World, told
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.jid import JID

ACTIVE = "http://jabber.org/protocol/admin#get-active-users"
END = "http://jabber.org/protocol/admin#end-user-session"
MARKER = "command-marker"


async def add(world: World, node: str, script: str, name: str = "Name") -> CommandReply:
    lines = script.split("\n")
    return await world.run(
        SESS_MAN, "add-script", {"Command id": node, "Description": name, "Script text": lines, "command-marker": MARKER}
    )


@pytest.mark.parametrize("user", [ADMIN, ALICE, None])
async def test_the_commands_are_listed_in_order(world: World, user: JID | None) -> None:
    assert [(item.jid, item.node, item.name) for item in await world.adhoc(user).list(SESS_MAN)] == [
        (SESS_MAN, ACTIVE, "Get list of active users"),
        (SESS_MAN, "del-script", "Remove command script"),
        (SESS_MAN, "add-script", "New command script"),
    ]


async def test_active_users_are_one_field_named_after_their_number(world: World) -> None:
    await world.online("bob@example.org/a", "alice@example.org/a", "alice@example.org/b")
    reply = await world.run(SESS_MAN, ACTIVE, {"domainjid": "example.org", "max_items": "25"})
    assert (reply.status, reply.sessionid, reply.actions) == ("", "", ())
    assert reply.form is not None
    assert [(f.var, f.label, f.type, f.values) for f in reply.form.fields] == [("Users: 2", "text-multi", "", (ALICE, BOB))]


@pytest.mark.parametrize(
    ("domain", "limit", "shown"), [("example.org", "1", ("Users: 1", (ALICE,))), ("elsewhere.net", "25", ("Users: 0", ()))]
)
async def test_active_users_are_those_of_the_domain_up_to_the_limit(
    world: World, domain: str, limit: str, shown: tuple[str, tuple[str, ...]]
) -> None:
    await world.online("bob@example.org/a", "alice@example.org/a")
    assert [(var, values) for var, _, values in told(await world.run(SESS_MAN, ACTIVE, {"domainjid": domain, "max_items": limit}))] == [
        shown
    ]


@pytest.mark.parametrize("node", [ACTIVE, END, "add-script"])
async def test_without_fields_the_form_comes_back(world: World, node: str) -> None:
    reply = await world.run(SESS_MAN, node)
    assert (reply.status, reply.sessionid) == ("", "")
    assert reply.form is not None
    assert reply.form.type == "form"


async def test_ended_sessions_are_noted(world: World) -> None:
    await world.online("alice@example.org/b", "alice@example.org/a", "bob@example.org/a", "bob@example.org/b")
    reply = await world.run(SESS_MAN, END, {"accountjids": ["alice@example.org", "bob@example.org/b"]})
    notes = tuple(f"Operation successful for user {jid}" for jid in ("alice@example.org/a", "alice@example.org/b", "bob@example.org/b"))
    assert told(reply) == [("Notes", "text-multi", notes)]
    assert told(await world.run(SESS_MAN, END, {"accountjids": ["alice@example.org"]})) == []
    assert told(await world.run(SESS_MAN, ACTIVE, {"domainjid": "example.org"}))[0][0] == "Users: 1"


@pytest.mark.parametrize("node", [ACTIVE, END, "add-script", "del-script"])
async def test_only_admins_run_commands(world: World, node: str) -> None:
    error = await world.run_refused(SESS_MAN, node, {"a": "b"}, user=ALICE)
    assert (error.condition, error.type) == ("forbidden", "auth")


async def test_malformed_fields_are_refused(world: World) -> None:
    assert (await world.run_refused(SESS_MAN, END, {"accountjids": "a b"})).condition == "jid-malformed"
    assert (await world.run_refused(SESS_MAN, ACTIVE, {"domainjid": "example.org", "max_items": "-1"})).condition == "bad-request"


async def test_a_script_becomes_a_command(world: World) -> None:
    script = "Hello {{ fields.who }},\n{{ fields.several | join('+') }} by {{ caller }}"
    assert told(await add(world, "greet", script, "Greet")) == [("Note", "fixed", ("Operation successful.",))]
    listed = [(item.node, item.name) for item in await world.adhoc(ALICE).list(SESS_MAN)]
    assert listed[3:] == [("greet", "Greet")]
    reply = await world.run(SESS_MAN, "greet", {"who": "<you>", "several": ["a", "b"]})
    assert told(reply) == [("Note", "fixed", ("Hello <you>,\na+b by admin@example.org",))]
    assert (await world.run_refused(SESS_MAN, "greet", user=ALICE)).condition == "forbidden"


async def test_a_script_is_removed(world: World) -> None:
    assert told(await world.run(SESS_MAN, "del-script")) == [("Note", "fixed", ("There are no items on the list",))]
    await add(world, "greet", "Hello", "Greet")
    form = (await world.run(SESS_MAN, "del-script")).form
    assert form is not None
    assert [(option.value, option.label) for option in form.fields[0].options] == [("greet", "Greet")]
    fields = {"Command id": "greet", "command-marker": MARKER}
    assert told(await world.run(SESS_MAN, "del-script", fields)) == [("Note", "fixed", ("Operation successful.",))]
    assert told(await world.submit(SESS_MAN, "del-script", fields)) == [("Error", "fixed", ("No such item, deletion impossible.",))]
    assert (await world.run_refused(SESS_MAN, "greet")).condition == "item-not-found"


@pytest.mark.parametrize("node", ["add-script", END, " "])
async def test_a_script_does_not_take_the_place_of_another_command(world: World, node: str) -> None:
    assert told(await add(world, node, "x"))[0][0] == "Error"


async def test_a_script_is_not_replaced(world: World) -> None:
    await add(world, "greet", "one")
    assert told(await add(world, "greet", "two")) == [("Error", "fixed", ("The item is already added, you can't add it twice.",))]
    assert told(await world.run(SESS_MAN, "greet"))[0][2] == ("one",)


async def test_a_script_that_cannot_be_read_is_refused(world: World) -> None:
    error = await world.run_refused(
        SESS_MAN, "add-script", {"Command id": "bad", "Description": "", "Script text": "{{ unclosed", "command-marker": MARKER}
    )
    assert error.condition == "bad-request"
    assert "Script text" in error.text


@pytest.mark.parametrize(
    "script", ["{{ 1 / 0 }}", "{{ ''.__class__.__mro__ }}", "{{ fields.a.b.c }}", "{% for i in range(9999999) %}{% endfor %}"]
)
async def test_a_script_that_fails_tells_why(world: World, script: str) -> None:
    await add(world, "bad", script)
    error = await world.run_refused(SESS_MAN, "bad", {"a": "x"})
    assert error.condition == "bad-request"
    assert error.text.startswith("script bad: ")
