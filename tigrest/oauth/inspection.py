"""The endpoints about tokens that there are: revocation (RFC 7009) and introspection (RFC 7662)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from tigrest.auth.client_store import Client, is_client
from tigrest.auth.token_families import REFRESH_PREFIX, Family, TokenFamilies
from tigrest.auth.token_store import Token
from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.oauth.clients import Clients, read_client_login
from tigrest.oauth.parameters import Parameters, parameters_of, required
from tigrest.oauth.problems import OAuthError, answer, unknown_client
from tigrest.oauth.scopes import FOREIGN_SCOPES
from tigrest.xmpp.jid import JID

_INACTIVE: Mapping[str, object] = {"active": False}
"""Answer about a token that is unknown, or not for the caller to know. RFC 7662 §2.2"""


class _AdminNeeded(NamedTuple):
    """Requirements on a caller who looks at tokens of others."""

    role: Literal["admin"] = "admin"
    api_key: bool = False

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it demands a login."""
        return True


class InspectionEndpoints:
    """Revokes tokens, and tells what they are.

    Args:
        clients: authenticates clients.
        families: where tokens are.
        knows: tells whether somebody could log in: tokens of others are refused.
    """

    def __init__(self, clients: Clients, families: TokenFamilies, knows: Callable[[JID], bool]) -> None:
        self._clients, self._families, self._knows = clients, families, knows

    async def revoke(self, request: MountRequest) -> Reply:
        """Revoke a token, for whoever presents it: he could use it as well, and Snikket's portal shows nothing else when it logs out.

        Raises:
            OAuthError: there is none in the request.

        RFC 7009 §2
        """
        await self._families.revoke(required(await parameters_of(request), "token"))
        return answer({})

    async def introspect(self, request: MountRequest) -> Reply:
        """Tell what a token is, to the client that has got it and to admins.

        Raises:
            OAuthError: the client is not authenticated.
            LoginRequired, RoleRequired: the caller is neither a client nor an admin.

        RFC 7662 §2
        """
        parameters = await parameters_of(request)
        client = await self._client_or_admin(request, parameters)
        token = required(parameters, "token")
        if token.startswith(REFRESH_PREFIX):
            refresh = await self._families.find_refresh(token)
            family = refresh.family if refresh is not None and refresh.is_current else None
            return answer(_of_refresh(family) if family is not None and _may_see(client, family) else _INACTIVE)
        found = await self._families.find_access(token)
        if found is None or not _may_see(client, found[1]) or not self._knows(found[0].owner):
            return answer(_INACTIVE)
        return answer(_of_access(*found))

    async def _client_or_admin(self, request: MountRequest, parameters: Parameters) -> Client | None:
        """Authenticate a client by its secret, or else an admin: ``None``."""
        authorization = request.fields.get(b"authorization", b"")
        is_basic = authorization[:6].lower() == b"basic "
        if "client_id" not in parameters and not (is_basic and is_client(_username(authorization))):
            await request.admit(_AdminNeeded())
            return None
        client = await self._clients.of(request, parameters)
        if client is None or client.is_public:
            raise unknown_client("a client needs its secret for this")
        return client


def _username(authorization: bytes) -> str:
    try:
        return read_client_login(authorization)[0]
    except OAuthError:
        return ""


def _may_see(client: Client | None, family: Family | None) -> bool:
    """Return whether a client owns a token; admins, without a client, see all."""
    return client is None or (family is not None and family.client == client.id)


def _of_access(token: Token, family: Family | None) -> dict[str, object]:
    words = (
        sorted(token.scopes)
        if family is None
        else [word for word in family.scope.split() if FOREIGN_SCOPES.get(word, word) in token.scopes]
    )
    document = _described(str(token.owner), " ".join(words), "" if family is None else family.client)
    document |= {"token_type": "bearer", "iat": int(datetime.fromisoformat(token.created).timestamp())}
    return document if token.expires is None else document | {"exp": int(token.expires)}


def _of_refresh(family: Family) -> dict[str, object]:
    return _described(str(family.owner), family.scope, family.client) | {"iat": int(family.created), "exp": int(family.expires)}


def _described(owner: str, scope: str, client: str) -> dict[str, object]:
    document: dict[str, object] = {"active": True, "scope": scope, "username": owner, "sub": owner}
    return document | {"client_id": client} if client else document
