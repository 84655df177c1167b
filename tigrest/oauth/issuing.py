"""The token endpoint: what a client presents becomes an access token. RFC 6749 §3.2"""

from __future__ import annotations

from collections.abc import Mapping

from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import client_address
from tigrest.oauth.clients import Clients
from tigrest.oauth.parameters import parameters_of, required
from tigrest.oauth.problems import OAuthError
from tigrest.oauth.token_issuer import GrantFunction


class TokenEndpoint:
    """Issues tokens.

    Args:
        clients: authenticates clients.
        grants: what there is, by ``grant_type``.
    """

    def __init__(self, clients: Clients, grants: Mapping[str, GrantFunction]) -> None:
        self._clients, self._grants = clients, grants

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
