"""Settings of an identity provider: which of its tokens count, and for whom they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from tigrest.hosts import is_loopback
from tigrest.xmpp.jid import JID

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""Algorithms of signatures that may be allowed: all have public keys. RFC 7518 §3.1, RFC 9864 §2"""

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

DISCOVERY = "/.well-known/openid-configuration"
"""Path of a provider's metadata, behind its issuer. OpenID Connect Discovery 1.0 §4"""


def is_safe_url(url: str) -> bool:
    """Return whether keys may be fetched from a URL: by HTTPS, or without a network. RFC 8414 §6.2"""
    try:
        target = urlsplit(url)
        target.port  # noqa: B018 - raises when it is not a port
    except ValueError:
        return False
    if not target.hostname or any(char.isspace() for char in url) or "@" in target.netloc:
        return False
    return target.scheme == "https" or (target.scheme == "http" and is_loopback(target.hostname))


def claim_of(claims: Mapping[str, Any], name: str) -> Any:
    """Return the value of a claim; ``None`` where there is none.

    Args:
        claims: of a token.
        name: of the claim, or a path with dots to one within others.
    """
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


@dataclass(frozen=True)
class ClaimValue:
    """A value that a claim of a token may have, alone or in a list.

    Args:
        claim: its name, or a path with dots, such as ``realm_access.roles``.
        value: what it has to be.
    """

    claim: str
    value: str

    def is_in(self, claims: Mapping[str, Any]) -> bool:
        """Return whether a token has it."""
        found = claim_of(claims, self.claim)
        values = found if isinstance(found, list) else found.split() if isinstance(found, str) and self.claim == "scope" else [found]
        return self.value in values


@dataclass(frozen=True)
class IssuerSettings:
    """An identity provider, and what of its tokens counts.

    Args:
        url: by which it calls itself, the claim ``iss``.
        audiences: one of them has to be in the claim ``aud``.
        domain: of the users.
        jid_claim: names the user: the local part of his address, or the whole of it.
        algorithms: of signatures that are accepted, some of :data:`ALGORITHMS`.
        admin: has to be in a token that is for all that its owner may; ``None`` where none is.
        scopes: further scopes of tokens that have a value.
        needs_account: whether the user has to have an account.
    """

    url: str
    audiences: tuple[str, ...]
    domain: JID
    jid_claim: str = "preferred_username"
    algorithms: tuple[Algorithm, ...] = ALGORITHMS
    admin: ClaimValue | None = None
    scopes: tuple[tuple[ClaimValue, tuple[str, ...]], ...] = ()
    needs_account: bool = True
