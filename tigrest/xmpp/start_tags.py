"""Attributes and namespace declarations in the start tags of stanzas, as text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tigrest.xmpp.jid import JID
from tigrest.xmpp.xml import SEPARATOR, escape_attribute


def write_attributes(attributes: Mapping[str, str]) -> str:
    """Write attributes, each preceded by a space.

    Args:
        attributes: values by name, which is written as it is.
    """
    return "".join(
        [
            _memoised(name, value) if name in _REPEATED and len(value) <= _MAX_REPEATED_LENGTH else _written(name, value)
            for name, value in attributes.items()
        ]
    )


def write_declarations(declared: Mapping[str, str]) -> str:
    """Write namespace declarations, each preceded by a space.

    Args:
        declared: namespaces by their prefixes.
    """
    return "".join([f' xmlns:{prefix}="{escape_attribute(uri)}"' for prefix, uri in declared.items()])


def name_as_written(name: str) -> str:
    """Return an attribute's name as it is written.

    Args:
        name: namespace, name and prefix as expat reports them, e.g. of ``xml:lang``; a name alone stays as it is.
    """
    return ":".join(reversed(name.split(SEPARATOR)[1:])) if SEPARATOR in name else name


def _written(name: str, value: str) -> str:
    return f' {name}="{escape_attribute(value)}"'


_memoised = lru_cache(maxsize=4096)(_written)
"""Attributes whose values recur, already escaped; for the names in :data:`_REPEATED` only."""

_REPEATED, _MAX_REPEATED_LENGTH = frozenset({"from", "to", "type", "xml:lang"}), 256
"""Names of the memoised attributes, and the length of their longest value: strangers choose values, and must not fill the memory."""


def with_prepared_addresses(attributes: Mapping[str, str]) -> dict[str, str] | None:
    """Return attributes with prepared ``from`` and ``to``; ``None`` where none of them changes. What is no address stays as it is.

    RFC 7622 §3.1
    """
    changed: dict[str, str] | None = None
    for name in ("from", "to"):
        written = attributes.get(name)
        if written is None or type(written) is JID:
            continue
        try:
            address = JID(written)
        except ValueError:
            continue
        if address != written:
            changed = changed or dict(attributes)
            changed[name] = address
    return changed
