"""Grants by a login: of a user by his password, of a client by its secret; and what follows from one by a refresh token."""

from __future__ import annotations

from tigrest.auth.client_store import Client
from tigrest.auth.token_families import Family
from tigrest.errors import LoginRequired
from tigrest.http.replies import Reply
from tigrest.oauth.parameters import Parameters, required
from tigrest.oauth.problems import OAuthError, unknown_client
from tigrest.oauth.scopes import DEFAULT_SCOPE
from tigrest.oauth.token_issuer import Issue, TokenIssuer, asked_scope

MAX_TTL_DIGITS = 10
"""Most digits of ``ttl``, in seconds."""


class LoginGrants:
    """Issues tokens for logins.

    Args:
        issuer: makes them.
    """

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def by_password(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Issue tokens for the password of a user. RFC 6749 §4.3"""
        username, password = required(parameters, "username"), required(parameters, "password")
        seconds, asked = self._lifetime(parameters), asked_scope(parameters)
        try:
            owner = await self._issuer.owners.sign_in(username, password, address)
        except LoginRequired as error:
            raise OAuthError("invalid_grant", str(error)) from None
        limit = client.scope if client else ""
        granted = self._issuer.owners.grant(owner, asked or limit or DEFAULT_SCOPE, limit)
        reply = await self._issuer.issue(Issue(client, owner, granted, "password", address), seconds)
        assert reply is not None  # nothing is claimed
        return reply

    async def by_refresh(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Replace the tokens of a family. RFC 6749 §6"""
        token = required(parameters, "refresh_token")
        found = None if client is None else await self._issuer.families.find_refresh(token)
        if client is None or found is None or found.family.client != client.id:
            raise OAuthError("invalid_grant", "the refresh token is unknown, revoked, or has expired, or is another client's")
        family = found.family
        if not found.is_current:
            raise await self._issuer.end_reused(family, f"the refresh token for {family.owner}")
        granted = self._issuer.owners.grant(family.owner, await self._asked(family, parameters), client.scope)
        reply = await self._issuer.renew(Issue(client, family.owner, granted, family.kind, address), token)
        if reply is None:
            raise await self._issuer.end_reused(family, f"the refresh token for {family.owner}")
        return reply

    async def by_secret(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Issue a token for the account that a client stands for by itself. RFC 6749 §4.4"""
        if client is None or client.is_public:
            raise unknown_client("a client needs its secret for this")
        if client.owner is None:
            raise OAuthError("unauthorized_client", "the client stands for no account: an administrator makes one that does")
        await self._issuer.require_account(client.owner)
        if not client.scope:
            raise OAuthError("invalid_scope", "the client has no scope: an administrator gives it one")
        granted = self._issuer.owners.grant_by_admin(client.owner, asked_scope(parameters) or client.scope, client.scope)
        reply = await self._issuer.issue(Issue(client, client.owner, granted, "client", address))
        assert reply is not None  # nothing is claimed
        return reply

    async def _asked(self, family: Family, parameters: Parameters) -> str:
        """Return the scope that a client asks for anew: what was granted, or less.

        Raises:
            OAuthError: it is more, or the account of the user is gone.
        """
        if not await self._issuer.owners.are_there(family.owner):
            await self._issuer.families.end(family.id)
            raise OAuthError("invalid_grant", "the account that the refresh token is for is gone")
        asked = asked_scope(parameters) or family.scope
        if not set(asked.split()) <= set(family.scope.split()):
            raise OAuthError("invalid_scope", "a refresh token makes no tokens for more than what was granted")
        return asked

    def _lifetime(self, parameters: Parameters) -> float:
        """Return the lifetime of an access token, which ejabberd's clients choose by ``ttl``, in seconds.

        Raises:
            OAuthError: it is no number of seconds.
        """
        settings, ttl = self._issuer.settings, parameters.get("ttl")
        if ttl is None:
            return settings.access_seconds
        if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= MAX_TTL_DIGITS and int(ttl)):
            raise OAuthError("invalid_request", "ttl is a number of seconds above 0")
        return min(float(ttl), max(settings.refresh_seconds, settings.access_seconds))
