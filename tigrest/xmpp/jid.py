"""XMPP addresses: parsed, prepared and compared. RFC 7622"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from tigrest.errors import InvalidJID

# Nearly all addresses are ASCII: these parts need no stringprep but for their case.
_ASCII_LOCAL = re.compile(r"[!#-%(-.0-9;=?A-\[\]-~\\]{1,1023}", re.ASCII)
_ASCII_DOMAIN = re.compile(r"(?=.{1,1023}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*", re.ASCII | re.I)
_ASCII_RESOURCE = re.compile(r"[ -~]{1,1023}", re.ASCII)


class JID(str):
    """An XMPP address, ``[local@]domain[/resource]``, prepared and compared as text.

    A JID *is* a string (its full form), so it may be used wherever text is: as a key, in JSON, in a format.

    Args:
        text: an address; case is folded in local part and domain.

    Raises:
        InvalidJID: the text is not an address: a part is empty, too long (1023 bytes), or has a forbidden character.

    RFC 7622; prepared by the stringprep profiles of RFC 6122, as XMPP servers still do.
    """

    __slots__ = ("domain", "local", "resource")

    local: str
    """Part before the ``@``; empty when there is none."""
    domain: str
    """The domain; never empty."""
    resource: str
    """Part after the first ``/``; empty when there is none."""

    def __new__(cls, text: str) -> JID:
        if isinstance(text, JID):
            return text
        return _memoised(text) if len(text) <= _MAX_CACHED_LENGTH else _parse(text)

    @classmethod
    def of(cls, local: str, domain: str, resource: str = "") -> JID:
        """Make an address from prepared parts, without checking them again."""
        bare = f"{local}@{domain}" if local else domain
        jid = str.__new__(cls, f"{bare}/{resource}" if resource else bare)
        jid.local, jid.domain, jid.resource = local, domain, resource
        return jid

    @property
    def bare(self) -> JID:
        """Return the address without its resource."""
        return JID.of(self.local, self.domain) if self.resource else self

    @property
    def is_bare(self) -> bool:
        """Return whether the address has no resource."""
        return not self.resource

    def with_resource(self, resource: str) -> JID:
        """Return the address of the same account with another resource.

        Raises:
            InvalidJID: the resource is empty, too long or has a forbidden character.
        """
        return JID(f"{self.bare}/{resource}")

    def __reduce__(self) -> tuple[type[JID], tuple[str]]:
        return (JID, (str(self),))

    def __str__(self) -> str:
        return str.__str__(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let models have fields of this type. https://docs.pydantic.dev/latest/concepts/types/#custom-types"""
        return handler.generate_schema(Annotated[str, AfterValidator(cls), WithJsonSchema({"type": "string", "format": "jid"})])


class AddressKind(enum.Enum):
    """A kind of address, to restrict an argument to: ``Annotated[JID, AddressKind.BARE]``.

    RFC 6120 §1.4
    """

    BARE = "bare"
    FULL = "full"
    DOMAIN = "domain"

    def check(self, jid: JID) -> JID:
        """Return an address of this kind as it is.

        Raises:
            InvalidJID: it is of another kind.
        """
        if self is AddressKind.FULL:
            cure = "" if jid.resource else "write local@domain/resource"
        elif self is AddressKind.BARE:
            cure = "" if jid.is_bare else "leave out the /resource"
        else:
            cure = "" if jid.is_bare and not jid.local else "write only the domain"
        if cure:
            raise InvalidJID(f"{_shown(jid)} is not a {self.value} address: {cure}")
        return jid

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let models have fields of this kind."""
        return handler.generate_schema(Annotated[source, AfterValidator(self.check), WithJsonSchema({"type": "string", "format": "jid"})])


BareJID = Annotated[JID, AddressKind.BARE]
"""An address without a resource."""

FullJID = Annotated[JID, AddressKind.FULL]
"""An address with a resource."""

DomainJID = Annotated[JID, AddressKind.DOMAIN]
"""The address of a domain."""


_ESCAPED = re.compile(r"[ \"&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)")


def escaped(text: str) -> str:
    r"""Escape a text for use as a local part: ``robot@example.org`` becomes ``robot\40example.org``.

    XEP-0106 §4.1
    """
    return _ESCAPED.sub(lambda match: f"\\{ord(match[0]):02x}", text)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls, line separators and surrogates: refused even where preparation would drop them."""

_MAX_CACHED_LENGTH = 256
"""Longest address in the cache, in characters: strangers choose addresses, and must not fill the memory with them."""


def _parse(text: str) -> JID:
    """Split an address and prepare its parts."""
    head, slash, resource = text.partition("/")
    local, at, domain = head.rpartition("@")
    if (at and not local) or (slash and not resource) or "@" in local:
        raise InvalidJID(f"{_shown(text)} is not an XMPP address: write local@domain or local@domain/resource")
    return JID.of(
        _prepared("local part", local, text) if at else "",
        _prepared("domain", domain[:-1] if domain.endswith(".") else domain, text),
        _prepared("resource", resource, text) if slash else "",
    )


_memoised = lru_cache(maxsize=4096)(_parse)


def _prepared(part: str, value: str, whole: str) -> str:
    quick = {"local part": _ASCII_LOCAL, "domain": _ASCII_DOMAIN, "resource": _ASCII_RESOURCE}[part]
    if quick.fullmatch(value):
        return value if part == "resource" else value.lower()
    if not value or len(value.encode("utf-8", "surrogatepass")) > 1023:
        raise InvalidJID(f"{_shown(whole)} is not an XMPP address: its {part} is {'empty' if not value else 'longer than 1023 bytes'}")
    prepared = _stringprep(part, value)
    if not prepared or len(prepared.encode()) > 1023:
        raise InvalidJID(f"{_shown(whole)} is not an XMPP address: its {part} has a character that is not allowed there")
    return prepared


def load_preparation() -> None:
    """Import slixmpp, which prepares addresses that are not ASCII.

    The import takes about 0.1 s, which the event loop must not spend on the first such address: call this at the start.
    """
    _stringprep("domain", "ü.example")


def _stringprep(part: str, value: str) -> str:
    """Prepare a part with slixmpp's stringprep profiles.

    Returns:
        The prepared part; empty when it has a forbidden character.

    RFC 6122 Appendix A and B
    """
    from slixmpp.jid import JID as Prepared
    from slixmpp.jid import InvalidJID as Refused

    if _CONTROL.search(value) is not None:
        return ""
    try:
        if part == "domain":
            prepared = str(Prepared(value).domain)
        elif part == "local part":
            prepared = str(Prepared(f"{value}@x").local)
        else:
            prepared = str(Prepared(f"x/{value}").resource)
    except (Refused, UnicodeError):
        return ""
    return prepared if prepared.isprintable() else ""  # a no-break space has become a space, a joiner is gone


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
