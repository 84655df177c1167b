"""Conversion of stanzas into JSON."""

from __future__ import annotations

from typing import Any

from tigrest.errors import MalformedContent
from tigrest.formats.stanza_json import envelope
from tigrest.formats.stanza_json.table import VOCABULARIES
from tigrest.xmpp.stanza import Stanza


def to_json(stanza: Stanza) -> dict[str, Any]:
    """Convert a stanza into JSON.

    Keys of generation ``seed`` have the values of that generation; newer keys are added to them. Elements without a key are left out.

    Args:
        stanza: the stanza.

    Raises:
        MalformedContent: messages are forwarded inside one another too deeply.
    """
    kind = stanza.kind
    found = {"kind": kind, **envelope.attributes_as_json(kind, stanza.attributes)}
    if not stanza.is_empty:
        try:
            found |= VOCABULARIES[kind].read(stanza.xml)
        except RecursionError:
            raise MalformedContent("the stanza is nested too deeply") from None
    if stanza.type == "result" and isinstance(found.get("items"), bool | str):
        found["items"] = []  # in XML an empty list looks like a query
    if stanza.type == "error":
        found.setdefault("error", {})
    else:
        found.pop("error", None)
    return found
