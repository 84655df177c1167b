"""``[[auth.issuers]]``: identity providers whose tokens are accepted."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator
from pydantic_core import PydanticKnownError

from tigrest.auth.issuer_settings import ALGORITHMS, DISCOVERY, Algorithm, ClaimValue, is_safe_url
from tigrest.config.fields import ArrayOf, Domain, KeyProblem, NonEmptyText
from tigrest.config.section import Section

_SCOPE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def _url(value: str) -> str:
    if not is_safe_url(value) or "?" in value or "#" in value:
        raise ValueError(f'"{value}" is no https:// URL without query; http:// is for this machine only')
    return value


def _one_or_more(value: object) -> object:
    """Return a single text as an array of one."""
    return (value,) if isinstance(value, str) else value


def _claim_value(value: object) -> ClaimValue:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    claim, equals, wanted = value.partition("=")
    if not (claim and equals and wanted):
        raise ValueError(f'"{value}" is not a claim and its value: write "groups=xmpp-admins", or "realm_access.roles=xmpp-admin"')
    return ClaimValue(claim, wanted)


def _scope(value: str) -> str:
    if value == "admin":
        raise ValueError('"admin" is not given here: use admin_claim')
    if not _SCOPE.fullmatch(value):
        raise ValueError(f'"{value}" is no scope: use a tag, the name of a command, or a word that permissions name')
    return value


ClaimText = Annotated[ClaimValue, PlainValidator(_claim_value)]
Scope = Annotated[str, AfterValidator(_scope)]
SafeUrl = Annotated[str, AfterValidator(_url)]
Audiences = Annotated[ArrayOf[NonEmptyText], BeforeValidator(_one_or_more)]


class IssuerConfig(Section):
    """``[[auth.issuers]]``: an identity provider."""

    url: SafeUrl
    audience: Audiences
    jid_claim: NonEmptyText = "preferred_username"
    domain: Domain | None = None
    admin_claim: ClaimText | None = None
    scopes: dict[ClaimText, ArrayOf[Scope]] = Field(default_factory=dict)
    algorithms: ArrayOf[Algorithm] = ALGORITHMS
    jwks_url: SafeUrl | None = None
    needs_account: bool = True

    @model_validator(mode="after")
    def _check(self) -> IssuerConfig:
        if not self.audience:
            raise KeyProblem("audience", "is empty: name what the provider calls this gateway, its client or its audience")
        if not self.algorithms:
            raise KeyProblem("algorithms", "is empty: leave it out, or name one")
        if self.url.endswith(DISCOVERY):
            raise KeyProblem("url", f"ends with {DISCOVERY}: leave that out, the gateway looks there by itself")
        return self
