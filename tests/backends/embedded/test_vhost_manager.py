"""The virtual host manager, as the guide prints it."""

import asyncio

import pytest

from tests.backends.embedded.world import ADMIN, ALICE, VHOST_MAN, World, told

ADD, UPDATE, REMOVE = "comp-repo-item-add", "comp-repo-item-update", "comp-repo-item-remove"
MARKER = "command-marker"
SUCCESS = [("Note", "fixed", ("Operation successful.",))]


def error(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [("Error", "fixed", (text,))]


async def stored(world: World, name: str) -> dict[str, str]:
    """Return the settings of a host as the update form shows them."""
    return {var: values[0] for var, _, values in told(await world.run(VHOST_MAN, UPDATE, {"item-list": name}))}


async def test_the_commands_are_listed(world: World) -> None:
    assert [(item.node, item.name) for item in await world.adhoc(ALICE).list(VHOST_MAN)] == [
        (ADD, "Add new item"),
        (UPDATE, "Update item configuration"),
        (REMOVE, "Remove an item"),
    ]


async def test_the_form_is_the_guides(world: World) -> None:
    reply = await world.run(VHOST_MAN, ADD)
    fields = told(reply)
    tls = (
        "This installation forces VHost to require TLS. If you need to use unencrypted connections set 'vhost-tls-required' property"
        " to 'false' in the installation configuration file"
    )
    assert fields[:6] == [
        ("Domain name", "", ("",)),
        ("Enabled", "boolean", ("true",)),
        ("Anonymous enabled", "boolean", ("true",)),
        ("In-band registration", "boolean", ("true",)),
        ("TLS", "fixed", (tls,)),
        ("Max users", "", ("0",)),
    ]
    assert fields[-1] == (MARKER, "hidden", (MARKER,))
    assert reply.form is not None
    assert reply.form.instructions == "❗NOTE: Options without value set will use configuration defined in 'DEFAULT' VHost❗"
    assert (reply.form.title, reply.status, reply.sessionid) == ("", "", "")


async def test_a_host_is_added_once(world: World) -> None:
    fields = {"Domain name": "My-new-domain.com", "Enabled": "true", "command-marker": MARKER}
    assert told(await world.run(VHOST_MAN, ADD, fields)) == SUCCESS
    assert told(await world.run(VHOST_MAN, ADD, fields)) == error("The item is already added, you can't add it twice.")
    assert (await stored(world, "my-new-domain.com"))["Domain name"] == "my-new-domain.com"


async def test_without_marker_the_form_comes_back_filled_and_nothing_is_added(world: World) -> None:
    fields = dict(told_pairs(told(await world.run(VHOST_MAN, ADD, {"Domain name": "new.example", "Enabled": "false"}))))
    assert (fields["Domain name"], fields["Enabled"], fields["Max users"]) == ("new.example", "false", "0")
    assert told(await world.submit(VHOST_MAN, UPDATE, {"item-list": "new.example"})) == error("No such item, update impossible.")


def told_pairs(fields: list[tuple[str, str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    return [(var, values[0]) for var, _, values in fields]


@pytest.mark.parametrize("name", ["", "a b", "user@new.example", "new.example/x", "new..example", "-"])
async def test_a_bad_name_is_told(world: World, name: str) -> None:
    answer = told(await world.run(VHOST_MAN, ADD, {"Domain name": name, "command-marker": MARKER}))
    assert answer[0][:2] == ("Error", "fixed")
    assert "omain name" in answer[0][2][0]


@pytest.mark.parametrize(("field", "value"), [("Enabled", "perhaps"), ("Max users", "-1"), ("Max users", "many")])
async def test_a_bad_setting_is_told(world: World, field: str, value: str) -> None:
    answer = told(await world.run(VHOST_MAN, ADD, {"Domain name": "new.example", "command-marker": MARKER, field: value}))
    assert answer[0][0] == "Error"


async def test_a_host_is_chosen_shown_and_updated(world: World) -> None:
    await world.run(VHOST_MAN, ADD, {"Domain name": "my-vhost.com", "Max users": "5", "command-marker": MARKER})
    choice = (await world.run(VHOST_MAN, UPDATE)).form
    assert choice is not None
    assert [(field.var, field.type) for field in choice.fields] == [("item-list", "list-single")]
    assert [option.value for option in choice.fields[0].options] == ["example.org", "my-vhost.com"]
    shown = told(await world.run(VHOST_MAN, UPDATE, {"item-list": "my-vhost.com"}))
    assert shown[-2:] == [("item-list", "hidden", ("my-vhost.com",)), (MARKER, "hidden", (MARKER,))]
    fields = {"Domain name": "my-vhost.com", "Enabled": "0", "item-list": "my-vhost.com", "command-marker": MARKER}
    assert told(await world.run(VHOST_MAN, UPDATE, fields)) == SUCCESS
    after = await stored(world, "my-vhost.com")
    assert (after["Enabled"], after["Max users"], after["Anonymous enabled"]) == ("false", "5", "true")


async def test_updates_at_the_same_time_are_all_kept(world: World) -> None:
    await world.run(VHOST_MAN, ADD, {MARKER: MARKER, "Domain name": "new.example"})
    changes = {"Max users": "7", "Other parameters": "x", "Owner": "alice@localhost", "Administrators": "bob@localhost"}
    updates = [{MARKER: MARKER, "item-list": "new.example", field: value} for field, value in changes.items()]
    await asyncio.gather(*[world.submit(VHOST_MAN, UPDATE, fields) for fields in updates])
    assert changes.items() <= (await stored(world, "new.example")).items()


async def test_what_cannot_be_updated_is_told(world: World) -> None:
    unknown = await world.run(VHOST_MAN, UPDATE, {"item-list": "nonsense.example", "command-marker": MARKER})
    assert told(unknown) == error("No such item, update impossible.")
    for fields in ({"Domain name": "other.example"}, {"Enabled": "perhaps"}):
        answer = told(await world.submit(VHOST_MAN, UPDATE, {"item-list": "example.org", "command-marker": MARKER, **fields}))
        assert answer[0][0] == "Error"


async def test_a_host_is_removed(world: World) -> None:
    await world.run(VHOST_MAN, ADD, {"Domain name": "my-vhost.com", "command-marker": MARKER})
    choice = told(await world.run(VHOST_MAN, REMOVE))
    assert [(var, kind) for var, kind, _ in choice] == [("item-list", "list-single"), (MARKER, "hidden")]
    fields = {"item-list": "my-vhost.com", "command-marker": MARKER}
    assert told(await world.run(VHOST_MAN, REMOVE, fields)) == SUCCESS
    assert told(await world.run(VHOST_MAN, REMOVE, fields)) == error("No such item, deletion impossible.")


async def test_the_domain_served_stays(world: World) -> None:
    answer = told(await world.run(VHOST_MAN, REMOVE, {"item-list": "example.org", "command-marker": MARKER}))
    assert answer == error("example.org is the domain served here, deletion impossible.")
    assert (await stored(world, "example.org"))["Enabled"] == "true"


@pytest.mark.parametrize("node", [ADD, UPDATE, REMOVE])
async def test_only_admins_run_commands(world: World, node: str) -> None:
    assert (await world.run_refused(VHOST_MAN, node, user=ALICE)).condition == "forbidden"
    assert (await world.run(VHOST_MAN, node, user=ADMIN)).form is not None
