"""XML namespaces of the protocols that the gateway speaks, with names of nodes and reasons that are URIs too: each stands here once."""

from __future__ import annotations

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
"""Bound to the prefix ``xml``. "Namespaces in XML" §3"""

XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/"
"""Bound to the prefix ``xmlns``. "Namespaces in XML" §3"""

# Streams

CLIENT = "jabber:client"
"""Stanzas between a client and its server, and everywhere inside tigrest. RFC 6120 §4.8.2"""

SERVER = "jabber:server"
"""Stanzas between two servers. RFC 6120 §4.8.2"""

COMPONENT = "jabber:component:accept"
"""Stanzas between a component and its server. XEP-0114"""

CONTENT_NAMESPACES = frozenset({"", CLIENT, COMPONENT, SERVER})
"""Default namespaces in which a stanza is read; without one, that of the stream is meant. RFC 6120 §4.8.2"""

STREAMS = "http://etherx.jabber.org/streams"
"""The stream itself. RFC 6120 §4.8.1"""

STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
"""Conditions of stream errors. RFC 6120 §4.9.2"""

STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
"""Conditions of stanza errors. RFC 6120 §8.3.2"""

STARTTLS = "urn:ietf:params:xml:ns:xmpp-tls"
"""RFC 6120 §5.4"""

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
"""RFC 6120 §6.4"""

BIND = "urn:ietf:params:xml:ns:xmpp-bind"
"""Resource binding. RFC 6120 §7.4"""

SESSION = "urn:ietf:params:xml:ns:xmpp-session"
"""RFC 3921 §3"""

BOSH = "http://jabber.org/protocol/httpbind"
"""XEP-0124"""

XMPP_OVER_BOSH = "urn:xmpp:xbosh"
"""XEP-0206"""

# Accounts

BLOCKING = "urn:xmpp:blocking"
"""XEP-0191"""

PRIVACY = "jabber:iq:privacy"
"""XEP-0016"""

PRIVATE_STORAGE = "jabber:iq:private"
"""XEP-0049"""

REGISTER = "jabber:iq:register"
"""XEP-0077"""

REPORTING = "urn:xmpp:reporting:1"
"""XEP-0377"""

REPORTED_SPAM = "urn:xmpp:reporting:spam"
"""A reason for a report. XEP-0377"""

ROSTER = "jabber:iq:roster"
"""RFC 6121 §2.1"""

# Acting for others

DELEGATION_PREFIX = "urn:xmpp:delegation:"
"""Beginning of the namespace in every version of XEP-0355."""

FORWARD = "urn:xmpp:forward:0"
"""XEP-0297"""

PRIVILEGE_PREFIX = "urn:xmpp:privilege:"
"""Beginning of the namespace in every version of XEP-0356."""

PRIVILEGES = (f"{PRIVILEGE_PREFIX}2", f"{PRIVILEGE_PREFIX}1")
"""The versions that are understood, newest first. XEP-0356"""

# Questions and answers

COMMANDS = "http://jabber.org/protocol/commands"
"""XEP-0050"""

DATA_FORMS = "jabber:x:data"
"""XEP-0004"""

DATA_VALIDATION = "http://jabber.org/protocol/xdata-validate"
"""XEP-0122"""

DISCO_INFO = "http://jabber.org/protocol/disco#info"
"""XEP-0030"""

DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
"""XEP-0030"""

ENTITY_TIME = "urn:xmpp:time"
"""XEP-0202"""

EXTERNAL_SERVICES = "urn:xmpp:extdisco:2"
"""XEP-0215"""

EXTERNAL_SERVICES_1 = "urn:xmpp:extdisco:1"
"""The namespace of XEP-0215 before version 0.7."""

HTTP_UPLOAD = "urn:xmpp:http:upload:0"
"""XEP-0363"""

LAST_ACTIVITY = "jabber:iq:last"
"""XEP-0012"""

LEGACY_ENTITY_TIME = "jabber:iq:time"
"""XEP-0090"""

LEGACY_GATEWAY = "jabber:iq:gateway"
"""XEP-0100"""

PING = "urn:xmpp:ping"
"""XEP-0199"""

SERVICE_ADMINISTRATION = "http://jabber.org/protocol/admin"
"""XEP-0133"""

SOFTWARE_VERSION = "jabber:iq:version"
"""XEP-0092"""

STATISTICS = "http://jabber.org/protocol/stats"
"""XEP-0039"""

# Archives, publish-subscribe, vCards and avatars

AVATAR_DATA = "urn:xmpp:avatar:data"
"""Namespace and node. XEP-0084"""

AVATAR_METADATA = "urn:xmpp:avatar:metadata"
"""Namespace and node. XEP-0084"""

MESSAGE_ARCHIVE = "urn:xmpp:mam:2"
"""XEP-0313"""

PUBSUB = "http://jabber.org/protocol/pubsub"
"""XEP-0060"""

PUBSUB_ERRORS = f"{PUBSUB}#errors"
"""XEP-0060"""

RESULT_SET = "http://jabber.org/protocol/rsm"
"""XEP-0059"""

VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0"
"""RFC 6351"""

VCARD4_NODE = "urn:xmpp:vcard4"
"""The node of a vCard4. XEP-0292"""

VCARD_TEMP = "vcard-temp"
"""XEP-0054"""

VCARD_UPDATE = "vcard-temp:x:update"
"""XEP-0153"""

# Parts of messages and presences

ACTIVITY = "http://jabber.org/protocol/activity"
"""XEP-0108"""

CAPABILITIES = "http://jabber.org/protocol/caps"
"""XEP-0115"""

CHAT_MARKERS = "urn:xmpp:chat-markers:0"
"""XEP-0333"""

CHAT_STATES = "http://jabber.org/protocol/chatstates"
"""XEP-0085"""

DELAYED_DELIVERY = "urn:xmpp:delay"
"""XEP-0203"""

DIRECT_INVITATION = "jabber:x:conference"
"""XEP-0249"""

ENCRYPTION = "urn:xmpp:eme:0"
"""XEP-0380"""

FALLBACK = "urn:xmpp:fallback:0"
"""XEP-0428"""

IDLE = "urn:xmpp:idle:1"
"""XEP-0319"""

JSON_CONTAINER = "urn:xmpp:json:0"
"""XEP-0335"""

JSON_MESSAGE = "urn:xmpp:json-msg:0"
"""XEP-0432"""

MESSAGE_ATTACHING = "urn:xmpp:message-attaching:1"
"""XEP-0367"""

MESSAGE_CORRECTION = "urn:xmpp:message-correct:0"
MESSAGE_RETRACTION = "urn:xmpp:message-retract:1"
"""XEP-0308"""

MUC = "http://jabber.org/protocol/muc"
"""XEP-0045"""

MUC_ADMIN = f"{MUC}#admin"
"""Those who are in chat rooms, or belong to them. XEP-0045 §9"""

MUC_OWNER = f"{MUC}#owner"
"""Requests of the owners of a room. XEP-0045 §10"""

MUC_USER = f"{MUC}#user"
"""Status of a room for its occupants, and invitations by way of it. XEP-0045 §7"""

MEDIA_ELEMENT = "urn:xmpp:media-element"
"""XEP-0221"""

NICKNAME = "http://jabber.org/protocol/nick"
"""XEP-0172"""

OCCUPANT_ID = "urn:xmpp:occupant-id:0"
"""XEP-0421"""

OUT_OF_BAND = "jabber:x:oob"
"""In messages and presences. XEP-0066 §3"""

OUT_OF_BAND_QUERY = "jabber:iq:oob"
"""In iqs. XEP-0066 §2"""

REACTIONS = "urn:xmpp:reactions:0"
"""XEP-0444"""

RECEIPTS = "urn:xmpp:receipts"
"""XEP-0184"""

REFERENCES = "urn:xmpp:reference:0"
"""XEP-0372"""

REPLIES = "urn:xmpp:reply:0"
"""XEP-0461"""

STANZA_IDS = "urn:xmpp:sid:0"
"""XEP-0359"""

XHTML = "http://www.w3.org/1999/xhtml"
"""The body inside :data:`XHTML_IM`. XEP-0071"""

XHTML_IM = "http://jabber.org/protocol/xhtml-im"
"""XEP-0071"""
