"""The token endpoint: a login or a refresh token becomes an access token. RFC 6749 §3.2"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tigrest.auth.client_store import Client, ClientStore
from tigrest.auth.logins import Logins
from tigrest.auth.token_families import Grant, Issued, Refresh, TokenFamilies
from tigrest.errors import LoginRequired, NotSupported
from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import client_address
from tigrest.oauth.clients import Clients
from tigrest.oauth.parameters import Parameters, parameters_of, required
from tigrest.oauth.problems import OAuthError, answer
from tigrest.oauth.scopes import DEFAULT_SCOPE, Granted, grant_of
from tigrest.oauth.settings import OAuthSettings
from tigrest.observability.context import set_caller
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

MAX_TTL_DIGITS = 10
"""Most digits of ``ttl``, in seconds."""

MAX_SCOPE = 2000
"""Most characters of a scope: each word of it is looked up among the commands."""

MAX_LOGIN = 4096
"""Most characters of a username, and of a password: more is no login that a server takes."""


@dataclass(frozen=True)
class Owners:
    """What is asked about users.

    Args:
        logins: checks their passwords.
        is_admin: tells whether somebody has the role admin.
        exists: tells whether there is an account.
        is_command: tells whether commands have a name or a tag.
    """

    logins: Logins
    is_admin: Callable[[JID], bool]
    exists: Callable[[JID], Awaitable[bool]]
    is_command: Callable[[str], bool]

    def grant(self, owner: JID, asked: str, limit: str = "") -> Granted:
        """Return what a user can grant; see :func:`~tigrest.oauth.scopes.grant_of`."""
        return grant_of(asked, is_admin=self.is_admin(owner), is_command=self.is_command, limit=limit)

    async def are_there(self, owner: JID) -> bool:
        """Return whether there is an account; also where the XMPP server does not tell.

        Raises:
            NotConnected: the server cannot be asked.
        """
        if self.logins.has_own(owner):
            return True
        try:
            return await self.exists(owner)
        except NotSupported:
            return True


class TokenEndpoint:
    """Issues tokens.

    Args:
        clients: authenticates clients.
        client_store: notes which of them are used.
        families: stores what is granted.
        owners: is asked about users.
        settings: returns those that count now.
    """

    def __init__(
        self,
        clients: Clients,
        client_store: ClientStore,
        families: TokenFamilies,
        owners: Owners,
        settings: Callable[[], OAuthSettings],
    ) -> None:
        self._clients, self._client_store, self._families, self._owners = clients, client_store, families, owners
        self._settings = settings
        self._grants = {"password": self._by_password, "refresh_token": self._by_refresh}

    async def answer(self, request: MountRequest) -> Reply:
        """Answer a request for a token.

        Raises:
            OAuthError: it is not granted.
            TooManyFailures, NotConnected: as :meth:`tigrest.auth.logins.Logins.sign_in`.
        """
        parameters = await parameters_of(request)
        client = await self._clients.of(request, parameters)
        grant_type = required(parameters, "grant_type")
        grant = self._grants.get(grant_type)
        if grant is None:
            raise OAuthError("unsupported_grant_type", f"grant_type is {grant_type[:40]!r}; there is {', '.join(self._grants)}")
        if client is not None and grant_type not in client.grants:
            raise OAuthError("unauthorized_client", f"the client has not registered the grant type {grant_type}")
        return await grant(client, parameters, client_address(request.scope))

    async def _by_password(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Issue tokens for a login. RFC 6749 §4.3"""
        username, password = required(parameters, "username"), required(parameters, "password")
        seconds, settings, asked = self._lifetime(parameters), self._settings(), _asked_scope(parameters)
        if max(len(username), len(password)) > MAX_LOGIN:
            raise OAuthError("invalid_grant", "the login is not accepted")
        try:
            owner = await self._owners.logins.sign_in(username, password, address)
        except LoginRequired as error:
            raise OAuthError("invalid_grant", str(error)) from None
        set_caller(owner)
        limit = client.scope if client else ""
        granted = self._owners.grant(owner, asked or limit or DEFAULT_SCOPE, limit)
        if not granted.scopes:
            raise OAuthError("invalid_scope", "nothing of that scope is known here, and this user's to grant")
        grant = _grant(client, owner, granted)
        refresh_seconds = settings.refresh_seconds if client is not None and "refresh_token" in client.grants else None
        issued = await self._families.begin(grant, seconds, refresh_seconds)
        if client is not None:
            await self._client_store.note_use(client)
        log.info("a token for %s is issued to %s at %s", owner, _name(client), address or "an unknown address")
        return _issued(issued, granted, seconds)

    async def _by_refresh(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Replace the tokens of a family. RFC 6749 §6"""
        token, settings = required(parameters, "refresh_token"), self._settings()
        found = None if client is None else await self._families.find_refresh(token)
        if client is None or found is None or found.family.client != client.id:
            raise OAuthError("invalid_grant", "the refresh token is unknown, revoked, or has expired, or is another client's")
        if not found.is_current:
            raise await self._reused(found)
        owner = found.family.owner
        set_caller(owner)
        granted = self._owners.grant(owner, await self._asked(found, parameters), client.scope)
        if not granted.scopes:
            raise OAuthError("invalid_scope", "nothing of that scope is this user's to grant any more")
        seconds = settings.access_seconds
        issued = await self._families.rotate(token, _grant(client, owner, granted), seconds, settings.refresh_seconds)
        if issued is None:
            raise await self._reused(found)
        return _issued(issued, granted, seconds)

    async def _asked(self, found: Refresh, parameters: Parameters) -> str:
        """Return the scope that a client asks for anew: what was granted, or less.

        Raises:
            OAuthError: it is more, or the account of the user is gone.
        """
        family = found.family
        if not await self._owners.are_there(family.owner):
            await self._families.end(family)
            raise OAuthError("invalid_grant", "the account that the refresh token is for is gone")
        asked = _asked_scope(parameters) or family.scope
        if not set(asked.split()) <= set(family.scope.split()):
            raise OAuthError("invalid_scope", "a refresh token makes no tokens for more than what was granted")
        return asked

    async def _reused(self, found: Refresh) -> OAuthError:
        """End a family whose refresh token comes twice: one of the two has stolen it. RFC 9700 §4.14.2"""
        await self._families.end(found.family)
        log.warning("a refresh token for %s was used twice; all tokens of that login are revoked", found.family.owner)
        return OAuthError("invalid_grant", "the refresh token was used before; all tokens of that login are revoked")

    def _lifetime(self, parameters: Parameters) -> float:
        """Return the lifetime of an access token, which ejabberd's clients choose by ``ttl``, in seconds.

        Raises:
            OAuthError: it is no number of seconds.
        """
        settings, ttl = self._settings(), parameters.get("ttl")
        if ttl is None:
            return settings.access_seconds
        if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= MAX_TTL_DIGITS and int(ttl)):
            raise OAuthError("invalid_request", "ttl is a number of seconds above 0")
        return min(float(ttl), max(settings.refresh_seconds, settings.access_seconds))


def _grant(client: Client | None, owner: JID, granted: Granted) -> Grant:
    number, name = (client.id, client.name) if client is not None else ("", "")
    return Grant(number, name, owner, granted.scopes, granted.scope)


def _asked_scope(parameters: Parameters) -> str:
    """Return the scope that a client asks for; empty for none.

    Raises:
        OAuthError: it is too long.
    """
    scope = parameters.get("scope", "")
    if len(scope) > MAX_SCOPE:
        raise OAuthError("invalid_scope", f"a scope has at most {MAX_SCOPE} characters")
    return scope


def _name(client: Client | None) -> str:
    return "no client" if client is None else client.name or client.id


def _issued(issued: Issued, granted: Granted, seconds: float) -> Reply:
    """Return the answer with tokens; ``bearer`` is in lower case, since Snikket's portal compares it so. RFC 6749 §5.1"""
    document: dict[str, object] = {
        "access_token": issued.access,
        "token_type": "bearer",
        "expires_in": int(seconds),
        "scope": granted.scope,
    }
    if issued.refresh:
        document["refresh_token"] = issued.refresh
    return answer(document)
