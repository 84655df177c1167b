"""Roots of stanzas that were written by somebody: checked, in one pass of expat, and separated from the rest of the bytes.

RFC 6120 §8.1
"""

from __future__ import annotations

from typing import NamedTuple

from tigrest.errors import InvalidStanza, MalformedContent
from tigrest.xmpp.kinds import STANZA_KINDS
from tigrest.xmpp.namespaces import CLIENT, CONTENT_NAMESPACES
from tigrest.xmpp.start_tags import name_as_written, write_declarations
from tigrest.xmpp.xml import SEPARATOR, check_document, serialize, tree

_KINDS = {f"{namespace}{SEPARATOR}{kind}" if namespace else kind: kind for namespace in CONTENT_NAMESPACES for kind in STANZA_KINDS}
"""Kinds of stanzas by the names of their roots as expat reports them: without a prefix, in a namespace in which they are read."""


class StanzaRoot(NamedTuple):
    """The root of a stanza.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        attributes: without namespace declarations.
        prefixes: declarations of the namespace prefixes used inside, as written by :func:`~tigrest.xmpp.start_tags.write_declarations`.
        data: bytes of the stanza, from the first ``<`` to the last ``>``.
        children: how many it has.
    """

    kind: str
    attributes: dict[str, str]
    prefixes: str
    data: bytes
    children: int


def read_root(text: bytes | str, max_nodes: int) -> StanzaRoot:
    """Check a stanza, and read its root.

    Args:
        text: the stanza in UTF-8.
        max_nodes: most elements and attributes that it may have.

    Raises:
        InvalidStanza: see :meth:`tigrest.xmpp.stanza.Stanza.parse`.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    try:
        root = check_document(data, max_nodes)
    except MalformedContent as error:
        raise InvalidStanza(str(error)) from error
    kind, attributes = _KINDS.get(root.name), root.attributes
    if kind is None:
        namespace, _, name = root.name.rpartition(SEPARATOR)
        if SEPARATOR in namespace:  # the root has a prefix: inside a stream it needs none, so write it anew
            return read_root(serialize(tree(data)), max_nodes)
        inside = f" in namespace {namespace[:80]!r}" if namespace else ""
        raise InvalidStanza(f"<{name[:80]}>{inside} is not a stanza: send one message, presence or iq in {CLIENT}")
    if SEPARATOR in "".join(attributes):
        attributes = {name_as_written(name): value for name, value in attributes.items()}
    prefixes = write_declarations(root.declared) if root.declared else ""
    return StanzaRoot(kind, attributes, prefixes, data[root.start :].rstrip(), root.children)
