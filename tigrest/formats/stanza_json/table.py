"""The table of keys: meaning, kinds of stanzas and element of each.

The conversion in both directions, the reference in the documentation and the JSON Schema are all made of it. The keys of the
stanza itself – ``kind``, ``type``, ``to``, ``from``, ``id``, ``lang`` – are in :mod:`tigrest.formats.stanza_json.envelope`.

Source: mod_rest of prosody-modules, its OpenAPI document 0.1.0 ("seed") and later versions ("newer").
"""

from __future__ import annotations

from tigrest.formats.stanza_json.archive import ARCHIVE_END, RESULT_PAGE, ArchiveQuery
from tigrest.formats.stanza_json.command import CommandShape
from tigrest.formats.stanza_json.disco import INFO_QUERY, ITEMS_QUERY
from tigrest.formats.stanza_json.failure import ErrorCodeShape, ErrorShape
from tigrest.formats.stanza_json.form_maps import FormData
from tigrest.formats.stanza_json.forms import DATA_FORM
from tigrest.formats.stanza_json.forwarded import Forwarded
from tigrest.formats.stanza_json.html import Html
from tigrest.formats.stanza_json.lists import Repeated, WrappedList
from tigrest.formats.stanza_json.payload import Payload
from tigrest.formats.stanza_json.queries import BLOCK_LIST, REGISTRATION, SERVICE_LIST, STATISTIC, UPLOAD_REQUEST, UPLOAD_SLOT
from tigrest.formats.stanza_json.record import Record, attribute, child, children, own_text
from tigrest.formats.stanza_json.shapes import Attribute, Element, Flag, NameIsValue, OnlyChild, TextElement
from tigrest.formats.stanza_json.values import BOOLEAN, COUNT, ChoiceValue, IntegerValue
from tigrest.formats.stanza_json.vocabulary import NEWER, SEED, Row, Vocabulary
from tigrest.xmpp import namespaces
from tigrest.xmpp.kinds import SHOWS, STANZA_KINDS

MESSAGE, PRESENCE, IQ = ("message",), ("presence",), ("iq",)
MESSAGE_OR_PRESENCE = (*MESSAGE, *PRESENCE)
TIME = "2002-09-10T23:08:25Z"
FORWARDED = Forwarded(lambda: VOCABULARIES["message"])
EXAMPLE_FORM = {"type": "submit", "fields": [{"var": "colour", "value": "red"}]}
OOB = Record(child("url", required=True), child("desc"))
IN_STANZAS, IN_QUERIES = Element("x", namespaces.OUT_OF_BAND), Element("query", namespaces.OUT_OF_BAND_QUERY)

# fmt: off
TEXTS = (
    Row("body", MESSAGE, Element("body"), TextElement(), SEED, "what is said", "Hello, World!", "RFC 6121 §5.2.3"),
    Row("subject", MESSAGE, Element("subject"), TextElement(), SEED, "what it is about; the topic of a room", "Plans", "RFC 6121 §5.2.4"),
    Row("thread", MESSAGE, Element("thread"),
        Record(own_text("id", always=True), attribute("parent"), shorthand="id", collapses=True),
        SEED, "conversation it belongs to; an object `id`, `parent` where the conversation is part of another", "t1", "RFC 6121 §5.2.5"),
    Row("html", MESSAGE, Element("html", namespaces.XHTML_IM), Html(), SEED,
        "`body` with formatting: XML, in `<body>`", "<body><p>Hello <em>World</em>!</p></body>", "XEP-0071"),
)
"""Text of messages."""

ABOUT = (
    Row("state", MESSAGE, Element("state", namespaces.CHAT_STATES),
        NameIsValue("active", "inactive", "gone", "composing", "paused"),
        SEED, "what the sender is doing, such as typing", "composing", "XEP-0085"),
    Row("nick", STANZA_KINDS, Element("nick", namespaces.NICKNAME), TextElement(), SEED,
        "nickname of the sender", "Ally", "XEP-0172"),
    Row("delay", STANZA_KINDS, Element("delay", namespaces.DELAYED_DELIVERY), Attribute("stamp"), SEED,
        "when it was sent, if it was kept on the way", TIME, "XEP-0203"),
    Row("replace", MESSAGE, Element("replace", namespaces.MESSAGE_CORRECTION), Attribute("id"), SEED,
        "id of the message that this one corrects", "m1", "XEP-0308"),
    Row("retract", MESSAGE, Element("retract", namespaces.MESSAGE_RETRACTION),
        Record(attribute("id", required=True), child("reason"), shorthand="id", collapses=True), NEWER,
        "id of the message that this one takes back; an object `id`, `reason` where there is one", "m1", "XEP-0424"),
    Row("reactions", MESSAGE, Element("reactions", namespaces.REACTIONS),
        Record(attribute("id", required=True), children("reactions", "reaction")),
        NEWER, "emoji in reaction to the message with this id; none to take them back", {"id": "m1", "reactions": ["👋"]}, "XEP-0444"),
    Row("reply", MESSAGE, Element("reply", namespaces.REPLIES), Record(attribute("id", required=True), attribute("to")), NEWER,
        "the message that is answered, and its sender", {"id": "m1", "to": "alice@example.com"}, "XEP-0461"),
    Row("receipt_request", MESSAGE, Element("request", namespaces.RECEIPTS), Flag(), NEWER,
        "the sender would like to know when it has arrived", True, "XEP-0184"),
    Row("receipt", MESSAGE, Element("received", namespaces.RECEIPTS), Attribute("id"), NEWER,
        "id of the message that has arrived", "m1", "XEP-0184"),
    Row("markable", MESSAGE, Element("markable", namespaces.CHAT_MARKERS), Flag(), NEWER,
        "the sender would like to know when it is read", True, "XEP-0333"),
    Row("displayed", MESSAGE, Element("displayed", namespaces.CHAT_MARKERS), Attribute("id"), NEWER,
        "id of the last message that was read", "m1", "XEP-0333"),
    Row("encryption", MESSAGE, Element("encryption", namespaces.ENCRYPTION), Attribute("namespace"), NEWER,
        "how it is encrypted, as a namespace", "eu.siacs.conversations.axolotl", "XEP-0380"),
    Row("fallback", MESSAGE, Element("fallback", namespaces.FALLBACK), Flag(), NEWER,
        "`body` is only for clients that do not understand the rest", True, "XEP-0428"),
    Row("attach_to", MESSAGE, Element("attach-to", namespaces.MESSAGE_ATTACHING), Attribute("id"), NEWER,
        "id of the message that this one belongs to", "m1", "XEP-0367"),
    Row("occupant_id", MESSAGE_OR_PRESENCE, Element("occupant-id", namespaces.OCCUPANT_ID), Attribute("id"), NEWER,
        "who it is in a room, whatever the nickname", "dd72603deec90a38ba552f7c68cbcc61bca202cd", "XEP-0421"),
    Row("origin_id", MESSAGE, Element("origin-id", namespaces.STANZA_IDS), Attribute("id"), NEWER,
        "id that the sender gave it", "m1", "XEP-0359"),
    Row("stanza_ids", MESSAGE, Element("stanza-id", namespaces.STANZA_IDS),
        Repeated(Record(attribute("id", required=True), attribute("by", required=True))),
        NEWER, "ids given on the way, and by whom", [{"id": "28482", "by": "room@muc.example.com"}], "XEP-0359"),
    Row("reference", MESSAGE, Element("reference", namespaces.REFERENCES),
        Record(attribute("type", required=True), attribute("uri", required=True), attribute("begin", COUNT), attribute("end", COUNT)),
        NEWER, "somebody or something that `body` mentions, and where in it",
        {"type": "mention", "uri": "xmpp:bob@example.com", "begin": 0, "end": 3}, "XEP-0372"),
)
"""Properties of messages."""

CARRIED = (
    Row("oob_url", MESSAGE_OR_PRESENCE, IN_STANZAS, OnlyChild("url"), SEED, "URL of an attached file", "https://example.com/a.jpg",
        "XEP-0066", also=(IN_QUERIES,), part_of=("oob", "url")),
    Row("oob", MESSAGE_OR_PRESENCE, IN_STANZAS, OOB, NEWER, "`oob_url` with a description",
        {"url": "https://example.com/a.jpg", "desc": "A pic"}, "XEP-0066", also=(IN_QUERIES,)),
    Row("oob_url", IQ, IN_QUERIES, OnlyChild("url"), SEED, "URL of a file to fetch", "https://example.com/a.jpg",
        "XEP-0066", also=(IN_STANZAS,), part_of=("oob", "url")),
    Row("oob", IQ, IN_QUERIES, OOB, NEWER, "`oob_url` with a description",
        {"url": "https://example.com/a.jpg", "desc": "A pic"}, "XEP-0066", also=(IN_STANZAS,)),
    Row("payload", STANZA_KINDS, Element("payload", namespaces.JSON_MESSAGE), Payload(), SEED,
        "any JSON, and what it is", {"datatype": "urn:example:reading", "data": {"celsius": 21.5}}, "XEP-0432"),
    Row("dataform", STANZA_KINDS, Element("x", namespaces.DATA_FORMS), DATA_FORM, SEED,
        "a [data form](#data-forms)", EXAMPLE_FORM, "XEP-0004"),
    Row("formdata", STANZA_KINDS, Element("x", namespaces.DATA_FORMS), FormData(), SEED,
        "a form of type `submit`, as a map; comes back as `dataform`", {"FORM_TYPE": "urn:example:order", "colour": "red"}, "XEP-0004"),
    Row("forwarded", MESSAGE, Element("forwarded", namespaces.FORWARD), FORWARDED, NEWER,
        "another message, and when it was sent", {"delay": TIME, "message": {"from": "bob@example.com", "body": "Hi"}}, "XEP-0297"),
    Row("invite", MESSAGE, Element("x", namespaces.DIRECT_INVITATION),
        Record(
            *(attribute("jid", required=True), attribute("reason"), attribute("password")),
            *(attribute("thread"), attribute("continue", BOOLEAN)),
        ),
        NEWER, "invitation to a room", {"jid": "room@muc.example.com", "reason": "Join us"}, "XEP-0249"),
    Row("muc_user", MESSAGE, Element("x", namespaces.MUC_USER),
        Record(
            child("item", Record(*[attribute(name) for name in ("jid", "nick", "affiliation", "role")])),
            child("invite", Record(attribute("to"), attribute("from"), child("reason"))),
            child("password"),
        ),
        NEWER, "what a room tells of the sender, such as his address; an invitation by way of the room",
        {"item": {"jid": "bob@example.com/desk", "affiliation": "member", "role": "participant"}}, "XEP-0045 §7.8"),
)
"""Payloads of messages, presences and iqs."""

PRESENCES = (
    Row("show", PRESENCE, Element("show"), TextElement(ChoiceValue(*sorted(SHOWS))), SEED,
        "kind of availability", "away", "RFC 6121 §4.7.2.1"),
    Row("status", PRESENCE, Element("status"), TextElement(), SEED, "availability in words", "Gone fishing", "RFC 6121 §4.7.2.2"),
    Row("priority", PRESENCE, Element("priority"), TextElement(IntegerValue(-128, 127, as_text=True)), SEED,
        "which of a user's clients gets his messages; a number is taken, too", "5", "RFC 6121 §4.7.2.3"),
    Row("join", PRESENCE, Element("x", namespaces.MUC), Flag(), SEED, "enters a room", True, "XEP-0045 §7.2",
        part_of=("muc", "")),
    Row("muc", PRESENCE, Element("x", namespaces.MUC),
        Record(
            child("history", Record(*[attribute(name, COUNT) for name in ("maxchars", "maxstanzas", "seconds")], attribute("since"))),
            child("password"),
        ),
        NEWER, "enters a room; how much of its history is wanted", {"history": {"maxstanzas": 20}}, "XEP-0045 §7.2"),
    Row("caps", PRESENCE, Element("c", namespaces.CAPABILITIES),
        Record(*[attribute(name) for name in ("hash", "node", "ver", "ext")]),
        NEWER, "what the client can do, as a hash",
        {"hash": "sha-1", "node": "https://example.com/client", "ver": "QgayPKawpkPSDYmwT/WM94uAlu0="}, "XEP-0115"),
    Row("vcard_update", PRESENCE, Element("x", namespaces.VCARD_UPDATE), Record(child("photo")), NEWER,
        "hash of the avatar", {"photo": "01b87fcd030b72895ff8e88db57ec525450f000d"}, "XEP-0153"),
    Row("idle_since", PRESENCE, Element("idle", namespaces.IDLE), Attribute("since"), NEWER,
        "since when the user is away from the keyboard", TIME, "XEP-0319"),
)
"""Keys of presences."""

QUERIES = (
    Row("ping", IQ, Element("ping", namespaces.PING), Flag(), SEED, "is anybody there?", True, "XEP-0199"),
    Row("version", IQ, Element("query", namespaces.SOFTWARE_VERSION), Record(child("name"), child("version"), child("os")), SEED,
        "asks with `true` or `{}`; the software and its version", {"name": "tigrest", "version": "1.0"}, "XEP-0092"),
    Row("disco", IQ, Element("query", namespaces.DISCO_INFO), INFO_QUERY, SEED,
        "asks with `true`, or with a node; what an entity is and can do. `extensions` are forms by their `FORM_TYPE`",
        {"identities": [{"category": "server", "type": "im", "name": "Example"}], "features": [namespaces.PING]},
        "XEP-0030"),
    Row("items", IQ, Element("query", namespaces.DISCO_ITEMS), ITEMS_QUERY, SEED,
        "asks with `true`, or with a node; other entities", [{"jid": "muc.example.com", "name": "Rooms"}], "XEP-0030"),
    Row("command", IQ, Element("command", namespaces.COMMANDS), CommandShape(), SEED,
        "an [ad-hoc command](#commands)", {"node": "uptime"}, "XEP-0050", sets=True),
    Row("stats", IQ, Element("query", namespaces.STATISTICS), WrappedList("stat", STATISTIC), SEED,
        "asks with `true`, `[]`, or for names; `value` is text, a number is taken, too; the unit is written `units`, as XEP-0039 has it",
        [{"name": "time/uptime", "unit": "seconds", "value": "3054635"}], "XEP-0039"),
    Row("lastactivity", IQ, Element("query", namespaces.LAST_ACTIVITY), Record(attribute("seconds", COUNT), own_text("status")), NEWER,
        "asks with `{}`; how long a client is idle, a user gone, a server up", {"seconds": 903}, "XEP-0012"),
    Row("extdisco", IQ, Element("services", namespaces.EXTERNAL_SERVICES), SERVICE_LIST, NEWER,
        "asks with `{}` or for a `type`; services of other protocols",
        {"services": [{"type": "turn", "host": "turn.example.com", "port": 3478, "transport": "udp"}]},
        "XEP-0215"),
    Row("gateway", IQ, Element("query", namespaces.LEGACY_GATEWAY), Record(child("desc"), child("prompt"), child("jid")), NEWER,
        "asks with `{}` how to address somebody beyond a gateway", {"desc": "Your friend's number", "prompt": "Number"}, "XEP-0100"),
    Row("register", IQ, Element("query", namespaces.REGISTER), REGISTRATION, NEWER,
        "asks with `{}` what is wanted to register; registers; `remove` ends it", {"username": "alice", "password": "…"}, "XEP-0077"),
    Row("upload_request", IQ, Element("request", namespaces.HTTP_UPLOAD), UPLOAD_REQUEST, NEWER,
        "asks where to upload a file", {"filename": "a.jpg", "size": 23456, "content-type": "image/jpeg"}, "XEP-0363"),
    Row("upload_slot", IQ, Element("slot", namespaces.HTTP_UPLOAD), UPLOAD_SLOT, NEWER,
        "where to upload it, and where it will be",
        {"put": {"url": "https://up.example.com/a", "headers": [{"name": "Cookie", "value": "x"}]}, "get": {"url": "https://example.com/a"}},
        "XEP-0363"),
    Row("block", IQ, Element("block", namespaces.BLOCKING), BLOCK_LIST, NEWER, "blocks addresses, with an abuse report if wanted",
        [{"jid": "spam@example.org", "report": {"reason": namespaces.REPORTED_SPAM}}], "XEP-0191, XEP-0377", sets=True),
    Row("blocklist", IQ, Element("blocklist", namespaces.BLOCKING), BLOCK_LIST, NEWER,
        "asks with `[]`; the addresses that are blocked", [{"jid": "spam@example.org"}], "XEP-0191"),
)
"""Keys of iqs: a get or set has exactly one payload. RFC 6120 §8.2.3"""

PAGES = (
    Row("archive", IQ, Element("query", namespaces.MESSAGE_ARCHIVE), ArchiveQuery(), NEWER, "asks an [archive](#archives)",
        {"with": "bob@example.com", "max": 10}, "XEP-0313", sets=True, only_reads=True),
    Row("archive", MESSAGE, Element("result", namespaces.MESSAGE_ARCHIVE),
        Record(attribute("queryid"), attribute("id"), child("forward", FORWARDED, name="forwarded", namespace=namespaces.FORWARD)),
        NEWER, "one message from an archive", {"id": "28482", "forward": {"delay": TIME, "message": {"body": "Hi"}}}, "XEP-0313"),
    Row("result", IQ, Element("fin", namespaces.MESSAGE_ARCHIVE), ARCHIVE_END, NEWER, "the end of an archive's answer",
        {"page": {"first": "28482", "last": "09af3", "count": 20}, "complete": True}, "XEP-0313"),
    Row("rsm", STANZA_KINDS, Element("set", namespaces.RESULT_SET), RESULT_PAGE, NEWER, "which page of a long result",
        {"max": 10, "after": "09af3"}, "XEP-0059"),
)
"""Archives and paging."""

FAILURES = (
    Row("error", STANZA_KINDS, Element("error"), ErrorShape(), NEWER, "what went wrong; the stanza is of type `error`",
        {"type": "cancel", "condition": "item-not-found", "text": "No such room"}, "RFC 6120 §8.3"),
    Row("error_code", STANZA_KINDS, Element("error"), ErrorCodeShape(), NEWER,
        "`error` by its code, an HTTP status as in the answers of webhooks; comes back as `error`", 404, "XEP-0086", part_of=("error", "")),
)
"""Errors."""
# fmt: on

ROWS = (*TEXTS, *ABOUT, *CARRIED, *PRESENCES, *QUERIES, *PAGES, *FAILURES)
"""All rows."""

GROUPS = {
    "Text": TEXTS,
    "About a message": ABOUT,
    "Carried along": CARRIED,
    "Presence": PRESENCES,
    "Queries": QUERIES,
    "Archives and pages": PAGES,
    "Errors": FAILURES,
}
"""The rows by headings of the reference."""

VOCABULARIES: dict[str, Vocabulary] = {kind: Vocabulary(kind, ROWS) for kind in STANZA_KINDS}
"""The keys of each kind of stanza, compiled."""
