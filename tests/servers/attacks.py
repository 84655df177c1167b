"""What a plain user may not do, and what he may: the tables of ``docs/security.md``, as requests.

``alice`` is no admin. Every request of an attack has to be refused with a reason, and nothing may have happened; every permitted
request has to go through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import quote

from tests.servers.curl import JSON, XML, Request, at, form, get, in_json, text, xml
from tests.servers.site import AS_USERS, COMMANDS, DEVICES, EVE, SITES

ADMIN_NODE = "http://jabber.org/protocol/admin#"
FORWARD, PRIVILEGE, PUBSUB = "urn:xmpp:forward:0", "urn:xmpp:privilege:2", "http://jabber.org/protocol/pubsub"
CLIENT = "jabber:client"
INFO, ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"

REFUSED = frozenset({403})
NOT_POSSIBLE = frozenset({400, 403, 404, 405, 415, 422})
"""Where there is no such way in at all, or what is sent is no stanza."""

NOT_GRANTED = frozenset(
    {
        "forbidden",
        "not-allowed",
        "not-authorized",
        "service-unavailable",
        "item-not-found",
        "feature-not-implemented",
        "remote-server-not-found",
    }
)
"""Conditions by which the server itself refuses a command of a user."""

AS_GATEWAY = tuple(site for site in SITES if site != "prosody-as-users")
"""The sites where commands are refused, or the replies to iqs from users' addresses come back to the gateway."""

SPELLINGS = ("bob@localhost", "BOB@localhost", "bob@LOCALHOST", "bob@localhost.", "Ｂob@localhost", "bob@ｌocalhost", "bob@localhost")
"""Ways to write bob's address."""

DOMAINS = ("localhost", "LOCALHOST", "localhost.", "ｌocalhost", "localhost/x", "localhost/announce/online", "LocalHost/Announce/Online")
"""Ways to write the served domain's."""


@dataclass(frozen=True)
class Attack:
    """What is tried.

    Args:
        name: as ``docs/security.md`` has it.
        requests: ways to do it.
        statuses: how each is refused.
        sites: where it is tried.
        by_server: sites where the server may refuse it itself, by an error stanza.
    """

    name: str
    requests: tuple[Request, ...]
    statuses: frozenset[int] = REFUSED
    sites: tuple[str, ...] = AS_GATEWAY
    by_server: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Use:
    """What a plain user does every day.

    Args:
        name: as ``docs/security.md`` has it.
        requests: ways to do it.
        statuses: how each is answered.
        sites: where it is tried.
        got: texts that bob must have got afterwards.
        results: whether the answer is the result of an iq, and no error.
    """

    name: str
    requests: tuple[Request, ...]
    statuses: frozenset[int] = frozenset({200, 202})
    sites: tuple[str, ...] = SITES
    got: tuple[str, ...] = field(default=())
    results: bool = False


# Stanzas


def iq(payload: str, to: str = "bob@localhost", type: str = "set", sender: str = "") -> str:
    """Write an iq; its ``from`` only if one is given."""
    given = f" from='{sender}'" if sender else ""
    return f"<iq type='{type}' id='q'{given} to='{to}'>{payload}</iq>"


def message(payload: str, to: str = "localhost", sender: str = "", type: str = "normal") -> str:
    """Write a message; its ``from`` only if one is given."""
    given = f" from='{sender}'" if sender else ""
    return f"<message type='{type}'{given} to='{to}'>{payload}</message>"


def from_everywhere(payload: str, to: str = "bob@localhost", type: str = "set") -> tuple[Request, ...]:
    """Return the requests that send an iq from each address that is alice's own."""
    return tuple(xml(iq(payload, to, type, sender)) for sender in ("", "alice@http.localhost/x", "alice@localhost"))


def privilege(inner: str, namespace: str = PRIVILEGE) -> str:
    """Write a message in somebody's name. XEP-0356 §5"""
    return f"<privilege xmlns='{namespace}'><forwarded xmlns='{FORWARD}'>{inner}</forwarded></privilege>"


def privileged_iq(payload: str, type: str = "set", namespace: str = PRIVILEGE, owner: str = "bob@localhost") -> str:
    """Write an iq in somebody's name. XEP-0356 §6"""
    return f"<privileged_iq xmlns='{namespace}'><iq xmlns='{CLIENT}' type='{type}' id='p' to='{owner}'>{payload}</iq></privileged_iq>"


def forged(words: str = "forged") -> str:
    """Write a message from the admin to bob that the admin has not written."""
    return f"<message xmlns='{CLIENT}' type='chat' from='admin@localhost' to='bob@localhost'><body>{words}</body></message>"


def command(node: str, values: Mapping[str, str] = MappingProxyType({})) -> str:
    """Write a command with its form filled in."""
    fields = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in values.items())
    whole = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>" if values else ""
    return f"<command xmlns='{COMMANDS}' node='{node}'>{whole}</command>"


ROSTER = "<query xmlns='jabber:iq:roster'/>"
ROSTER_SET = "<query xmlns='jabber:iq:roster'><item jid='mallory@localhost' name='a friend' subscription='both'/></query>"
VCARD = "<vCard xmlns='vcard-temp'><FN>Hacked</FN></vCard>"
VCARD4 = "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Hacked</text></fn></vcard>"
DEVICE_LIST = (
    f"<pubsub xmlns='{PUBSUB}'><publish node='{DEVICES}'><item id='current'>"
    "<list xmlns='eu.siacs.conversations.axolotl'><device id='666'/></list></item></publish></pubsub>"
)
PRIVATE = "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>hacked</x></query>"
NEW_PASSWORD = "<query xmlns='jabber:iq:register'><username>bob</username><password>mine</password></query>"
PRIVACY = "<query xmlns='jabber:iq:privacy'><list name='l'><item action='deny' order='1'/></list></query>"
BLOCK = "<block xmlns='urn:xmpp:blocking'><item jid='admin@localhost'/></block>"
ARCHIVE = "<query xmlns='urn:xmpp:mam:2'/>"

CHANGE_PASSWORD = {"accountjid": "admin@localhost", "password": "mine"}
ADD_USER = {"accountjid": "mallory@localhost", "password": "mine", "password-verify": "mine"}
VHOST = {"Domain name": "evil.example", "command-marker": "command-marker"}
API_KEY = {"Name": "mine", "command-marker": "command-marker"}


def as_fields(values: dict[str, str]) -> list[dict[str, str]]:
    """Return the fields of a form as JSON."""
    return [{"var": var, "value": value} for var, value in values.items()]


def json_command(to: str, node: str, values: dict[str, str]) -> dict[str, object]:
    """Return a command in the JSON of the dialect."""
    filled = {"type": "submit", "fields": as_fields(values)}
    return {"kind": "iq", "type": "set", "to": to, "command": {"node": node, "form": filled}}


def commanding(to: str, node: str, values: dict[str, str]) -> tuple[Request, ...]:
    """Return the requests that send a command, by every way in."""
    stanzas = [
        xml(iq(command(node, values), to, sender=sender), steps=True) for sender in ("", "alice@http.localhost/x", "alice@localhost")
    ]
    return (
        *stanzas,
        in_json(json_command(to, node, values), steps=True),
        in_json(json_command(to, node, values), f"/rest/iq/set/{at(to)}", steps=True),
        in_json(json_command(to, node, values)["command"], f"/rest/iq/command/{at(to)}", steps=True),
        in_json(json_command(to, node, values)["command"], f"/rest/command/{at(to)}", steps=True),
        in_json({"command": {"node": node, "fields": as_fields(values)}}, f"/rest/adhoc/{at(to)}", steps=True),
    )


# Attacks


def _dressed() -> Iterable[Request]:
    """Give privileged payloads in other clothes."""
    for namespace in ("urn:xmpp:privilege:1", "urn:xmpp:privilege:2", "urn:xmpp:privilege:3"):
        yield xml(message(privilege(forged(), namespace)))
    inside = f"<f:forwarded xmlns:f='{FORWARD}'>{forged()}</f:forwarded>"
    yield xml(message(f"<p:privilege xmlns:p='{PRIVILEGE}'>{inside}</p:privilege>"))
    yield xml(f"<message xmlns:p='{PRIVILEGE}' to='localhost'><p:privilege>{inside}</p:privilege></message>")
    yield xml(f"<c:message xmlns:c='{CLIENT}' to='localhost'>{privilege(forged())}</c:message>")
    yield xml(f"<message xmlns='jabber:component:accept' to='localhost'>{privilege(forged())}</message>")
    yield xml(message(privilege(forged(), "urn:xmpp:privilege&#58;2")))
    yield xml(message(privilege(forged(), "urn:xmpp:privilege&#x3a;2")), type="text/xml")
    yield xml(message(privilege(forged())), type="application/xmpp+xml; charset=utf-8")
    yield xml(message("<body>hello</body>" + privilege(forged())))
    yield xml(message(f"<x xmlns='urn:x'><y>{privilege(forged())}</y></x>"))
    yield xml(message(privilege(message(privilege(forged()), sender="bob@localhost"))))
    wrapped = f"<forwarded xmlns='{FORWARD}'>{message(privilege(forged()), sender='bob@localhost')}</forwarded>"
    yield xml(message(wrapped))
    yield xml(message(f"<received xmlns='urn:xmpp:carbons:2'>{wrapped}</received>", "bob@localhost"))
    yield xml(message(f"<result xmlns='urn:xmpp:mam:2' id='1'>{wrapped}</result>", "bob@localhost"))
    for to in ("bob@localhost", "bob@localhost/phone", "http.localhost", "alice@localhost", "rooms.localhost", "elsewhere.example"):
        yield xml(message(privilege(forged()), to))
    yield xml(f"<message>{privilege(forged())}</message>")
    yield xml(f"<presence to='bob@localhost'>{privilege(forged())}</presence>")
    yield xml(iq(privilege(forged()), "localhost"))
    yield xml(iq(privilege(forged()), "localhost", "get"))
    yield xml(message(privilege(forged())), f"/rest/message/normal/{at('bob@localhost')}")
    yield in_json({"to": "localhost", "html": f"<body>{privilege(forged())}</body>"})
    yield in_json(
        {"to": "bob@localhost", "body": "x", "html": f"<body><p>{privileged_iq(VCARD)}</p></body>"}, "/rest/message/chat/localhost"
    )
    yield form(to="localhost", kind="message", html=f"<body>{privilege(forged())}</body>")
    nested = {"body": "x", "html": f"<body>{privilege(forged())}</body>"}
    yield in_json({"to": "bob@localhost", "forwarded": {"message": nested}})
    yield xml(message(privilege(forged())), "/rest/echo")


def _registering() -> Iterable[Request]:
    yield from from_everywhere(NEW_PASSWORD)
    yield from from_everywhere("<query xmlns='jabber:iq:register'/>", type="get")
    yield from from_everywhere("<query xmlns='jabber:iq:register'><remove/></query>")
    yield from from_everywhere(NEW_PASSWORD.replace("bob", "mallory"), "localhost")
    yield xml(iq(NEW_PASSWORD.replace("bob", "mallory"), "localhost", sender="mallory@http.localhost"))
    yield in_json({"kind": "iq", "type": "set", "to": "localhost", "register": {"username": "mallory", "password": "mine"}})
    yield Request("POST", "/rest/iq/set/localhost", b'{"register": {"username": "mallory", "password": "mine"}}', JSON)


def _changing() -> Iterable[Request]:
    """Give iqs of type set for bob's account and for the served domain."""
    for payload in (PRIVATE, BLOCK, VCARD4, DEVICE_LIST):
        yield from from_everywhere(payload, "localhost")
    for payload in (
        PRIVATE,
        BLOCK,
        PRIVACY,
        ARCHIVE,
        "<prefs xmlns='urn:xmpp:mam:2' default='never'/>",
        "<anything xmlns='urn:anything'/>",
    ):
        yield from from_everywhere(payload)
    yield xml(iq(BLOCK, "bob@localhost"), f"/rest/iq/set/{at('bob@localhost')}")
    yield in_json({"kind": "iq", "type": "set", "to": "bob@localhost", "block": [{"jid": "admin@localhost"}]})
    yield in_json([{"jid": "admin@localhost"}], f"/rest/iq/block/{at('bob@localhost')}")
    yield in_json([{"jid": "admin@localhost"}], f"/rest/block/{at('bob@localhost')}")
    yield in_json({"archive": {"with": "admin@localhost"}}, f"/rest/iq/set/{at('bob@localhost')}")
    yield in_json({"with": "admin@localhost"}, f"/rest/iq/archive/{at('bob@localhost')}")
    yield get(f"/rest/archive/{at('bob@localhost')}")


def _announcing() -> Iterable[Request]:
    for to in DOMAINS:
        yield xml(message("<subject>s</subject><body>announced</body>", to))
        yield text("announced", f"/rest/message/headline/{quote(to)}")
        yield text("announced", f"/rest/message/chat/{at(to)}")
        yield in_json({"to": to, "body": "announced", "subject": "s"})
        yield in_json({"body": "announced"}, f"/rest/message/normal/{at(to)}")
        yield form(to=to, body="announced", kind="message")
    for resource in ("announce/all", "announce/motd", "announce/all-hosts/online", "announce/admins", "admin", "broadcast"):
        yield xml(message("<body>announced</body>", f"localhost/{resource}"))
    for domain in ("http.localhost", "rooms.localhost", "elsewhere.example"):
        yield xml(message("<body>announced</body>", f"{domain}/announce/online"))
    for sender in ("alice@localhost", "alice@http.localhost/x"):
        yield xml(message("<body>announced</body>", "localhost/announce/online", sender))
    yield xml(message("<body>announced</body>", "localhost/announce/online", type="error"))


NOT_HERS = (
    "admin@localhost",
    "bob@localhost",
    "BOB@localhost/phone",
    "localhost",
    "http.localhost",
    "bob@http.localhost",
    "admin@http.localhost/x",
    "ａdmin@localhost",
    "admin@localhost.",
    "admin@HTTP.localhost",
    "eve@elsewhere.example",
    "user-status-endpoint@http.localhost/x",
    "room-owner@http.localhost/commands",
    r"alice\40localhost@http.localhost",
    "alice@rooms.localhost",
    "alice@localhost.evil.example",
)
"""Addresses that are not alice's."""


def _forging() -> Iterable[Request]:
    for sender in NOT_HERS:
        yield xml(message("<body>forged</body>", "bob@localhost", sender, "chat"))
        yield in_json({"to": "bob@localhost", "from": sender, "body": "forged"})
        yield form(to="bob@localhost", from_=sender, body="forged")
    for sender in NOT_HERS[:6]:
        yield xml(f"<message xmlns='jabber:component:accept' from='{sender}' to='bob@localhost'><body>forged</body></message>")
        yield xml(f"<c:message xmlns:c='{CLIENT}' from='{sender}' to='bob@localhost'><c:body>forged</c:body></c:message>")
        yield xml(iq("<ping xmlns='urn:xmpp:ping'/>", "localhost", "get", sender))
        yield in_json({"from": sender, "body": "forged"}, f"/rest/message/chat/{at('bob@localhost')}")
        yield xml(message("<body>forged</body>", "bob@localhost", sender), "/rest/echo")


def _presence() -> Iterable[Request]:
    for type in ("subscribe", "subscribed", "unsubscribed", "probe", "unavailable"):
        for sender in ("admin@localhost", "bob@http.localhost"):
            yield xml(f"<presence type='{type}' from='{sender}' to='bob@localhost'/>")
            yield in_json({"kind": "presence", "type": type, "from": sender, "to": "bob@localhost"})
    yield xml("<presence from='admin@localhost/x' to='bob@localhost'/>")
    yield form(kind="presence", from_="admin@localhost/x", to="bob@localhost", show="away")


def _presence_of_domain() -> Iterable[Request]:
    for type in ("", " type='subscribe'", " type='probe'", " type='unavailable'"):
        yield xml(f"<presence{type} to='localhost'/>")
    yield xml("<presence to='LOCALHOST.'/>")
    yield in_json({"kind": "presence", "to": "localhost/x", "show": "away"})
    yield text("away", "/rest/presence/available/localhost")


def _listing() -> Iterable[Request]:
    """Give questions for the nodes at which ejabberd shows administrators its users and settings."""
    for node in ("all users", "online users", "all users/@1-100", "outgoing s2s", "running nodes", "config", "announce"):
        yield xml(iq(f"<query xmlns='{ITEMS}' node='{node}'/>", "localhost", "get"))
        yield xml(iq(f"<query xmlns='{ITEMS}' node='{node}'/>", "LOCALHOST.", "get", "alice@http.localhost/x"))
        yield in_json({"kind": "iq", "type": "get", "to": "localhost/x", "items": {"node": node}})
        yield in_json({"node": node}, "/rest/iq/items/localhost")
        yield get(f"/rest/items/localhost?node={quote(node)}")


def _streaming() -> Iterable[Request]:
    stanza = message("<body>streamed</body>", "bob@localhost", "admin@localhost", "chat")
    key = (("Api-Key", "bootstrap-key"),)
    yield xml(stanza, "/rest/stream")
    yield xml(stanza, "/rest/stream/")
    yield xml(stanza, "/rest/stream", headers=key)
    yield xml(stanza, "/rest/stream/bob@localhost?api-key=bootstrap-key")
    yield xml(stanza, "/rest/stream", login="admin")
    yield xml(stanza, "/rest/stream", login="", headers=key)
    yield xml(stanza, "/rest", login="", headers=key)
    yield xml(stanza, "/rest/stream?api-key=wrong", login="admin")


def _administering() -> Iterable[Request]:
    body = b'{"user": {"password": "mine"}}'
    for who in ("bob@localhost", "admin@localhost", "bob"):
        yield Request("POST", f"/rest/user/{who}", body, JSON)
        yield Request("DELETE", f"/rest/user/{who}")
        yield get(f"/rest/user/{who}")
    yield Request("PUT", "/rest/user/mallory@localhost", body, JSON)
    yield get("/rest/users/")
    yield get("/rest/users/localhost")


def _reading() -> Iterable[Request]:
    for address in (
        "bob@http.localhost",
        "http.localhost",
        "admin@http.localhost",
        "*",
        "bob@localhost",
        "alice@localhost",
        "BOB@http.localhost",
    ):
        yield get(f"/rest/events?address={quote(address)}")


def _prebinding() -> Iterable[Request]:
    for fields in (
        [{"var": "from", "value": "bob@localhost"}],
        [{"var": "from", "value": "bob@localhost/web"}],
        [{"var": "from", "value": "bob@localhost"}, {"var": "password", "value": "bobpw"}],
        [{"var": "from", "value": "alice@localhost"}, {"var": "password", "value": "alicepw"}],
    ):
        yield in_json({"command": {"node": "pre-bind-bosh-session", "fields": fields}}, "/rest/adhoc/bosh@localhost")


EVES = (
    xml(message(privilege(forged())), login=EVE),
    xml(iq(ROSTER_SET), login=EVE),
    xml(iq(DEVICE_LIST), login=EVE),
    xml(message("<body>announced</body>", "localhost/announce/online"), login=EVE),
    xml(message("<body>forged</body>", "bob@localhost", "alice@localhost"), login=EVE),
    xml(message("<body>forged</body>", "bob@localhost", "alice@http.localhost"), login=EVE),
    xml(message("<body>forged</body>", "bob@localhost", "eve@http.localhost"), login=EVE),
    xml(message("<body>forged</body>", "bob@localhost", "eve@localhost"), login=EVE),
    xml(
        iq(command(f"{ADMIN_NODE}change-user-password", CHANGE_PASSWORD), "localhost", sender=r"eve\40elsewhere.example@http.localhost"),
        login=EVE,
    ),
    get("/rest/events?address=alice@http.localhost", login=EVE),
    Request("PUT", "/rest/avatar/bob@localhost", b"GIF89a", "image/gif", EVE),
)

SERVERS = tuple(site for site in SITES if site != "embedded")
REAL_SERVERS = tuple(site for site in SERVERS if site != "tigase")
"""Servers that take announcements as messages, and show rosters (XEP-0356)."""
ROUTES_ALL_IQS = tuple(site for site in SERVERS if site != "ejabberd-26")
"""The sites that deliver a component's iqs to bare addresses outside the served domain: :mod:`tests.servers.test_probes`."""


def by_command(attack: Attack) -> Attack:
    """Return an attack with its stanzas sent by the command ``send_stanza`` too."""
    stanzas = [request for request in attack.requests if (request.path, request.type) == ("/rest", XML) and not request.headers]
    sent = [in_json({"stanza": each.body.decode()}, "/api/send_stanza", login=each.login) for each in stanzas]
    return replace(attack, requests=(*attack.requests, *sent))


def _calling() -> Iterable[Request]:
    """Give calls of commands that are for admins, and of those for users in somebody's name."""
    bob = {"user": "bob", "host": "localhost"}
    for name, arguments in (
        ("register", {"user": "mallory", "host": "localhost", "password": "mine"}),
        ("change_password", {**bob, "newpass": "mine"}),
        ("change_password", {"user": "admin", "host": "localhost", "newpass": "mine"}),
        ("unregister", bob),
        ("ban_account", {**bob, "reason": "none"}),
        ("kick_user", bob),
        ("get_roster", bob),
        (
            "add_rosteritem",
            {"localuser": "bob", "localhost": "localhost", "user": "mallory", "host": "localhost", "nick": "", "subs": "both"},
        ),
        ("set_vcard", {**bob, "name": "FN", "content": "Hacked"}),
        ("private_set", {**bob, "element": "<x xmlns='urn:x'>hacked</x>"}),
        ("announce", {"subject": "s", "text": "announced", "host": "localhost"}),
        ("set_room_affiliation", {"room": "r", "service": "rooms.localhost", **bob, "affiliation": "owner"}),
        ("oauth_issue_token", {"jid": "admin@localhost", "ttl": 60, "scopes": ["admin"]}),
        ("reload_handlers", {}),
    ):
        for path in (f"/api/{name}", f"/v0/api/{name}", f"/api/{name}/v9"):
            yield in_json(arguments, path)
    yield get("/api/registered_users?host=localhost")
    yield get("/api/get_roster?user=alice&host=localhost")
    yield get("/api/contacts/bob@localhost")
    for sender in NOT_HERS:
        yield in_json({"from": sender, "to": "bob@localhost", "body": "forged"}, "/api/send_message")
        yield in_json({"from": sender, "to": "bob@localhost", "stanza": "<message><body>forged</body></message>"}, "/api/send_stanza")
    for to in DOMAINS:
        yield in_json({"to": to, "body": "announced"}, "/api/send_message")
        yield form("/api/send_message", to=to, body="announced")
        yield xml(f"<a><to>{to}</to><body>announced</body></a>", "/api/send_message")


ATTACKS = tuple(
    map(
        by_command,
        (
            Attack(
                "a message in somebody's name, by `<privilege>`",
                tuple(xml(message(privilege(forged()), to)) for to in DOMAINS),
                sites=SITES,
            ),
            Attack("a privileged payload in other clothes", tuple(_dressed()), sites=SITES),
            Attack(
                "somebody's roster, by the gateway's privilege",
                (
                    *from_everywhere(ROSTER, type="get"),
                    *from_everywhere(ROSTER_SET),
                    *[xml(iq(ROSTER_SET, to)) for to in SPELLINGS],
                    xml(iq(ROSTER_SET, "admin@localhost")),
                    xml(iq(ROSTER_SET, "bob@localhost/phone")),
                    xml(iq(ROSTER_SET, "bob@localhost/phone", sender="alice@localhost")),
                    xml(iq(ROSTER_SET, "localhost")),
                    xml(iq("<r:query xmlns:r='jabber:iq:roster'><r:item jid='mallory@localhost'/></r:query>")),
                    xml(iq(privileged_iq(ROSTER_SET))),
                    xml(iq(privileged_iq(ROSTER, "get"), type="get")),
                ),
                sites=SITES,
            ),
            Attack(
                "somebody's vCard, device list or anything, by `privileged_iq`",
                tuple(
                    request
                    for payload in (VCARD, DEVICE_LIST, PRIVATE)
                    for request in (
                        *from_everywhere(privileged_iq(payload)),
                        xml(iq(privileged_iq(payload, namespace="urn:xmpp:privilege:1"))),
                        xml(iq(privileged_iq(payload), "BOB@localhost.")),
                        xml(iq(privileged_iq(payload), "localhost")),
                        xml(iq(privileged_iq(payload), "alice@localhost")),
                    )
                ),
                sites=SITES,
            ),
            Attack(
                "delegated requests (XEP-0355)",
                tuple(
                    request
                    for version in (1, 2)
                    for request in from_everywhere(
                        f"<delegation xmlns='urn:xmpp:delegation:{version}'><forwarded xmlns='{FORWARD}'><iq xmlns='{CLIENT}' type='set' id='d' "
                        f"from='bob@localhost' to='bob@localhost'>{VCARD}</iq></forwarded></delegation>",
                        "localhost",
                    )
                ),
            ),
            Attack("somebody's password, or a new account, by `jabber:iq:register`", tuple(_registering()), sites=SITES),
            Attack(
                "somebody's vCard",
                (*from_everywhere(VCARD), *from_everywhere(VCARD4), *[xml(iq(VCARD, to)) for to in SPELLINGS], xml(iq(VCARD, "localhost"))),
                sites=SITES,
            ),
            Attack(
                "what somebody publishes (PEP), such as his device list",
                (
                    *from_everywhere(DEVICE_LIST),
                    *[xml(iq(DEVICE_LIST, to)) for to in SPELLINGS],
                    *from_everywhere(f"<pubsub xmlns='{PUBSUB}#owner'><delete node='{DEVICES}'/></pubsub>"),
                    *from_everywhere(f"<pubsub xmlns='{PUBSUB}'><retract node='{DEVICES}'><item id='current'/></retract></pubsub>"),
                ),
                sites=SITES,
            ),
            Attack("anything else of type `set` to somebody's account", tuple(_changing()), sites=SITES),
            Attack(
                "the admin's password, by a command of the domain",
                (
                    *commanding("localhost", f"{ADMIN_NODE}change-user-password", CHANGE_PASSWORD),
                    *[xml(iq(command(f"{ADMIN_NODE}change-user-password", CHANGE_PASSWORD), to), steps=True) for to in DOMAINS],
                    *[
                        in_json(
                            {"command": {"node": f"{ADMIN_NODE}change-user-password", "fields": as_fields(CHANGE_PASSWORD)}},
                            path,
                            steps=True,
                        )
                        for path in ("/rest/adhoc/LOCALHOST", "/rest/adhoc/localhost.", f"/rest/adhoc/{at('ｌocalhost')}")
                    ],
                    xml(
                        iq(command(f"{ADMIN_NODE}change-user-password", CHANGE_PASSWORD), "LOCALHOST", sender="Alice@HTTP.localhost"),
                        steps=True,
                    ),
                    xml(
                        iq(command(f"{ADMIN_NODE}change-user-password", CHANGE_PASSWORD), "localhost").replace(
                            "<iq ", "<iq perm='ADMIN' pr='SYSTEM' ", 1
                        )
                    ),
                ),
                sites=SITES,
                by_server=AS_USERS,
            ),
            Attack(
                "a new account, by a command of the domain",
                commanding("localhost", f"{ADMIN_NODE}add-user", ADD_USER),
                sites=SITES,
                by_server=AS_USERS,
            ),
            Attack(
                "commands of the domain's services",
                (
                    *commanding("vhost-man@localhost", "comp-repo-item-add", VHOST),
                    *commanding("sess-man@localhost", f"{ADMIN_NODE}end-user-session", {"accountjids": "bob@localhost"}),
                    xml(iq(command("comp-repo-item-add", VHOST), "vhost-man@localhost/x", sender="alice@http.localhost/x")),
                    xml(iq(command("comp-repo-item-add", VHOST), "VHOST-man@LOCALHOST.", sender="alice@http.localhost/x")),
                ),
                by_server=AS_USERS,
            ),
            Attack(
                "commands of sub-domains, and of somebody's bare address",
                (
                    *commanding("bob@localhost", "a-bots-own", {"a": "b"}),
                    in_json({"command": {"node": "ping"}}, "/rest/adhoc/bosh@localhost"),
                    *commanding("rooms.localhost", f"{ADMIN_NODE}change-user-password", CHANGE_PASSWORD),
                    *commanding("announce.localhost", f"{ADMIN_NODE}announce", {"subject": "s", "body": "announced"}),
                ),
                sites=tuple(site for site in SERVERS if site != "prosody-as-users"),
            ),
            Attack(
                "the gateway's own commands, such as `api-key-add`",
                (*commanding("http.localhost", "api-key-add", API_KEY), *commanding("alice@http.localhost", "api-key-add", API_KEY)),
                by_server=frozenset(SITES),
            ),
            Attack(
                "commands of scripts, at the gateway's address",
                commanding("http.localhost", "api-commands/register", {"user": "mallory", "host": "localhost", "password": "mine"}),
                by_server=frozenset(SITES),
            ),
            Attack(
                "changing something by GET",
                (
                    get(f"/rest/command/localhost?node={quote(ADMIN_NODE)}restart"),
                    get(f"/rest/command/{at('vhost-man@localhost')}?node=comp-repo-item-remove"),
                    get(f"/rest/block/{at('bob@localhost')}?jid=admin@localhost"),
                    get(f"/rest/block/{at('alice@localhost')}?jid=admin@localhost"),
                    get("/rest/register/localhost?username=mallory&password=mine"),
                    get("/rest/iq/set/localhost"),
                ),
                statuses=NOT_POSSIBLE,
            ),
            Attack("announcements, and any message to the served domain", tuple(_announcing()), sites=SITES),
            Attack("who has an account, and who is online, by a node of the domain", tuple(_listing()), by_server=AS_USERS),
            Attack("presence to the served domain", tuple(_presence_of_domain())),
            Attack("a `from` that is not one's own", tuple(_forging()), sites=SITES),
            Attack("presence, subscriptions and probes in somebody's name", tuple(_presence())),
            Attack(
                "addresses and types that are none",
                (
                    *[xml(message("<body>x</body>", to)) for to in ("", "@localhost", "bob@@localhost", "a b@localhost", "bob@localhost/")],
                    *[xml(message("<body>x</body>", "bob@localhost", sender)) for sender in ("@localhost", "admin@localhost@", "bob@/x")],
                    xml(f"<iq type='SET' id='q' to='bob@localhost'>{VCARD}</iq>"),
                    xml(f"<iq Type='set' id='q' to='bob@localhost'>{VCARD}</iq>"),
                    xml(f"<iq type=' set' id='q' to='bob@localhost'>{VCARD}</iq>"),
                    xml(f"<iq type='result' id='q' to='bob@localhost'>{VCARD}</iq>"),
                    xml(f"<IQ type='set' id='q' to='bob@localhost'>{VCARD}</IQ>"),
                    xml(f"<iq id='q' to='bob@localhost'>{VCARD}</iq>"),
                    xml(f"<iq type='get' type='set' id='q' to='bob@localhost'>{VCARD}</iq>"),
                    xml(f"<iq xmlns='jabber:server:dialback' type='set' to='bob@localhost'>{VCARD}</iq>"),
                    xml(
                        f"<message to='bob@localhost'><body>x</body></message><message to='bob@localhost' from='admin@localhost'>{forged()}</message>"
                    ),
                    Request("POST", "/rest", message(privilege(forged())).encode("utf-16"), f"{XML}; charset=utf-16"),
                    in_json({"kind": "iq", "type": "SET", "to": "bob@localhost", "block": [{"jid": "admin@localhost"}]}),
                    in_json({"to": ["bob@localhost"], "body": "x"}),
                    in_json({"to": "bob@localhost", "from": None, "From": "admin@localhost", "body": "x"}),
                ),
                statuses=NOT_POSSIBLE,
            ),
            Attack("`/rest/stream` without an API key, or without the role admin", tuple(_streaming()), statuses=frozenset({401, 403})),
            Attack("accounts: look at, create, change, delete", tuple(_administering())),
            Attack(
                "somebody's avatar",
                tuple(Request("PUT", f"/rest/avatar/{at(who)}", b"GIF89a", "image/gif") for who in SPELLINGS),
            ),
            Attack(
                "somebody's status",
                tuple(
                    in_json({"show": "dnd"}, f"/rest/user/{who}/status{resource}")
                    for who in ("bob@localhost", "alice@localhost")
                    for resource in ("", "/x")
                ),
            ),
            Attack("what comes in for somebody (`/rest/events`)", tuple(_reading())),
            Attack("somebody's BOSH session", tuple(_prebinding()), statuses=frozenset({403, 501})),
            Attack("commands below `/api` that are for admins, or in somebody's name", tuple(_calling())),
            Attack("a caller of another domain tries the same", EVES),
        ),
    )
)

WEBHOOK_ATTACKS = (
    ("localhost", privilege(forged())),
    ("localhost", f"<x xmlns='urn:x'>{privilege(forged())}</x>"),
    ("localhost/announce/online", "<body>announced</body>"),
    ("alice@http.localhost", f"</message><message from='admin@localhost' to='bob@localhost'>{forged()}"),
)
"""From whom a webhook is written to, and what it answers: the contents of a message to bob from the admin."""

WEBHOOK_ATTACK = "the rights of the gateway, by the answer of a webhook"


# Everyday use

MINE = "<vCard xmlns='vcard-temp'/>"
WORDS = "see &lt;privilege xmlns='urn:xmpp:privilege:2'> and jabber:iq:roster in the XEP"

GETS = ("<ping xmlns='urn:xmpp:ping'/>", "<query xmlns='jabber:iq:version'/>", f"<query xmlns='{INFO}'/>", f"<query xmlns='{ITEMS}'/>")

USES = (
    Use(
        "messages to anybody, by every way in",
        (
            xml(message("<body>one</body>", "bob@localhost", type="chat")),
            in_json({"to": "bob@localhost", "body": "two"}),
            form(to="bob@localhost", body="three"),
            text("four", f"/rest/message/chat/{at('bob@localhost')}"),
            in_json({"body": "five"}, f"/rest/message/normal/{at('BOB@Localhost.')}"),
            xml(message("<body>six</body>", "bob@localhost", type="normal"), "/rest", type="text/xml"),
        ),
        got=("one", "two", "three", "four", "five", "six"),
    ),
    Use(
        "messages from one's own addresses",
        (
            xml(message("<body>gateway</body>", "bob@localhost", "alice@http.localhost/desk")),
            xml(message("<body>capitals</body>", "bob@localhost", "Alice@HTTP.Localhost./desk")),
            in_json({"to": "bob@localhost", "from": "alice@localhost", "body": "herself"}),
            xml(message("<body>her phone</body>", "bob@localhost", "ALICE@localhost/phone")),
        ),
        got=("gateway", "capitals", "herself", "her phone"),
    ),
    Use("a message to oneself, by leaving `to` out", (in_json({"body": "note"}), xml("<message><body>note</body></message>"))),
    Use(
        "messages that talk about what is refused",
        (
            xml(message(f"<body>{WORDS}</body>", "bob@localhost")),
            xml(message(f"<body><![CDATA[{privilege('x')}]]></body>", "bob@localhost")),
            in_json({"to": "bob@localhost", "body": privileged_iq("x")}),
            in_json({"to": "bob@localhost", "payload": {"datatype": PRIVILEGE, "data": {"xmlns": PRIVILEGE, "name": "privileged_iq"}}}),
            xml(message(f"<body>link</body><x xmlns='jabber:x:oob'><url>https://example.org/?{PRIVILEGE}</url></x>", "bob@localhost")),
            xml(message(f"<body>attribute</body><x xmlns='urn:x' about='{PRIVILEGE}'/>", "bob@localhost")),
        ),
        got=("link", "attribute"),
    ),
    Use(
        "forwarding a message",
        (
            in_json({"to": "bob@localhost", "body": "look", "forwarded": {"message": {"from": "admin@localhost", "body": "Hi"}}}),
            xml(message(f"<body>here</body><forwarded xmlns='{FORWARD}'>{forged('old')}</forwarded>", "bob@localhost")),
        ),
        got=("look", "here"),
    ),
    Use(
        "asking the served domain",
        (
            *[xml(iq(payload, "localhost", "get")) for payload in GETS],
            get("/rest/ping/localhost"),
            get("/rest/version/localhost"),
            get("/rest/disco/LOCALHOST"),
            in_json({"kind": "iq", "type": "get", "to": "localhost", "ping": True}),
            in_json({}, "/rest/iq/version/localhost"),
        ),
        results=True,
    ),
    Use(
        "asking accounts what is public",
        (
            xml(iq("<vCard xmlns='vcard-temp'/>", type="get")),
            xml(iq(f"<query xmlns='{INFO}'/>", type="get")),
            xml(iq(f"<pubsub xmlns='{PUBSUB}'><items node='urn:xmpp:avatar:metadata'/></pubsub>", type="get")),
            get(f"/rest/disco/{at('bob@localhost')}"),
            get(f"/rest/lastactivity/{at('bob@localhost')}"),
            get("/rest/avatar/bob@localhost"),
        ),
        statuses=frozenset({200, 202, 404}),
    ),
    Use(
        "anything to somebody's client, at its full address",
        (
            xml(iq(command("a-bots-own"), "bob@localhost/phone")),
            xml(iq("<anything xmlns='urn:anything'/>", "bob@localhost/phone")),
            in_json({"kind": "iq", "type": "set", "to": "bob@localhost/phone", "command": {"node": "a-bots-own"}}),
        ),
        statuses=frozenset({200}),
        sites=AS_GATEWAY,
    ),
    Use(
        "presence to people, in one's own name",
        (
            xml("<presence to='bob@localhost'/>"),
            in_json({"kind": "presence", "to": "bob@localhost", "show": "away", "status": "lunch"}),
            xml("<presence to='bob@localhost' type='unavailable'/>"),
        ),
    ),
    Use(
        "rooms: enter, configure, talk",
        (
            xml(
                "<presence from='alice@http.localhost/x' to='tea@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
            ),
            xml(
                iq(
                    "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>",
                    "tea@rooms.localhost",
                    sender="alice@http.localhost/x",
                )
            ),
            xml(message("<body>tea?</body>", "tea@rooms.localhost", "alice@http.localhost/x", "groupchat")),
            xml(iq(f"<query xmlns='{ITEMS}'/>", "rooms.localhost", "get", "alice@http.localhost/x")),
        ),
        sites=ROUTES_ALL_IQS,
    ),
    Use(
        "the gateway's addresses, and other domains",
        (
            in_json({"to": "bot@http.localhost", "body": "hello bot"}),
            in_json({"to": "bob@http.localhost", "body": "hello bob"}),
            in_json({"to": "somebody@elsewhere.example", "body": "hello"}),
            xml(iq("<ping xmlns='urn:xmpp:ping'/>", "http.localhost", "get", "alice@http.localhost")),
            in_json({"to": "http.localhost", "body": "hello gateway"}),
        ),
    ),
    Use("showing a stanza without sending it", (in_json({"to": "bob@localhost", "body": "x"}, "/rest/echo"),)),
    Use("reading one's own event stream", (get("/rest/events"), get("/rest/events?address=ALICE@http.localhost"))),
    Use("one's own vCard, read", (xml(iq(MINE, "alice@localhost", "get")), xml(f"<iq type='get' id='q'>{MINE}</iq>"))),
    Use(
        "changing one's own account",
        (xml(iq(VCARD, "alice@localhost")), xml(f"<iq type='set' id='q'>{DEVICE_LIST}</iq>")),
        sites=AS_GATEWAY,
    ),
    Use(
        "a caller of another domain: messages and questions",
        tuple(
            replace(request, login=EVE)
            for request in (
                in_json({"to": "bob@localhost", "body": "eve here"}),
                xml(message("<body>eve again</body>", "bob@localhost", r"eve\40elsewhere.example@http.localhost/x")),
                get("/rest/version/localhost"),
            )
        ),
        got=("eve here", "eve again"),
    ),
)
"""What a plain user may do."""

ADMINS_USES = (
    Use(
        "an admin's messages in somebody's name",
        (
            in_json({"to": "bob@localhost", "from": "alice@localhost", "body": "as alice"}, login="admin"),
            in_json({"to": "bob@localhost", "body": "as the gateway"}, login="admin"),
        ),
        got=("as alice", "as the gateway"),
    ),
    Use(
        "an admin's announcement",
        (xml(message("<subject>s</subject><body>all of you</body>", "localhost/announce/online"), login="admin"),),
        sites=REAL_SERVERS,
        got=("all of you",),
    ),
    Use(
        "a message in somebody's name, which Prosody takes from any address of the gateway",
        (xml(message(privilege(forged("taken from alice")), "localhost", "alice@http.localhost"), login="admin"),),
        sites=("prosody", "prosody-13", "prosody-as-users"),
        got=("taken from alice",),
    ),
    Use(
        "an announcement, which ejabberd takes from any address of the gateway here",
        (
            xml(
                message("<subject>s</subject><body>taken from alice</body>", "localhost/announce/online", "alice@http.localhost"),
                login="admin",
            ),
        ),
        sites=("ejabberd", "ejabberd-26"),
        got=("taken from alice",),
    ),
    Use(
        "an admin and somebody's roster",
        (xml(iq(ROSTER, type="get"), login="admin"),),
        sites=REAL_SERVERS,
        results=True,
    ),
    Use(
        "an admin's commands",
        (
            xml(iq(command(f"{ADMIN_NODE}get-online-users-list"), "localhost"), login="admin"),
            in_json({"command": {"node": f"{ADMIN_NODE}get-online-users-list"}}, "/rest/adhoc/localhost", login="admin"),
        ),
    ),
)
"""What stays open to an admin; that the servers would take it from alice's address shows that the gateway is the fence."""
