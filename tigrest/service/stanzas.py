"""Stanzas as scripts write them: XML as text or elements, JSON, or a message by its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, ParamSpec, Protocol, TypedDict
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidJID, InvalidStanza, MalformedContent, ScriptStanzaInvalid
from tigrest.formats.stanza_json.reading import from_json
from tigrest.xmpp.stanza import Stanza

Arguments = ParamSpec("Arguments")


class HasXml(Protocol):
    """An object with a stanza in it, such as slixmpp's."""

    @property
    def xml(self) -> ET.Element:
        """Return its element."""


StanzaLike = Stanza | Mapping[str, Any] | str | bytes | bytearray | memoryview | ET.Element | HasXml
"""Whatever stands for a stanza: a mapping is JSON (docs/stanzas-as-json.md), text and bytes are XML."""

WRITTEN_AS_XML = (Stanza, str, bytes, bytearray, memoryview, ET.Element)
"""Types of XML; objects with an ``xml`` are the others."""

MessageType = Literal["chat", "normal", "groupchat", "headline"]
"""Types of messages that are sent. RFC 6121 §5.2.2"""


class MessageParts(TypedDict, total=False):
    """Parts of a message besides recipient and body: keys of stanzas in JSON, and shorter names for two of them.

    Of other keys of messages in JSON, those that are not named here, a type checker knows nothing; they may be given all the same.
    """

    type: MessageType
    """Type; ``chat`` where it is not given."""
    subject: str | None
    """Subject. RFC 6121 §5.2.4"""
    thread: str | None
    """Conversation that it belongs to. RFC 6121 §5.2.5"""
    from_: str | None
    """Sender; our own address, or the caller's, where it is not given."""
    html: str | None
    """The body with formatting: XHTML in ``<body>``. XEP-0071"""
    url: str | None
    """URL of a file that is sent along; where there is no body it is the body, as clients want it. XEP-0066"""
    id: str | None
    """Id; a new one where it is not given."""
    lang: str | None
    """Language of the text, e.g. ``de``."""
    nick: str | None
    """Nickname of the sender. XEP-0172"""
    replace: str | None
    """Id of the message that this one corrects. XEP-0308"""


def stanza_of(value: StanzaLike) -> Stanza:
    """Return what was given as a stanza.

    Raises:
        MalformedContent: it is JSON with an unknown key or an invalid value, which the message names.
        InvalidStanza: it is no stanza.
        InvalidJID: it is JSON, and an address in it is none.
    """
    if isinstance(value, Mapping):
        return from_json(value)
    if not isinstance(value, WRITTEN_AS_XML) and not isinstance(getattr(value, "xml", None), ET.Element):
        raise InvalidStanza(f"{type(value).__name__} is not a stanza: give a dict, XML as text, bytes or an Element, or a Stanza")
    return Stanza.of(value)


def message_of(to: str, body: str, parts: Mapping[str, Any]) -> Stanza:
    """Make a message of its parts.

    Args:
        to: recipient.
        body: text; may be empty where there is something else.
        parts: see :class:`MessageParts`; an id should be among them.

    Raises:
        MalformedContent: a part is unknown or has an invalid value; the message names it.
        InvalidStanza: it has no such type, or nothing to say.
        InvalidJID: an address is none.
    """
    if not to:
        raise InvalidStanza("a message has a recipient: say to whom it goes")
    url, sender, rest = parts.get("url"), parts.get("from_"), {key: value for key, value in parts.items() if key not in ("url", "from_")}
    value = {"type": "chat", "body": body or url or None, **rest}
    if url is not None:
        value["oob_url"] = url
    if sender is not None:
        value["from"] = sender
    if not any(value.get(key) is not None for key in value.keys() - {"type", "id", "from", "lang"}):
        raise InvalidStanza("a message has a body, a subject, or something else to say")
    return from_json(value, kind="message", to=to)


def blaming_script(make: Callable[Arguments, Stanza], *arguments: Arguments.args, **keywords: Arguments.kwargs) -> Stanza:
    """Make a stanza that a script itself sends: its caller is not to blame when it is none.

    Raises:
        ScriptStanzaInvalid: it is none, or has an address that is none.
    """
    try:
        stanza = make(*arguments, **keywords)
        _ = stanza.to, stanza.sender  # raises for what is no address
    except (MalformedContent, InvalidJID) as error:
        raise ScriptStanzaInvalid(str(error)) from error
    return stanza
