"""Make the reply out of what an ``on_`` method returns."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidStanza, InvalidValue
from tigrest.formats.stanza_json.reading import from_json
from tigrest.service.stanzas import stanza_of
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import STANZA_KINDS
from tigrest.xmpp.namespaces import CLIENT, CONTENT_NAMESPACES
from tigrest.xmpp.stanza import Stanza, make_stanza
from tigrest.xmpp.xml import parse, split_name


def reply_to(stanza: Stanza, result: Any, id: str) -> Stanza | None:
    """Make the stanza that a result stands for; ``None`` for none.

    Args:
        stanza: what was heard; it has ``from`` and ``to``.
        result: what the method returned.
        id: of the reply, where it has none of its own.

    Raises:
        TigrestError: the result is nothing that can be sent.
    """
    if result is None:
        return None
    if inspect.iscoroutine(result):
        result.close()  # else Python warns of it, some time later
        raise InvalidValue("it is a coroutine that was not awaited: write await")
    if stanza.kind == "iq":
        return _result(stanza, result)
    said = _text(stanza, result) if isinstance(result, str) else _said(stanza, result)
    return None if said is None else _addressed(stanza, said, id)


def _text(stanza: Stanza, text: str) -> Stanza | None:
    """Make a message with a text, in the thread of the one that it replies to. RFC 6121 §5.2.5"""
    if stanza.kind != "message":
        raise InvalidValue('text is no reply to a presence; return a Stanza, or a dict such as {"type": "subscribed"}')
    if not text:
        return None
    body = ET.Element(f"{{{CLIENT}}}body")
    body.text = text
    thread = stanza.xml.find(f"{{{CLIENT}}}thread")
    return make_stanza("message", "", None, body, *([] if thread is None else [_without_tail(thread)]))


def _without_tail(element: ET.Element) -> ET.Element:
    copy = ET.Element(element.tag, element.attrib)
    copy.text = element.text
    return copy


def _said(stanza: Stanza, result: Any) -> Stanza:
    if not isinstance(result, Mapping):
        said = stanza_of(result)
        if all(said.attributes.get(name) == stanza.attributes.get(name) for name in ("from", "to")):
            return said.with_(to=None, sender=None, id=None)  # what was heard, sent back as it is
        return said
    kind = result.get("kind", stanza.kind)
    if stanza.kind == kind == "message" and "thread" not in result:
        result = {**result, "thread": stanza.xml.findtext(f"{{{CLIENT}}}thread")}
    return from_json(result, kind=kind)


def _addressed(stanza: Stanza, said: Stanza, id: str) -> Stanza | None:
    """Add what a reply has and what was said has not. To an error there is no reply, but something may be sent elsewhere."""
    attributes = said.attributes
    if stanza.type == "error" and "to" not in attributes:
        return None
    settled = said.type
    if not settled and said.kind == stanza.kind == "message" and stanza.type != "error":
        settled = stanza.type
    to = attributes.get("to") or stanza.attributes["from"]
    if settled == "groupchat":
        to = JID(to).bare
    default_id = stanza.attributes.get("id") if settled == "error" else id
    sender = attributes.get("from") or stanza.attributes["to"]
    return said.with_(type=settled or None, to=to, sender=sender, id=said.id or default_id)


def _result(iq: Stanza, result: Any) -> Stanza:
    """Make the result or error of an iq, addressed to who asked. RFC 6120 §8.2.3"""
    if isinstance(result, Mapping):
        said = from_json(result, kind="iq", type="result")
    else:
        element = parse(bytes(result)) if isinstance(result, bytes | bytearray) else result
        if isinstance(element, ET.Element) and not _is_stanza(element):
            return iq.reply(element)
        if isinstance(element, str):
            raise InvalidValue("text is no reply to an iq; return a dict, an element or a Stanza")
        said = stanza_of(element)
    if said.kind != "iq":
        raise InvalidStanza(f"a {said.kind} is no reply to an iq")
    if said.type != "error" and len(said.xml) > 1:
        raise InvalidStanza(f"a result has at most one payload, this one has {len(said.xml)}")
    ours = {"type": "error" if said.type == "error" else "result", "to": iq.attributes["from"], "sender": iq.attributes["to"]}
    return said.with_(**ours, id=iq.attributes.get("id"))


def _is_stanza(element: ET.Element) -> bool:
    namespace, name = split_name(element.tag)
    return name in STANZA_KINDS and namespace in CONTENT_NAMESPACES
