"""TokenIdentity providers: check their tokens, which are JWTs, and tell for whom they are. RFC 7519, RFC 8725"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry, decode

from tigrest.auth.issuer_keys import IssuerKeys
from tigrest.auth.issuer_settings import IssuerSettings, claim_of
from tigrest.errors import InvalidJID, InvalidToken
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import STATUS_ENDPOINT

LEEWAY_SECONDS = 10
"""By how much clocks may differ, in seconds."""

MAX_LENGTH = 16_384
"""Longest token, in characters."""

TOKEN_TYPES = ("jwt", "at+jwt", "application/at+jwt")
"""Values of the header ``typ`` that are accepted, in lower case: others are for something else, such as logging out. RFC 8725 §3.11"""

OTHER_KINDS = ("id", "refresh", "offline", "logout")
"""Values of the claim ``typ``, in lower case, by which Keycloak tells tokens for something else from those for access.

Its ID tokens have the same header, and the audience of a client that is named like ours; browsers send them in URLs, as ``id_token_hint``.
RFC 8725 §3.12
"""

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class TokenIdentity:
    """Claims of a token that count here.

    Args:
        owner: bare address of whom it stands for.
        scopes: what it is for.
        expires: when it ends, in seconds of Unix time.
    """

    owner: JID
    scopes: frozenset[str]
    expires: float


class _Registry(JWSRegistry):
    """Accept headers with a chain of certificates in them, which some providers add; those are not looked at."""

    max_header_length = 8192
    max_payload_length = MAX_LENGTH


def is_jwt(text: str) -> bool:
    """Return whether a token has the form of a signed JWT: three parts in base64url. RFC 7515 §3.1"""
    return len(text) <= MAX_LENGTH and _FORM.fullmatch(text) is not None


def claimed_issuer(text: str) -> str:
    """Return who a JWT says that it is from, which nobody has verified; empty where it does not say."""
    found = _decoded(text.split(".")[1]).get("iss")
    return found if isinstance(found, str) else ""


class Issuer:
    """Check tokens of one identity provider.

    Args:
        settings: what of its tokens counts.
        keys: those of the provider.
        unix_clock: tells seconds of Unix time.
    """

    def __init__(self, settings: IssuerSettings, keys: IssuerKeys, unix_clock: Callable[[], float] = time.time) -> None:
        self.settings, self._keys = settings, keys
        self._registry = _Registry(algorithms=settings.algorithms, strict_check_header=False)
        self._claims = JWTClaimsRegistry(
            now=lambda: int(unix_clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": settings.url},
            aud={"essential": True, "values": list(settings.audiences)},
            exp={"essential": True},
        )

    async def read_keys(self) -> int:
        """Read the keys of the provider, and return how many there are.

        Raises:
            IssuerUnavailable: there are none.
        """
        return await self._keys.read()

    async def identify(self, text: str) -> TokenIdentity:
        """Return what a token says, once its signature and its claims are found to be right.

        Args:
            text: a token of this provider, by what it says itself.

        Raises:
            InvalidToken: it is not valid; the message says why.
            IssuerUnavailable: the keys of the provider cannot be read.

        RFC 7519 §7.2
        """
        claims = await self._verified(text)
        try:
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise self._refused("it has expired") from None
        except MissingClaimError as error:
            raise self._refused(f"it has no claim {error.claim}") from None
        except InvalidClaimError as error:
            raise self._refused(_CLAIM_CURES.get(error.claim, f"its claim {error.claim} is not right")) from None
        if "cnf" in claims:
            raise self._refused("it is bound to a key of the client (cnf), and no bearer token")
        if "events" in claims:
            raise self._refused("it tells of an event, and is not for logging in")
        if str(claims.get("typ", "")).lower() in OTHER_KINDS:
            raise self._refused("it is no token for access: its claim typ says so")
        return TokenIdentity(self._owner(claims), self._scopes(claims), float(claims["exp"]))

    async def _verified(self, text: str) -> dict[str, Any]:
        """Return the claims of a token whose signature is right. RFC 7515 §5.2"""
        header = _decoded(text.split(".")[0])
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if algorithm not in self.settings.algorithms:
            raise self._refused("its algorithm is not allowed ([[auth.issuers]] algorithms)")
        if not isinstance(kind, str) or kind.lower() not in TOKEN_TYPES:
            raise self._refused("its type (typ) is not that of a token for access")
        keys = await self._keys.find(kid if isinstance(kid, str) else None, algorithm)
        for key in keys:
            try:
                return decode(text, key, registry=self._registry, algorithms=self.settings.algorithms).claims
            except (JoseError, ValueError, TypeError, RecursionError):
                continue
        raise self._refused("its signature is not right" if keys else "its provider has no such key")

    def _owner(self, claims: Mapping[str, Any]) -> JID:
        """Return the address of the user.

        It has to be written as XMPP compares it, in lower case: providers may have users of two names that are one address.
        """
        claim, domain = self.settings.jid_claim, self.settings.domain
        named = claim_of(claims, claim)
        if not isinstance(named, str) or not named:
            raise self._refused(f"it has no claim {claim}, which names the user ([[auth.issuers]] jid_claim)")
        if claim == "email" and claims.get("email_verified") is not True:
            raise self._refused("its email address is not verified")
        text = named if "@" in named else f"{named}@{domain}"
        try:
            owner = JID(text)
        except InvalidJID:
            raise self._refused(f"its claim {claim} is no local part of an address") from None
        if owner != text or owner.resource or not owner.local or owner.domain != domain or owner.local == STATUS_ENDPOINT:
            raise self._refused(f"its claim {claim} is not the address of a user of {domain}, in lower case, nor its local part")
        return owner

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        settings = self.settings
        scopes = {"user"}
        if settings.admin is not None and settings.admin.is_in(claims):
            scopes.add("admin")
        scopes.update(name for value, names in settings.scopes if value.is_in(claims) for name in names)
        return frozenset(scopes)

    def _refused(self, why: str) -> InvalidToken:
        return InvalidToken(f"the token of {self.settings.url} is not accepted: {why}")


_CLAIM_CURES = {
    "aud": "it is for somebody else: its claim aud has none of [[auth.issuers]] audience",
    "iss": "it is from another provider",
    "nbf": "it is not valid yet",
    "iat": "it is from the future: is the clock right?",
}


def _decoded(part: str) -> dict[str, Any]:
    """Return a part of a JWT; empty where it is no JSON object in base64url."""
    try:
        value = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def find_issuer(issuers: Sequence[Issuer], text: str) -> Issuer | None:
    """Return the provider that a token says it is from; ``None`` for none, and what is no JWT."""
    if not issuers or not is_jwt(text):
        return None
    claimed = claimed_issuer(text)
    return next((issuer for issuer in issuers if issuer.settings.url == claimed), None)
