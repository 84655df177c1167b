"""Conversion of JSON into stanzas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.errors import InvalidStanza, MalformedContent
from tigrest.formats.stanza_json import envelope
from tigrest.formats.stanza_json.table import ROWS, VOCABULARIES
from tigrest.formats.stanza_json.validation import OBJECT, ValidationError
from tigrest.spelling import nearest
from tigrest.xmpp.kinds import KIND_OF_TYPE
from tigrest.xmpp.stanza import Stanza

KINDS_OF_KEY = {row.key: {kind for other in ROWS if other.key == row.key for kind in other.kinds} for row in ROWS}
SHAPES = {row.key: row.shape for row in ROWS}
DECIDING = {kind: frozenset(key for key, kinds in KINDS_OF_KEY.items() if kinds == {kind}) for kind in VOCABULARIES}
"""Keys that belong to one kind only, by that kind: they decide the kind where none is given."""


def from_json(value: Mapping[str, Any], *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
    """Convert JSON into a stanza.

    Missing kind and type are inferred, see ``docs/stanzas-as-json.md``. A missing id stays missing.

    Args:
        value: the stanza as JSON.
        kind: overrides the kind in the value, which then may be empty; ``None`` for the one in the value.
        type: overrides the type in the value; ``None`` for the one in the value.
        to: overrides the recipient in the value; ``None`` or empty for the one in the value.

    Raises:
        MalformedContent: the value is no object or is empty, has a key that is unknown or of another kind, or an invalid value.
        InvalidStanza: there is no such kind or type, or an iq has too many or too few payloads (RFC 6120 §8.2.3).
        InvalidJID: ``to`` or ``from`` is not an XMPP address.
    """
    try:
        return _stanza(value, kind, type, to or "")
    except ValidationError as mismatch:
        raise MalformedContent(str(mismatch)) from None
    except RecursionError:
        raise MalformedContent("the stanza is nested too deeply") from None


def from_query(query: str, value: Any, to: str = "") -> Stanza:
    """Make an iq with one key.

    Args:
        query: the key, e.g. ``disco``.
        value: its value; ignored for ``ping``.
        to: recipient; empty for none.

    Raises:
        MalformedContent: the value is not valid.
        InvalidStanza: an iq has no such key.
        InvalidJID: ``to`` is not an XMPP address.
    """
    check_query(query)
    return from_json({query: True if query == "ping" else value}, kind="iq", to=to)


def from_parameters(query: str, parameters: Mapping[str, str], to: str = "") -> Stanza:
    """Make an iq with one key from the parameters of a query string.

    Args:
        query: the key, e.g. ``disco``.
        parameters: members of its value as text; numbers and booleans are converted.
        to: recipient; empty for none.

    Raises:
        MalformedContent: a parameter is not valid.
        InvalidStanza: an iq has no such key.
        InvalidJID: ``to`` is not an XMPP address.
    """
    check_query(query)
    return from_query(query, VOCABULARIES["iq"].rows[query].shape.from_parameters(parameters), to)


def from_texts(texts: Mapping[str, str], *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
    """Make a stanza from the fields of an HTML form, which can express a subset of JSON.

    Args:
        texts: values by key; converted where JSON has no text, e.g. an empty ``ping`` into ``true``.
        kind, type, to: see :func:`from_json`.

    Raises:
        MalformedContent, InvalidStanza, InvalidJID: see :func:`from_json`.
    """
    value = {key: SHAPES[key].from_text(text) if key in SHAPES else text for key, text in texts.items()}
    return from_json(value, kind=kind, type=type, to=to)


def check_query(query: str) -> None:
    """Check that a key may stand in an iq.

    Raises:
        InvalidStanza: it may not; the message names the most similar key.
    """
    keys = VOCABULARIES["iq"].keys
    if query not in keys:
        close = nearest(query, keys)
        cure = f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(keys))}"
        raise InvalidStanza(f"{query[:40]!r} is not a query; {cure}")


def _stanza(value: Mapping[str, Any], kind: str | None, type: str | None, to: str) -> Stanza:
    if not isinstance(value, OBJECT) or (not value and kind is None):
        raise ValidationError.of(value, "an object with the keys of a stanza")
    wanted_kind, wanted_type = kind or value.get("kind"), type or value.get("type")
    kind = _inferred_kind(value, wanted_type) if wanted_kind is None else envelope.check_kind(wanted_kind)
    vocabulary = VOCABULARIES[kind]
    written = vocabulary.write(value)
    settled = _type(value, kind, wanted_type)
    if kind == "iq" and settled != "error":
        _check_payload(settled, value, len(written))
    rest = f">{''.join(written)}</{kind}>" if written else "/>"
    return Stanza(kind, envelope.attributes_from_json(value, settled, to), "", rest.encode())


def _type(value: Mapping[str, Any], kind: str, wanted: Any) -> str:
    """Return the type of a stanza.

    It is ``error`` if there is an error, else the wanted one; else ``get`` or ``set`` for an iq, by its keys, and none for other kinds.
    """
    if value.get("error") is not None or value.get("error_code") is not None:
        return "error"
    if wanted is not None:
        return envelope.check_type(wanted, kind)
    if kind != "iq":
        return ""
    return "get" if VOCABULARIES[kind].sets.isdisjoint(value) else "set"


def _inferred_kind(value: Mapping[str, Any], type: Any) -> str:
    """Infer the kind of a stanza from its type, else from a key that only one kind has; else it is a message."""
    if isinstance(type, str) and type in KIND_OF_TYPE:
        return KIND_OF_TYPE[type]
    keys = {key for key, item in value.items() if item is not None or key in VOCABULARIES["iq"].nullable}
    # iqs and messages have this key: a message, the result, carries another message in it, and a query does not
    if "archive" in keys and not (isinstance(value["archive"], OBJECT) and "forward" in value["archive"]):
        return "iq"
    return next((kind for kind in ("iq", "message", "presence") if not DECIDING[kind].isdisjoint(keys)), "message")


def _check_payload(type: str, value: Mapping[str, Any], count: int) -> None:
    if type == "result":
        if count <= 1:
            return
        wanted = "at most one payload"
    elif count == 1:
        return
    else:
        wanted = "exactly one payload"
    keys = ", ".join(sorted(VOCABULARIES["iq"].keys.intersection(value))) or "none"
    raise InvalidStanza(f"an iq of type {type} has {wanted}; this one has {count}: {keys}")
