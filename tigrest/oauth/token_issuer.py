"""Issue tokens: what all grants have in common."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tigrest.auth.client_store import Client, ClientStore
from tigrest.auth.token_families import Family, Grant, Issued, TokenClaim, TokenFamilies
from tigrest.auth.token_store import GrantKind
from tigrest.http.replies import Reply
from tigrest.oauth.owners import Owners
from tigrest.oauth.parameters import Parameters
from tigrest.oauth.problems import OAuthError, answer
from tigrest.oauth.scopes import Granted
from tigrest.oauth.settings import OAuthSettings
from tigrest.observability.context import set_caller
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

GrantFunction = Callable[[Client | None, Parameters, str], Awaitable[Reply]]
"""Answers a request with one of the values of ``grant_type``: of a client, with parameters, from an IP address. RFC 6749 §4"""

MAX_SCOPE = 2000
"""Most characters of a scope: each word of it is looked up among the commands."""


@dataclass(frozen=True)
class Issue:
    """A token to be issued.

    Args:
        client: which gets it; ``None`` where none was named.
        owner: bare address of whom it stands for.
        granted: what it is for.
        kind: how it was granted.
        address: IP address that it was asked from; empty when it is unknown.
    """

    client: Client | None
    owner: JID
    granted: Granted
    kind: GrantKind
    address: str

    @property
    def grant(self) -> Grant:
        """Return what is stored of it."""
        number, name = (self.client.id, self.client.name) if self.client is not None else ("", "")
        return Grant(number, name, self.owner, self.granted.scopes, self.granted.scope, self.kind)


class TokenIssuer:
    """Issues tokens.

    Args:
        clients: notes which of them are used.
        families: stores what is granted.
        owners: is asked about users.
        settings: returns those that count now.
    """

    def __init__(self, clients: ClientStore, families: TokenFamilies, owners: Owners, settings: Callable[[], OAuthSettings]) -> None:
        self._clients, self.families, self.owners, self._settings = clients, families, owners, settings

    @property
    def settings(self) -> OAuthSettings:
        """Return the settings that count now."""
        return self._settings()

    async def issue(self, issue: Issue, seconds: float | None = None, claim: TokenClaim | None = None) -> Reply | None:
        """Issue a token, and a refresh token where the client may use one.

        Args:
            issue: what for.
            seconds: lifetime of the access token; by default that of the settings.
            claim: takes what becomes the tokens; see :meth:`tigrest.auth.token_families.TokenFamilies.redeem`.

        Returns:
            The answer; ``None`` when somebody else has claimed that.

        Raises:
            OAuthError: nothing is granted.
        """
        client, granted = issue.client, self._checked(issue)
        access = self.settings.access_seconds if seconds is None else seconds
        renews = client is not None and "refresh_token" in client.grants and issue.kind != "client"  # RFC 6749 §4.4.3
        refresh = self.settings.refresh_seconds if renews else None
        if claim is None:
            issued: Issued | None = await self.families.begin(issue.grant, access, refresh)
        else:
            issued = await self.families.redeem(claim, issue.grant, access, refresh)
        if issued is None:
            return None
        if client is not None:
            await self._clients.note_use(client)
        log.info("a token for %s is issued to %s at %s", issue.owner, _name(client), issue.address or "an unknown address")
        return _told(issued, granted, access)

    async def renew(self, issue: Issue, refresh: str) -> Reply | None:
        """Replace the tokens of a refresh token.

        Returns:
            The answer; ``None`` when the refresh token was used before.

        Raises:
            OAuthError: nothing is granted any more.
        """
        granted, settings = self._checked(issue), self.settings
        issued = await self.families.rotate(refresh, issue.grant, settings.access_seconds, settings.refresh_seconds)
        return None if issued is None else _told(issued, granted, settings.access_seconds)

    async def end_reused(self, family: Family | str, what: str) -> OAuthError:
        """End a family that something made which comes twice, and return the error for it: one of the two has stolen it.

        RFC 6749 §4.1.2, RFC 9700 §4.14.2
        """
        await self.families.end(family if isinstance(family, str) else family.id)
        log.warning("%s was used twice; all tokens of that login are revoked", what)
        return OAuthError("invalid_grant", f"{what} was used before; all tokens of that login are revoked")

    async def require_account(self, owner: JID) -> None:
        """Refuse to issue tokens for an account that is gone.

        Raises:
            OAuthError: it is.
            NotConnected: the server cannot be asked.
        """
        if not await self.owners.are_there(owner):
            raise OAuthError("invalid_grant", "the account that the token would be for is gone")

    def _checked(self, issue: Issue) -> Granted:
        set_caller(issue.owner)
        if not issue.granted.scopes:
            raise OAuthError("invalid_scope", "nothing of that scope is known here, and this user's to grant")
        return issue.granted


def asked_scope(parameters: Parameters) -> str:
    """Return the scope that a client asks for; empty for none.

    Raises:
        OAuthError: it is too long, or has characters that no scope has. RFC 6749 §3.3
    """
    scope = parameters.get("scope", "")
    if not (scope.isascii() and scope.isprintable()):
        raise OAuthError("invalid_scope", "a scope is words of printable ASCII characters")
    if len(scope) > MAX_SCOPE:
        raise OAuthError("invalid_scope", f"a scope has at most {MAX_SCOPE} characters")
    return scope


def _name(client: Client | None) -> str:
    return "no client" if client is None else client.name or client.id


def _told(issued: Issued, granted: Granted, seconds: float) -> Reply:
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
