"""Hypothesis strategies of odd values: texts, addresses, JSON and XML, most of them close to what is valid."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

from tests.servers.edges import EDGES
from tigrest.formats.stanza_json.table import ROWS

Draw = st.DrawFn

VICTIMS = ("fuzz1@localhost", "fuzz2@localhost", "FUZZ3@localhost.")
"""Accounts that may come and go."""

EVE_RAW = "eve@localhost/raw"
"""The client that answers."""

NAMES = ("localhost", "http.localhost", "rooms.localhost", "pubsub.localhost", "nowhere.invalid", "LOCALHOST.", "\uff28ttp.localhost")
"""Domains; of ``nowhere.invalid`` the servers know nothing."""

ADDRESSES = (
    *NAMES,
    *("alice@localhost", "bob@localhost", "bob@localhost/raw", "eve@localhost", "eve@localhost/raw", "EVE@LocalHost./raw"),
    *("mallory@localhost", "mallory@http.localhost", "alice@http.localhost", "bot@http.localhost/x", "x@HTTP.localhost"),
    *("room@rooms.localhost", "room@rooms.localhost/nick", "bosh@localhost", "nobody@localhost", "a\\40b@http.localhost"),
    *VICTIMS,
)
"""Addresses that are well-formed."""

BAD_ADDRESSES = (
    *("", "@", "a@", "@localhost", "a@b@c", "a b@localhost", "localhost/", "/", "eve@localhost/", "a@-b.", "..", "a@[::1]", "a@[::"),
    *("\u0378@localhost", "\U0001f4a9@localhost", "a@" + "b" * 1024, "a" * 1024 + "@localhost", "eve@localhost/" + "r" * 1024),
    *("xn--\udcff@localhost", "a@xn--a", "a@\u2024", "\u0130@localhost", "a@localhost\n", "a@local\x00host", "a@localhost/\ud800"),
)
"""Addresses that are none, or nearly so."""

TEXTS = (
    *("", " ", "\t\n", "0", "-1", "1e999", "-0.0", "NaN", "Infinity", "9" * 400, "0x10", "1_000", "\u0663", "true", "null", "None"),
    *("\x00", "\x01", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\U0001ffff", "\U0010ffff"),
    *("\ud800", "\udfff\ud800", "\ud83d\ude00", "e\u0301", "\u0130\xdf\u1e9e", "\u202ea\u202c", "\u200d", "\xe9" * 2000),
    *(
        "<",
        ">",
        "&",
        "]]>",
        "<x/>",
        "&lt;",
        "&#0;",
        "&e;",
        "<!--",
        "<?x?>",
        "<![CDATA[",
        "'\"",
        "}",
        "{",
        "{urn:a}b",
        "a b",
        "a\nb",
        "a\r\nX: y",
    ),
    *("%00", "%", "%zz", "%F0%9F", "../../etc/passwd", "/", "//", "\\", "?", "#", ";", "=", "+", "*", "(?s:.*)", "(" * 50, "a" * 5000),
    *("http://127.0.0.1:1/", "http://[::1", "javascript:x", "data:,", "urn:a", "a:b:c", "xmlns", "xml:lang", "stream:stream"),
    *("2002-09-10T23:08:25Z", "9999-99-99T99:99:99Z", "0000", "P1Y", "sha-1", "image/png", "image/SVG+XML;x=\xe9", "text/html"),
)

NODES = (
    *("uptime", "ping", "", "x" * 300, "http://jabber.org/protocol/commands", "api-commands/x", "api-key-add", "reload-handlers"),
    *[f"http://jabber.org/protocol/admin#{name}" for name in ("add-user", "delete-user", "change-user-password", "user-stats")],
    *[f"http://jabber.org/protocol/admin#{name}" for name in ("get-registered-users-list", "get-online-users-list", "announce")],
    *("urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data", "pre-bind-bosh-session", "all users", "online users", "outgoing s2s"),
)
"""Nodes of commands and of service discovery. None of them stops a server, restarts it, or ends the sessions of others."""


def texts() -> st.SearchStrategy[str]:
    """Return texts: from the list, or any."""
    return st.sampled_from(TEXTS) | st.sampled_from(ADDRESSES) | st.text(max_size=12)


def addresses() -> st.SearchStrategy[str]:
    """Return addresses, a few of which are none."""
    return st.sampled_from([EVE_RAW] * 30 + [*ADDRESSES] * 2 + [*BAD_ADDRESSES])


NUMBERS = (0, -1, 1, 127, 128, 255, 2**31, 2**53 + 1, 2**63, 2**64, -(2**64), 10**400, 0.1, -0.0, 1e308, float("inf"), float("nan"))


def scalars() -> st.SearchStrategy[Any]:
    """Return JSON values that are no containers."""
    return texts() | st.sampled_from([*NUMBERS, True, False, None])


def values() -> st.SearchStrategy[Any]:
    """Return JSON values."""
    deep = st.sampled_from([20, 100, 200, 256, 300, 900]).map(_nested)
    return scalars() | st.lists(scalars(), max_size=3) | st.dictionaries(texts(), scalars(), max_size=3) | deep


def _nested(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@st.composite
def altered(draw: Draw, value: Any, times: int = 2) -> Any:
    """Change a JSON value in up to so many places."""
    for _ in range(draw(st.integers(0, times))):
        value = draw(_altered_once(value))
    return value


@st.composite
def _altered_once(draw: Draw, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        match draw(st.sampled_from(["inside", "inside", "inside", "drop", "rename", "add"])):
            case "inside":
                return value | {key: draw(_altered_once(value[key]))}
            case "drop":
                return {name: item for name, item in value.items() if name != key}
            case "rename":
                return {(draw(texts()) if name == key else name): item for name, item in value.items()}
        return value | {draw(texts()): draw(values())}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], draw(_altered_once(value[index])), *value[index + draw(st.integers(0, 1)) :]]
    return draw(values())


def dumped(value: Any) -> bytes:
    """Write JSON, with what JSON has not (NaN), and lone surrogates as escapes."""
    return json.dumps(value).encode()


EXAMPLES = [(row.kinds, row.key, row.example) for row in ROWS]
"""Each key of the JSON dialect with the kinds of stanza that have it, and an example."""

TYPES = {
    "message": ("chat", "normal", "headline", "groupchat", "error", "bogus", ""),
    "presence": ("available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error", "bogus", ""),
    "iq": ("get", "set", "get", "set", "result", "error", "bogus", ""),
}


@st.composite
def dialect(draw: Draw, kind: str | None = None) -> dict[str, Any]:
    """Return stanzas in JSON, with example values or others."""
    kind = kind or draw(st.sampled_from(["message", "presence", "iq"]))
    stanza: dict[str, Any] = {"kind": kind, "to": draw(addresses()), "type": draw(st.sampled_from(TYPES[kind]))}
    for name in draw(st.lists(st.sampled_from(["kind", "to", "type"]), max_size=1)):
        del stanza[name]
    if draw(st.integers(0, 9)) == 0:
        stanza[draw(st.sampled_from(["from", "id", "lang"]))] = draw(texts())
    keys = [(key, example) for kinds, key, example in EXAMPLES if kind in kinds]
    stanza |= dict(draw(st.lists(st.sampled_from(keys), min_size=1, max_size=1 if kind == "iq" else 3)))
    if "command" in stanza:
        stanza["command"] = {"node": draw(st.sampled_from(NODES)), "form": {"fields": draw(fields())}}
    changed: dict[str, Any] = draw(altered(stanza))
    return changed


@st.composite
def fields(draw: Draw) -> list[dict[str, Any]]:
    """Return fields of a form for commands about accounts that may come and go."""
    names = (
        "accountjid",
        "accountjids",
        "password",
        "password-verify",
        "from",
        "hold",
        "wait",
        "max_items",
        "name",
        "",
        "body",
        "FORM_TYPE",
    )
    found: list[dict[str, Any]] = []
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        odd = name not in ("accountjid", "accountjids")
        value: Any = draw(scalars() | st.lists(scalars(), max_size=2)) if odd else draw(st.sampled_from([*VICTIMS, list(VICTIMS)]))
        found.append({"var": name, "value": value})
    return found


LARGE: tuple[tuple[str, bytes], ...] = (
    ("application/xml", b"<a>" + b"<b/>" * 60_000 + b"</a>"),
    ("application/xml", b"<a>" + b"<b/>" * 40_000 + b"</a>"),
    ("application/xmpp+xml", b"<message to='http.localhost'>" + b"<b/>" * 30_000 + b"</message>"),
    ("application/xmpp+xml", b"<message to='http.localhost'><b " + b" ".join([b"a%d=''" % n for n in range(20_000)]) + b"/></message>"),
    ("application/xmpp+xml", b"<message to='eve@localhost/raw'><body>" + b"x" * 250_000 + b"</body></message>"),
    ("application/xmpp+xml", b"<message to='eve@localhost/raw'><body>" + b"&amp;" * 200_000 + b"</body></message>"),
    ("application/json", b"[" + b"[]," * 60_000 + b"[]]"),
    ("application/json", b"[" + b"0," * 400_000 + b"0]"),
    ("application/json", b'{"to": "eve@localhost/raw", "body": "' + b"\\u0001" * 1000 + b'"}'),
    ("application/json", b'{"to": "http.localhost", "reactions": {"id": "1", "reactions": [' + b'"x",' * 50_000 + b'"x"]}}'),
    ("application/json", b'{"a":"' + b"\\\\" * 400_000 + b'"}'),
    ("application/x-www-form-urlencoded", b"a=1&" * 1001),
    ("application/x-www-form-urlencoded", b"%" * 500_000),
    ("text/plain", b"\xff" * 1_000_000),
    ("image/png", b"x" * 1_048_577),
)
"""Bodies of about as many bytes, elements or values as there may be, and their types."""

# XML

CLIENT_FORMS = "<x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>fuzz1@localhost</value></field></x>"
PUBSUB = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
PAYLOADS = (
    *("<body>b</body>", "<subject/>", "<body xml:lang='de'>b</body><body>c</body>", "<show>away</show><priority>5</priority>"),
    *("<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>", "<query xmlns='jabber:iq:roster'><item jid='a@b'/></query>"),
    "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>",
    f"<command xmlns='http://jabber.org/protocol/commands' node='uptime' action='execute'>{CLIENT_FORMS}</command>",
    "<vCard xmlns='vcard-temp'><FN>e</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>",
    "<vCard xmlns='vcard-temp'><PHOTO><EXTVAL>http://127.0.0.1:1/a.png</EXTVAL></PHOTO></vCard>",
    f"{PUBSUB}<items node='urn:xmpp:avatar:metadata'/></pubsub>",
    f"{PUBSUB}<publish node='urn:xmpp:avatar:data'><item id='a'><data xmlns='urn:xmpp:avatar:data'>iVBORw0KGgo=</data></item></publish></pubsub>",
    f"{PUBSUB}<publish node='urn:xmpp:avatar:metadata'><item id='a'><metadata xmlns='urn:xmpp:avatar:metadata'>"
    "<info bytes='9' id='a' type='image/png' width='1' height='1'/></metadata></item></publish></pubsub>",
    f"{PUBSUB}<publish node='urn:xmpp:vcard4'><item id='current'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><photo><uri>"
    "data:image/png;base64,iVBORw0KGgo=</uri></photo></vcard></item></publish></pubsub>",
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='1'/></items></event>",
    "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    "<error code='404' type='wait'/>",
    "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a@b</gone><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='a@b'><body>f</body></message></forwarded>",
    "<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege>",
    "<privilege xmlns='urn:xmpp:privilege:1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded></privilege>",
    "<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq></privileged_iq>",
    "<delegation xmlns='urn:xmpp:delegation:1'><forwarded xmlns='urn:xmpp:forward:0'/></delegation>",
    "<x xmlns='jabber:x:data' type='form'><title/><field type='list-multi' var='a'><option label='l'><value>1</value></option></field>"
    "<reported><field var='a'/></reported><item><field var='a'><value/></field></item></x>",
    "<query xmlns='urn:xmpp:mam:2' queryid='q'/>",
    "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'><count>1</count></set></fin>",
    "<received xmlns='urn:xmpp:receipts' id='1'/><request xmlns='urn:xmpp:receipts'/>",
    "<json xmlns='urn:xmpp:json:0'>{}</json>",
    *[str(row.shape.writer(row.element)(row.example)) for row in ROWS],
)
"""What stanzas carry."""

SAFE_EDGES = [str(edge.inside) for edge in EDGES if isinstance(edge.inside, str) and "closes" not in (edge.prosody, edge.ejabberd)]
"""What a server relays, whichever it is."""

_QUOTED = re.compile(r"='[^']*'|=\"[^\"]*\"")
_BETWEEN = re.compile(r">(?=[^<]*<)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def xml_text(text: str) -> str:
    """Leave out what XML forbids."""
    return _FORBIDDEN.sub("", text)


@st.composite
def payloads(draw: Draw, strict: bool = False) -> str:
    """Return what stands in stanzas, often changed in a place or two.

    Args:
        strict: only what is well-formed, and has namespaces that servers take.
    """
    xml = draw(st.sampled_from(PAYLOADS))
    for _ in range(draw(st.integers(0, 2))):
        clean = xml_text if strict or draw(st.booleans()) else str
        match draw(st.sampled_from(["attribute", "child", "text", "more", "edge"])):
            case "attribute" if places := list(_QUOTED.finditer(xml)):
                place = draw(st.sampled_from(places))
                old = xml[: place.start()]
                # A namespace is left alone here: the edges are about these.
                if not re.search(r"xmlns(:\w+)?\Z", old) or not strict:
                    xml = f"{old}={quoteattr(clean(draw(texts())))}{xml[place.end() :]}"
            case "child" if places := list(_BETWEEN.finditer(xml)):
                at = draw(st.sampled_from(places)).end()
                xml = f"{xml[:at]}{draw(st.sampled_from(SAFE_EDGES))}{xml[at:]}"
            case "text" if places := list(_BETWEEN.finditer(xml)):
                at = draw(st.sampled_from(places)).end()
                xml = f"{xml[:at]}{escape(clean(draw(texts())))}{xml[at:]}"
            case "more":
                xml += draw(st.sampled_from(PAYLOADS))
            case "edge":
                xml += draw(st.sampled_from(SAFE_EDGES))
    if not strict and draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(xml)))
        xml = xml[:at] + draw(st.sampled_from(TEXTS)) + xml[at:]
    return xml


@st.composite
def stanzas(draw: Draw, to: st.SearchStrategy[str], strict: bool = False, kinds: tuple[str, ...] = ("message", "presence", "iq")) -> bytes:
    """Return stanzas in XML.

    Args:
        to: whom they are for.
        strict: as of :func:`payloads`.
        kinds: which.
    """
    kind = draw(st.sampled_from(kinds))
    attributes = {"to": draw(to), "type": draw(st.sampled_from(TYPES[kind])), "id": draw(st.sampled_from(["i", "", "1"]) | texts())}
    if draw(st.integers(0, 4)) == 0:
        attributes[draw(st.sampled_from(["xml:lang", "from", "odd"]))] = draw(addresses() if draw(st.booleans()) else texts())
    for name in draw(st.lists(st.sampled_from(["to", "type", "id"]), max_size=1)):
        attributes.pop(name)
    if strict:
        attributes.pop("from", None)
        attributes = {name: xml_text(value) for name, value in attributes.items()}
    head = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    inside = "".join(draw(st.lists(payloads(strict), min_size=0 if kind == "presence" else 1, max_size=2 if kind == "message" else 1)))
    return f"<{kind}{head}>{inside}</{kind}>".encode("utf-8", "surrogatepass")
