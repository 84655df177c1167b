"""The domain as a back end: routing, errors, life cycle."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.backends.embedded.world import ACCOUNTS, ADMIN, ALICE, BOB, DOMAIN, GATEWAY, SESS_MAN, World
from tigrest.backends.backend import Backend
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.backends.embedded.settings import EmbeddedSettings
from tigrest.errors import ConfigError, InvalidStanza, NotConnected, StanzaTimeout
from tigrest.passwords import Passwords
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import Activity, UserStatus
from tigrest.xmpp.stanza import Stanza

PING = '<ping xmlns="urn:xmpp:ping"/>'
INFO = '<query xmlns="http://jabber.org/protocol/disco#info"/>'
ITEMS = '<query xmlns="http://jabber.org/protocol/disco#items"/>'
VCARD = '<vCard xmlns="vcard-temp"/>'


def domain_of(database: Database, passwords: Passwords, accounts: Mapping[JID, str] = MappingProxyType({}), *admins: JID) -> EmbeddedDomain:
    settings = EmbeddedSettings(jid=GATEWAY, domain=DOMAIN, accounts=accounts)
    return EmbeddedDomain(settings, administers=frozenset(admins).__contains__, database=database, passwords=passwords)


def test_the_domain_is_a_backend(world: World) -> None:
    backend: Backend = world.domain
    assert (backend.connected, backend.jid, backend.domain) == (True, GATEWAY, DOMAIN)


async def test_the_domain_answers_ping_version_and_uptime(world: World) -> None:
    assert (await world.ask(PING)).type == "result"
    version = (await world.ask('<query xmlns="jabber:iq:version"/>')).payload
    assert version is not None
    assert version.findtext("{jabber:iq:version}name") == "tigrest"
    assert version.findtext("{jabber:iq:version}version")
    last = (await world.ask('<query xmlns="jabber:iq:last"/>')).payload
    assert last is not None
    assert int(last.get("seconds", "-1")) >= 0


async def test_the_domain_tells_what_it_is_and_what_belongs_to_it(world: World) -> None:
    info = (await world.ask(INFO)).payload
    assert info is not None
    assert {child.get("var") for child in info} >= {"urn:xmpp:ping", "jabber:iq:version", "http://jabber.org/protocol/commands"}
    assert ("server", "im") in {(child.get("category"), child.get("type")) for child in info}
    items = (await world.ask(ITEMS)).payload
    assert items is not None
    assert [child.get("jid") for child in items] == ["sess-man@example.org", "vhost-man@example.org", "rooms.example.org"]


async def test_a_command_tells_what_it_is(world: World) -> None:
    info = (await world.ask('<query xmlns="http://jabber.org/protocol/disco#info" node="add-script"/>', SESS_MAN)).payload
    assert info is not None
    assert info[0].attrib == {"category": "automation", "type": "command-node", "name": "New command script"}
    unknown = '<query xmlns="http://jabber.org/protocol/disco#info" node="nonsense"/>'
    assert await world.refused(unknown, SESS_MAN) == ("item-not-found", "cancel")


@pytest.mark.parametrize(
    ("to", "payload", "condition"),
    [
        ("elsewhere.net", PING, "remote-server-not-found"),
        ("alice@elsewhere.net", PING, "remote-server-not-found"),
        ("nobody@example.org", INFO, "service-unavailable"),
        ("nobody@example.org", VCARD, "service-unavailable"),
        ("alice@example.org/phone", VCARD, "service-unavailable"),
        ("alice@example.org", '<query xmlns="jabber:iq:roster"/>', "service-unavailable"),
        ("example.org", '<unknown xmlns="urn:x"/>', "service-unavailable"),
        ("http.example.org", VCARD, "service-unavailable"),
        ("a@b@c", PING, "jid-malformed"),
    ],
)
async def test_what_cannot_be_answered_gets_the_prescribed_error(world: World, to: str, payload: str, condition: str) -> None:
    assert (await world.refused(payload, to))[0] == condition


async def test_our_own_address_answers_ping_and_tells_what_it_is(world: World) -> None:
    assert (await world.ask(PING, GATEWAY, ALICE)).type == "result"
    info = (await world.ask(INFO, f"{GATEWAY}/any", ALICE)).payload
    assert info is not None
    assert info[0].get("category") == "gateway"
    assert (await world.refused(INFO, "any@http.example.org", ALICE))[0] == "service-unavailable"


async def test_an_iq_without_to_is_for_the_senders_account_or_the_server(world: World) -> None:
    assert (await world.ask(VCARD, None, ALICE)).type == "result"
    assert (await world.ask('<query xmlns="jabber:iq:version"/>', None)).type == "result"


async def test_a_reply_to_a_malformed_address_has_a_sound_sender(world: World) -> None:
    assert (await world.ask(PING, "@")).sender == DOMAIN


async def test_what_nobody_expected_is_an_internal_error_with_a_traceback_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture, passwords: Passwords
) -> None:
    database = Database(":memory:")
    domain = domain_of(database, passwords)
    await domain.start()
    await database.stop()
    reply = await domain.request(Stanza.parse(f'<iq type="get" from="{GATEWAY}" to="{ALICE}" id="1">{VCARD}</iq>'), 5)
    await domain.stop()
    assert reply.error is not None
    assert reply.error.condition == "internal-server-error"
    assert [record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR] == [True]


async def test_replies_and_presence_are_taken_and_dropped(world: World) -> None:
    for stanza in (
        f'<iq type="result" id="1" from="{GATEWAY}" to="{ALICE}"/>',
        f'<presence from="{GATEWAY}" to="{ALICE}"/>',
        f'<iq type="get" id="1" from="{GATEWAY}" to="nobody@example.org">{VCARD}</iq>',
    ):
        await world.domain.send(Stanza.parse(stanza))
    with pytest.raises(InvalidStanza):
        await world.domain.request(Stanza.parse(f'<iq type="result" id="1" from="{GATEWAY}" to="{ALICE}"/>'), 5)


async def test_a_stanza_without_sender_is_refused(world: World) -> None:
    reply = await world.domain.request(Stanza.parse(f'<iq type="get" id="1" to="{DOMAIN}">{PING}</iq>'), 5)
    assert reply.error is not None
    assert reply.error.condition == "bad-request"


async def test_a_request_has_a_time_limit_and_goes_on_without_the_asker(world: World) -> None:
    publish = f'<iq type="set" from="{ALICE}" to="{ALICE}" id="1"><vCard xmlns="vcard-temp"><FN>A</FN></vCard></iq>'
    with pytest.raises(StanzaTimeout):
        await world.domain.request(Stanza.parse(publish), 0)
    card = None
    for _ in range(100):
        card = (await world.ask(VCARD, ALICE)).payload
        if card is not None and len(card):
            break
        await asyncio.sleep(0.01)
    assert card is not None
    assert card.findtext("{vcard-temp}FN") == "A"


async def test_an_asker_that_is_cancelled_does_no_harm_to_the_database(world: World) -> None:
    for _ in range(20):
        task = asyncio.create_task(world.service.users.exists(ALICE))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await world.service.users.exists(ALICE)


async def test_nothing_works_before_the_start_and_after_the_stop(passwords: Passwords) -> None:
    database = Database(":memory:")
    domain = domain_of(database, passwords)
    ping = Stanza.parse(f'<iq type="get" from="{GATEWAY}" to="{DOMAIN}" id="1">{PING}</iq>')
    assert not domain.connected
    with pytest.raises(NotConnected):
        await domain.request(ping, 5)
    await domain.start()
    assert domain.created
    await domain.stop()
    await domain.stop()
    with pytest.raises(NotConnected):
        await domain.send(ping)
    with pytest.raises(NotConnected):
        await domain.check_credentials(ALICE, "x")
    await database.stop()


async def test_a_stop_ends_waiting_requests(world: World) -> None:
    script = "{% for i in range(90000) %}{% for j in range(30) %}{% endfor %}{% endfor %}done"
    await world.run(SESS_MAN, "add-script", {"Command id": "slow", "Script text": script, "command-marker": "command-marker"})
    waiting = asyncio.create_task(world.run(SESS_MAN, "slow"))
    await asyncio.sleep(0.05)
    await world.domain.stop()
    with pytest.raises(NotConnected):
        await waiting


@pytest.mark.parametrize("jid", ["alice@elsewhere.net", "sess-man@example.org", "example.org"])
async def test_a_configured_account_must_be_one_of_the_domain(passwords: Passwords, jid: str) -> None:
    database = Database(":memory:")
    domain = domain_of(database, passwords, {JID(jid): "x"})
    with pytest.raises(ConfigError, match=jid):
        await domain.start()
    await database.stop()


async def test_state_survives_a_restart(tmp_path: Path, passwords: Passwords) -> None:
    file = tmp_path / "state" / "tigrest.sqlite3"
    database = Database(file)
    first = domain_of(database, passwords, ACCOUNTS, ADMIN)
    await first.start()
    assert first.created
    world = World(first, None)  # type: ignore[arg-type]
    await first.users.add(JID("carol@example.org"), "carol-secret")
    await first.users.set_password(BOB, "changed")
    await first.set_presence(UserStatus(ALICE.with_resource("phone"), activity=Activity("talking", "on_the_phone")))
    await world.ask('<vCard xmlns="vcard-temp"><FN>Alice</FN></vCard>', ALICE, ALICE, "set")
    await first.send(Stanza.parse(f'<message from="{BOB}" to="{ALICE}" type="chat"><body>hi</body></message>'))
    await first.stop()
    await database.stop()

    database = Database(file)
    second = domain_of(database, passwords, {ALICE: "new-secret", BOB: "changed"}, ADMIN)
    await second.start()
    world = World(second, None)  # type: ignore[arg-type]
    assert not second.created
    assert await second.users.list() == sorted([*ACCOUNTS, JID("carol@example.org")])
    assert await second.check_credentials(JID("carol@example.org"), "carol-secret")
    assert await second.check_credentials(BOB, "changed")
    assert await second.check_credentials(ALICE, "new-secret")
    assert not await second.check_credentials(ALICE, "alice-secret")
    card = (await world.ask(VCARD, ALICE, BOB)).payload
    assert card is not None
    assert card.findtext("{vcard-temp}FN") == "Alice"
    assert (await second.set_presence(UserStatus(ALICE.with_resource("phone"), available=False))).success
    await second.stop()
    await database.stop()


async def test_what_accounts_do_not_answer_is_told_before_it_is_tried(world: World) -> None:
    assert world.service.delegation_trouble("set", "vcard-temp") == ""
    for type, namespace in (("get", "jabber:iq:last"), ("set", "jabber:iq:roster"), ("set", "http://jabber.org/protocol/disco#info")):
        assert world.service.delegation_trouble(type, namespace).startswith("example.org has no")
        reply = await world.service.request_as(ALICE, f"<iq type='{type}' id='i'><query xmlns='{namespace}'/></iq>")
        assert reply.type == "error"
