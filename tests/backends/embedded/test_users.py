"""What users are asked: cards, published items, avatars, presence, messages."""

import asyncio

import pytest

from tests.backends.embedded.world import ADMIN, ALICE, BOB, DOMAIN, World, running
from tigrest.backends.embedded.settings import EmbeddedLimits
from tigrest.passwords import Passwords
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import UserStatus
from tigrest.xmpp.stanza import Stanza

VCARD = '<vCard xmlns="vcard-temp"/>'
VCARD4 = '<vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"/>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
OFFLINE = "urn:tigrest:admin#get-offline-messages"


def publish(node: str, item: str, payload: str, options: str = "") -> str:
    return (
        '<pubsub xmlns="http://jabber.org/protocol/pubsub">'
        f'<publish node="{node}"><item id="{item}">{payload}</item></publish>{options}</pubsub>'
    )


def items(node: str, attributes: str = "", inside: str = "") -> str:
    return f'<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="{node}" {attributes}>{inside}</items></pubsub>'


async def published(world: World, node: str, attributes: str = "", inside: str = "", sender: str = BOB) -> list[str]:
    """Return the ids of the items of alice that somebody gets."""
    payload = (await world.ask(items(node, attributes, inside), ALICE, sender)).raise_error().payload
    assert payload is not None
    return [element.get("id", "") for element in payload.iter("{http://jabber.org/protocol/pubsub}item")]


async def offline(world: World) -> list[dict[str, str]]:
    """Return the messages that wait for alice."""
    form = (await world.run(DOMAIN, OFFLINE, {"accountjid": ALICE})).form
    assert form is not None
    [table] = form.tables
    return [{cell.var: cell.value for cell in row} for row in table.rows]


async def test_a_card_is_set_by_its_owner_and_read_by_all(world: World) -> None:
    empty = (await world.ask(VCARD, ALICE, BOB)).payload
    assert empty is not None
    assert (empty.tag, len(empty)) == ("{vcard-temp}vCard", 0)
    for sender, name in ((ALICE, "Alice"), (ADMIN, "By admin"), ("http.example.org", "By gateway")):
        assert (await world.ask(f'<vCard xmlns="vcard-temp"><FN>{name}</FN></vCard>', ALICE, sender, "set")).payload is None
        card = (await world.ask(VCARD, ALICE, BOB)).payload
        assert card is not None
        assert card.findtext("{vcard-temp}FN") == name


async def test_nobody_changes_what_belongs_to_another(world: World) -> None:
    for payload in (VCARD, VCARD4, publish("urn:x", "1", ""), items("urn:x")):
        assert await world.refused(payload, ALICE, BOB, "set") == ("forbidden", "auth")
    assert await world.refused(VCARD, "nobody@example.org", ADMIN, "set") == ("service-unavailable", "cancel")
    assert await world.refused(publish("urn:x", "1", ""), "nobody@example.org", ADMIN, "set") == ("service-unavailable", "cancel")


async def test_a_vcard4_is_the_item_of_its_node(world: World) -> None:
    empty = (await world.ask(VCARD4, ALICE, BOB)).payload
    assert empty is not None
    assert not len(empty)
    card = '<vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"><fn><text>Alice</text></fn></vcard>'
    await world.ask(publish("urn:xmpp:vcard4", "current", card), ALICE, ALICE, "set")
    found = (await world.ask(VCARD4, ALICE, BOB)).payload
    assert found is not None
    assert "".join(found.itertext()) == "Alice"
    await world.ask(card.replace("Alice", "Al"), ALICE, ALICE, "set")
    assert await published(world, "urn:xmpp:vcard4") == ["current"]


async def test_items_are_published_replaced_and_retracted(world: World) -> None:
    reply = (await world.ask(publish("urn:x", "1", '<a xmlns="urn:a"/>'), ALICE, ALICE, "set")).payload
    assert reply is not None
    assert reply[0][0].get("id") == "1"
    for item in ("2", "3", "1"):
        await world.ask(publish("urn:x", item, '<b xmlns="urn:b">t</b>'), ALICE, ALICE, "set")
    assert await published(world, "urn:x") == ["2", "3", "1"]
    assert await published(world, "urn:x", 'max_items="1"') == ["1"]
    assert await published(world, "urn:x", "", '<item id="3"/><item id="nonsense"/>') == ["3"]
    retract = '<pubsub xmlns="http://jabber.org/protocol/pubsub"><retract node="urn:x"><item id="3"/></retract></pubsub>'
    assert (await world.ask(retract, ALICE, ALICE, "set")).type == "result"
    assert await world.refused(retract, ALICE, ALICE, "set") == ("item-not-found", "cancel")
    assert await published(world, "urn:x") == ["2", "1"]
    assert await world.refused(items("urn:x", "", '<item id="3"/>'), ALICE, BOB) == ("item-not-found", "cancel")
    assert await world.refused(items("urn:nothing"), ALICE, BOB) == ("item-not-found", "cancel")


async def test_an_item_without_id_gets_one(world: World) -> None:
    pubsub = '<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="urn:x"><item/></publish></pubsub>'
    reply = (await world.ask(pubsub, None, ALICE, "set")).payload
    assert reply is not None
    assert await published(world, "urn:x") == [reply[0][0].get("id")]


async def test_only_the_newest_items_are_kept(world: World) -> None:
    for number in range(15):
        await world.ask(publish("urn:x", str(number), ""), ALICE, ALICE, "set")
    assert await published(world, "urn:x", 'max_items="100"') == [str(number) for number in range(5, 15)]


async def test_whitelisted_items_are_for_their_owner(world: World) -> None:
    form = (
        '<publish-options><x xmlns="jabber:x:data" type="submit"><field var="pubsub#access_model"><value>whitelist</value></field>'
        "</x></publish-options>"
    )
    await world.ask(publish("urn:xmpp:bookmarks:1", "a", "", form), ALICE, ALICE, "set")
    await world.ask(publish("urn:xmpp:bookmarks:1", "b", ""), ALICE, ALICE, "set")
    assert await published(world, "urn:xmpp:bookmarks:1", sender=ALICE) == ["a", "b"]
    assert await world.refused(items("urn:xmpp:bookmarks:1"), ALICE, BOB) == ("item-not-found", "cancel")


@pytest.mark.parametrize(
    ("payload", "type", "condition"),
    [
        ('<pubsub xmlns="http://jabber.org/protocol/pubsub"/>', "get", "feature-not-implemented"),
        ('<pubsub xmlns="http://jabber.org/protocol/pubsub"/>', "set", "feature-not-implemented"),
        ('<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="urn:x"/></pubsub>', "set", "bad-request"),
        ('<pubsub xmlns="http://jabber.org/protocol/pubsub"><retract node="urn:x"/></pubsub>', "set", "bad-request"),
        (publish("", "1", ""), "set", "bad-request"),
        (publish("urn:x", "1", "<a/><b/>"), "set", "bad-request"),
        (items(""), "get", "bad-request"),
        (items("urn:x", 'max_items="0"'), "get", "bad-request"),
        (items("urn:x", 'max_items="many"'), "get", "bad-request"),
        (items("urn:x", "", '<item id="a"/>' * 1001), "get", "bad-request"),
    ],
)
async def test_malformed_pubsub_is_refused(world: World, payload: str, type: str, condition: str) -> None:
    assert (await world.refused(payload, ALICE, ALICE, type))[0] == condition


async def test_a_user_tells_what_he_is(world: World) -> None:
    info = (await world.ask('<query xmlns="http://jabber.org/protocol/disco#info"/>', ALICE, BOB)).payload
    assert info is not None
    assert [child.get("type") for child in info][:2] == ["registered", "pep"]
    assert {"vcard-temp", "http://jabber.org/protocol/pubsub#publish"} <= {child.get("var") for child in info}


async def test_avatars_are_set_and_found_in_each_place(world: World) -> None:
    avatars = world.service.avatars
    assert await avatars.get(ALICE) is None
    await world.ask('<vCard xmlns="vcard-temp"><FN>Alice</FN></vCard>', ALICE, ALICE, "set")
    await avatars.set(ALICE, PNG)
    for source in (None, "avatar", "vcard-temp"):
        found = await avatars.get(ALICE, source)
        assert found is not None
        assert (found.data, found.content_type) == (PNG, "image/png")
    assert await avatars.get(ALICE, "vcard4") is None
    card = (await world.ask(VCARD, ALICE, BOB)).payload
    assert card is not None
    assert card.findtext("{vcard-temp}FN") == "Alice"
    assert await avatars.get("nobody@example.org") is None


async def test_a_status_is_shown_and_taken_back(world: World) -> None:
    jid = ALICE.with_resource("tigrest")
    for show in ("xa", "dnd"):
        assert (await world.service.set_status(UserStatus(jid, show=show, status="On the phone"))).success
    assert (await world.service.set_status(UserStatus(jid, available=False))).success
    again = await world.service.set_status(UserStatus(jid, available=False))
    assert (again.success, again.reason) == (False, "alice@example.org/tigrest is not online")


@pytest.mark.parametrize("available", [True, False])
async def test_a_status_needs_an_account(world: World, available: bool) -> None:
    outcome = await world.service.set_status(UserStatus(JID("nobody@example.org/x"), available=available))
    assert (outcome.success, outcome.reason) == (False, "there is no account nobody@example.org")


async def test_messages_wait_for_their_reader(world: World) -> None:
    await world.service.send(f'<message to="{ALICE}" type="chat"><body>one</body></message>')
    await world.service.send(f'<message to="{ALICE}/phone" from="{BOB}/x"><body>&lt;two&gt;</body></message>')
    rows = await offline(world)
    assert [(row["from"], row["type"], row["body"]) for row in rows] == [
        ("http.example.org", "chat", "one"),
        ("bob@example.org/x", "normal", "<two>"),
    ]
    assert all(row["stamp"].endswith("Z") for row in rows)


async def test_messages_that_are_not_to_be_kept_are_dropped(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "tigrest")
    for kind in ("headline", "groupchat", "error"):
        await world.service.send(f'<message to="{ALICE}" type="{kind}"><body>my secret</body></message>')
    await world.service.send(f'<message to="{ALICE}" type="chat"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>')
    for to in ("nobody@example.org", "example.org", "sess-man@example.org", "a@elsewhere.net", "http.example.org"):
        await world.service.send(f'<message to="{to}" type="chat"><body>my secret</body></message>')
    assert await offline(world) == []
    assert "my secret" not in caplog.text
    assert "nobody@example.org bounced: service-unavailable" in caplog.text


async def test_a_message_with_a_text_is_kept_without_a_tree_of_it(world: World) -> None:
    message = Stanza("message", {"from": BOB, "to": ALICE}, "", b"><body>&amp;</body></message>")
    await world.domain.send(message)
    assert "xml" not in vars(message)
    assert [row["body"] for row in await offline(world)] == ["&"]


async def test_a_full_store_refuses_what_is_new(passwords: Passwords, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "tigrest")
    async with running(passwords, EmbeddedLimits(messages=3)) as world:
        for number in range(5):
            await world.service.send(f'<message to="{ALICE}"><body>{number}</body></message>')
        assert [row["body"] for row in await offline(world)] == ["0", "1", "2"]
    assert caplog.text.count("resource-constraint") == 2


async def test_many_at_once_do_not_disturb_each_other(world: World) -> None:
    async def one(number: int) -> None:
        await world.ask(publish("urn:x", str(number % 10), f'<n xmlns="urn:n">{number}</n>'), ALICE, ALICE, "set")
        await world.refused(publish("urn:x", "1", ""), "nobody@example.org", ADMIN, "set")
        await world.service.send(f'<message to="{ALICE}"><body>{number}</body></message>')

    await asyncio.gather(*[one(number) for number in range(50)])
    assert sorted(await published(world, "urn:x")) == [str(number) for number in range(10)]
    assert len(await offline(world)) == 50


async def test_a_form_in_a_card_stays_as_it_is(world: World) -> None:
    form = '<x xmlns="jabber:x:data" type="result"><field var="a"><value>&amp;é❗</value></field></x>'
    await world.ask(publish("urn:x", "1", form), ALICE, ALICE, "set")
    reply = (await world.ask(items("urn:x"), ALICE, BOB)).xml
    element = next(reply.iter("{jabber:x:data}x"))
    assert DataForm.of(element).value("a") == "&é❗"
