"""Who may do what, decided without sending anything."""

from __future__ import annotations

import pytest

from tigrest.auth.principal import ADMIN, USER, Principal
from tigrest.errors import NotPermitted, SenderNotAllowed
from tigrest.service import Addresses, Policy
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

US, DOMAIN = JID("http.example.org"), JID("example.org")
ALICE, ROOT = Principal(JID("alice@example.org"), USER), Principal(JID("root@example.org"), ADMIN)
ROBOT = Principal(JID("robot@elsewhere.net"), USER)
HOOK = Principal(None, via="webhook")
MINE = "alice@http.example.org"

STRICT = Policy(Addresses(US, DOMAIN), admins=frozenset({JID("root@example.org")}))
TRUSTED = Policy(Addresses(US, DOMAIN, send_as="user", adhoc_as="user"), admins=frozenset({JID("root@example.org")}))

PING = "<ping xmlns='urn:xmpp:ping'/>"
COMMAND = "<command xmlns='http://jabber.org/protocol/commands' node='x'/>"
COMMANDS = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
PRIVILEGE = "<privilege xmlns='urn:xmpp:privilege:2'/>"


def query(namespace: str) -> str:
    return f"<query xmlns='{namespace}'/>"


def rule(stanza: str, principal: Principal = ALICE, policy: Policy = STRICT, sender: str = MINE) -> str:
    """Name of the rule that refuses a stanza; empty when it is allowed."""
    decision = policy.allowed(principal, "send", Stanza.parse(stanza).with_(sender=sender))
    assert bool(decision.reason) is not decision.allowed
    return "" if decision.allowed else decision.rule


@pytest.mark.parametrize(
    ("to", "type", "payload", "refused"),
    [
        ("example.org", "get", PING, ""),
        ("EXAMPLE.org.", "get", query("jabber:iq:version"), ""),
        ("example.org/x", "get", query("http://jabber.org/protocol/disco#info"), ""),
        ("example.org", "get", query("jabber:iq:roster"), "account"),
        ("example.org", "get", query("jabber:iq:register"), "account"),
        ("example.org", "set", query("jabber:iq:register"), "account"),
        ("example.org", "get", query("urn:example"), "public"),
        ("example.org", "set", PING, "set"),
        ("example.org", "get", COMMANDS, "commands"),
        ("example.org", "set", COMMAND, "commands"),
        ("sess-man@example.org", "set", COMMAND, "commands"),
        ("sess-man@example.org/x", "set", COMMAND, "commands"),
        ("rooms.example.org", "set", COMMAND, "commands"),
        ("elsewhere.net", "set", COMMAND, "commands"),
        ("alice@example.org", "set", COMMAND, "commands"),
        ("bob@example.org", "set", COMMAND, "commands"),
        ("bob@example.org/bot", "set", COMMAND, ""),
        ("bob@example.org/bot", "get", COMMANDS, ""),
        ("bob@example.org", "get", query("vcard-temp"), ""),
        ("bob@example.org", "get", query("http://jabber.org/protocol/pubsub"), ""),
        ("bob@example.org", "get", query("http://jabber.org/protocol/pubsub#owner"), "public"),
        ("bob@example.org", "set", query("vcard-temp"), "set"),
        ("bob@example.org", "set", query("http://jabber.org/protocol/pubsub"), "set"),
        ("bob@example.org", "set", query("urn:xmpp:mam:2"), "set"),
        ("bob@example.org", "get", query("jabber:iq:roster"), "account"),
        ("bob@example.org/phone", "set", query("jabber:iq:roster"), "account"),
        ("bob@elsewhere.net", "set", query("jabber:iq:privacy"), "account"),
        ("gateway.elsewhere.net", "set", query("jabber:iq:register"), ""),
        ("bob@example.org/bot", "set", query("urn:example"), ""),
        ("alice@example.org", "get", query("jabber:iq:roster"), ""),
        ("ALICE@example.org", "set", query("vcard-temp"), ""),
        ("room@rooms.example.org", "set", query("http://jabber.org/protocol/muc#admin"), ""),
        ("bob@elsewhere.net", "set", query("urn:example"), ""),
    ],
)
def test_iqs_of_users(to: str, type: str, payload: str, refused: str) -> None:
    iq = f"<iq to='{to}' type='{type}'>{payload}</iq>"
    assert rule(iq) == refused
    assert rule(iq, ROOT, sender=US) == ""


@pytest.mark.parametrize(
    ("stanza", "refused"),
    [
        ("<message to='bob@example.org'><body>hi</body></message>", ""),
        ("<message to='bob@elsewhere.net/x'><body>hi</body></message>", ""),
        ("<message to='http.example.org'><body>hi</body></message>", ""),
        ("<message to='example.org'><body>hi</body></message>", "domain"),
        ("<message to='example.org/announce/online'><body>hi</body></message>", "domain"),
        ("<message to='other.org/announce/all'><body>hi</body></message>", "announcement"),
        ("<message to='other.org/motd'><body>hi</body></message>", "announcement"),
        ("<presence to='example.org'/>", "domain"),
        ("<presence to='bob@example.org' type='subscribe'/>", ""),
        (f"<message to='bob@example.org'>{PRIVILEGE}</message>", "privilege"),
        ("<message to='bob@example.org'><x xmlns='urn:x'><p:y xmlns:p='urn:xmpp&#58;privilege:1'/></x></message>", "privilege"),
        ("<message xmlns:p='urn:xmpp:delegation:2' to='bob@example.org'><p:y/></message>", "privilege"),
        ("<message to='bob@example.org'><body>urn:xmpp:privilege:2 &#58; is a namespace</body></message>", ""),
        ("<iq type='set' to='bob@example.org/x'><privileged_iq xmlns='urn:xmpp:privilege:2'/></iq>", "privilege"),
        ("<iq type='result' to='bob@example.org/x'/>", "reply"),
        ("<message><body>hi</body></message>", "sender"),
    ],
)
def test_messages_and_presence_of_users(stanza: str, refused: str) -> None:
    assert rule(stanza) == refused


@pytest.mark.parametrize(
    ("sender", "principal", "policy", "may"),
    [
        (MINE, ALICE, STRICT, True),
        (f"{MINE}/x", ALICE, STRICT, True),
        ("ALICE@HTTP.example.org.", ALICE, STRICT, True),
        ("alice@example.org", ALICE, STRICT, False),
        ("alice@example.org/x", ALICE, TRUSTED, True),
        ("bob@example.org", ALICE, TRUSTED, False),
        ("bob@http.example.org", ALICE, TRUSTED, False),
        ("http.example.org", ALICE, TRUSTED, False),
        ("robot@elsewhere.net", ROBOT, TRUSTED, False),
        (r"robot\40elsewhere.net@http.example.org", ROBOT, STRICT, True),
        ("http.example.org", ROOT, STRICT, True),
        ("bob@http.example.org", ROOT, STRICT, True),
        ("bob@example.org", ROOT, STRICT, False),
        ("bob@example.org", ROOT, TRUSTED, True),
        ("shop@http.example.org", HOOK, STRICT, True),
        ("alice@example.org", HOOK, TRUSTED, False),
        (MINE, Principal(None, via="key", name="ci"), STRICT, False),
    ],
)
def test_who_may_send_as_whom(sender: str, principal: Principal, policy: Policy, may: bool) -> None:
    stanza = Stanza.parse("<message to='bob@example.org'><body>hi</body></message>").with_(sender=sender)
    assert policy.allowed(principal, "send", stanza).allowed is may
    if not may:
        with pytest.raises(SenderNotAllowed, match="from"):
            policy.require(principal, "send", stanza)


def test_where_the_server_authorises_users_commands_go_out_from_themselves() -> None:
    command = f"<iq to='example.org' type='set'>{COMMAND}</iq>"
    assert rule(command, policy=TRUSTED, sender="alice@example.org") == ""
    assert rule(command, policy=TRUSTED, sender=MINE) == "commands"
    bot = JID("bob@example.org/bot")
    assert TRUSTED.addresses.commander_for(ALICE, DOMAIN) == TRUSTED.addresses.sender_for(ALICE, "iq", DOMAIN) == "alice@example.org"
    assert (
        TRUSTED.addresses.commander_for(ALICE, bot) == TRUSTED.addresses.sender_for(ALICE, "iq", bot) == MINE
    )  # whose reply would not come to us
    assert TRUSTED.addresses.sender_for(ALICE, "message", bot) == "alice@example.org"
    assert TRUSTED.addresses.commander_for(ROOT, DOMAIN) == "root@example.org"
    assert TRUSTED.addresses.commander_for(ROBOT, DOMAIN) == r"robot\40elsewhere.net@http.example.org"
    assert (STRICT.addresses.commander_for(ALICE, bot), STRICT.addresses.commander_for(ROOT, DOMAIN)) == (MINE, US)


@pytest.mark.parametrize(
    ("principal", "policy", "to", "may"),
    [
        (ALICE, STRICT, "example.org", False),
        (ALICE, STRICT, "bob@example.org", False),
        (ALICE, STRICT, "bob@example.org/bot", True),
        (ALICE, STRICT, "vhost-man@example.org/bot", False),
        (ALICE, TRUSTED, "example.org", True),
        (ROBOT, TRUSTED, "example.org", False),
        (ROOT, STRICT, "example.org", True),
    ],
)
def test_who_may_run_whose_commands(principal: Principal, policy: Policy, to: str, may: bool) -> None:
    assert policy.allowed(principal, "command", JID(to)).allowed is may


def test_replies_of_webhooks_are_bounded_too() -> None:
    assert rule("<iq to='bob@example.org/x' type='result'/>", HOOK, sender="shop@http.example.org") == ""
    assert rule("<message to='bob@example.org/x'><body>hi</body></message>", HOOK, sender="shop@http.example.org") == ""
    assert rule(f"<message to='bob@example.org'>{PRIVILEGE}</message>", HOOK, sender=US) == "privilege"
    assert rule("<message to='example.org/announce/all'><body>hi</body></message>", HOOK, sender=US) == "domain"


def test_whom_one_may_act_for_and_whose_events_one_may_read() -> None:
    assert STRICT.allowed(ALICE, "act_as", JID("alice@example.org/x")).allowed
    assert not STRICT.allowed(ALICE, "act_as", JID("bob@example.org")).allowed
    assert STRICT.allowed(ROOT, "act_as", JID("bob@example.org")).allowed
    assert STRICT.allowed(ALICE, "listen", JID(MINE)).allowed
    assert not STRICT.allowed(ALICE, "listen", None).allowed
    assert not STRICT.allowed(ALICE, "listen", JID("bob@http.example.org")).allowed
    assert STRICT.allowed(ROOT, "listen", None).allowed
    with pytest.raises(NotPermitted, match="himself"):
        STRICT.require(ALICE, "act_as", JID("bob@example.org"))


def test_only_the_exact_address_of_the_gateway_administers() -> None:
    assert STRICT.administers(US)
    assert STRICT.administers(JID("root@example.org/x"))
    assert not STRICT.administers(JID(MINE))
    assert not STRICT.administers(JID("example.org"))


@pytest.mark.parametrize(
    ("user", "address"),
    [
        ("alice@example.org", "alice@http.example.org"),
        ("alice@example.org/desk", "alice@http.example.org"),
        ("ü@example.org", "ü@http.example.org"),
        (r"d\27artagnan@example.org", r"d\27artagnan@http.example.org"),
        ("robot@elsewhere.org", r"robot\40elsewhere.org@http.example.org"),
        (r"d\27artagnan@elsewhere.org", r"d\5c27artagnan\40elsewhere.org@http.example.org"),
        ("elsewhere.org", r"\40elsewhere.org@http.example.org"),
        ("example.org", r"\40example.org@http.example.org"),
        ("alice@http.example.org", r"alice\40http.example.org@http.example.org"),
    ],
)
def test_every_user_has_an_address_of_ours(user: str, address: str) -> None:
    assert STRICT.addresses.address_of(JID(user)) == address


ENDPOINT = "user-status-endpoint@http.example.org"


@pytest.mark.parametrize("sender", [ENDPOINT, f"{ENDPOINT}/x", "USER-STATUS-endpoint@HTTP.example.org"])
@pytest.mark.parametrize("principal", [ALICE, ROOT, ROBOT, HOOK, Principal(JID("user-status-endpoint@example.org"), USER)])
def test_nobody_sends_from_the_address_that_tigase_believes(sender: str, principal: Principal) -> None:
    for policy in (STRICT, TRUSTED):
        for stanza in ("<message to='bob@example.org'/>", f"<iq type='set' to='sess-man@example.org'>{COMMAND}</iq>"):
            assert rule(stanza, principal, policy, JID(sender)) == "sender"


@pytest.mark.parametrize("sender", ["room-owner@http.example.org", "Room-Owner@HTTP.example.org/commands"])
@pytest.mark.parametrize("principal", [ALICE, ROBOT, HOOK, *(Principal(JID(f"room-owner@{each}"), USER) for each in (DOMAIN, US))])
def test_no_user_sends_from_the_address_that_owns_rooms(sender: str, principal: Principal) -> None:
    for policy in (STRICT, TRUSTED):
        for stanza in ("<message to='hall@rooms.example.org'/>", "<iq type='set' to='hall@rooms.example.org'><x xmlns='urn:x'/></iq>"):
            assert rule(stanza, principal, policy, JID(sender)) == "sender"


def test_a_webhook_answers_in_rooms_that_the_gateway_owns_and_does_no_more_there() -> None:
    ours = "room-owner@http.example.org/rooms:tigrest"
    for said, refused in (
        ("<message to='hall@rooms.example.org' type='groupchat'/>", ""),
        ("<message to='hall@rooms.example.org/bob' type='chat'/>", ""),
        ("<message to='hall@rooms.example.org' type='chat'/>", "sender"),
        ("<message to='hall@rooms.example.org'/>", "sender"),
        ("<presence to='hall@rooms.example.org/x' type='unavailable'/>", "sender"),
        ("<iq to='hall@rooms.example.org' type='set'><x xmlns='urn:x'/></iq>", "sender"),
    ):
        assert rule(said, HOOK, sender=ours) == refused, said
    assert rule("<message to='hall@rooms.example.org' type='groupchat'/>", ALICE, sender=ours) == "sender"


def test_admins_may_send_from_the_address_that_owns_rooms() -> None:
    assert STRICT.addresses.room_owner == "room-owner@http.example.org"
    assert rule("<message to='hall@rooms.example.org'/>", ROOT, sender=STRICT.addresses.room_owner) == ""


@pytest.mark.parametrize("local", ["user-status-endpoint", "room-owner"])
def test_an_account_of_a_reserved_name_gets_another_address(local: str) -> None:
    assert STRICT.addresses.address_of(JID(f"{local}@example.org")) == rf"{local}\40example.org@http.example.org"


def test_the_address_that_tigase_believes_is_reserved() -> None:
    assert "reserved" in STRICT.cure_for(JID(ENDPOINT))
    assert not STRICT.addresses.may_send_from(JID(ENDPOINT))
