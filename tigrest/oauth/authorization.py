"""Requests of clients that have sent a user's browser here for a code. RFC 6749 §4.1.1"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from tigrest.auth.client_store import Client, ClientStore
from tigrest.formats.urlencoded import read_parameters
from tigrest.http.requests import base_url
from tigrest.oauth.problems import OAuthError
from tigrest.oauth.redirects import redirect_target, with_parameters
from tigrest.oauth.scopes import DEFAULT_SCOPE
from tigrest.oauth.token_issuer import MAX_SCOPE

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url. RFC 7636 §4.2"""


@dataclass(frozen=True)
class AuthorizationRequest:
    """Request of a client to a user.

    Args:
        client: which.
        target: where he is sent back to.
        redirect_uri: the same as the client has named it; empty where it has not.
        scope: what the client asks for, with spaces between.
        state: what it wants to have back; empty for nothing.
        challenge: what only it can answer; empty for none.
        login_hint: who it thinks that he is; empty for nobody.
        issuer: our own URL, as the user knows it.
    """

    client: Client
    target: str
    redirect_uri: str
    scope: str
    state: str
    challenge: str
    login_hint: str
    issuer: str

    def back(self, **parameters: str) -> str:
        """Return the URL that a user is sent back to. RFC 6749 §4.1.2, RFC 9207 §2"""
        return with_parameters(self.target, {**parameters, "state": self.state, "iss": self.issuer})


class AuthorizationRefused(OAuthError):
    """A request cannot be granted, which the client is to be told. RFC 6749 §4.1.2.1

    Args:
        code: of the error.
        description: what is wrong, for people.
        request: what was asked, and where the client is told.
    """

    def __init__(self, code: str, description: str, request: AuthorizationRequest) -> None:
        super().__init__(code, description)
        self.request = request


async def read_authorization(scope: Scope, clients: ClientStore) -> AuthorizationRequest:
    """Read what a client asks for, which stands in the query.

    Args:
        scope: of the request (ASGI).
        clients: where the client is.

    Raises:
        OAuthError: it is not known which client asks, or where the user would be sent: nobody is told but himself.
        AuthorizationRefused: the client asks for what cannot be.
    """
    pairs = read_parameters(scope["query_string"])
    given = {name: value for name, value in pairs if value}
    doubled = {name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1}
    if doubled & {"client_id", "redirect_uri"}:
        raise OAuthError("invalid_request", "client_id or redirect_uri stands there twice")
    client = await clients.find(given.get("client_id", ""))
    if client is None:
        raise OAuthError("invalid_request", "the program that has sent you here is not known here: its client_id is missing or wrong")
    target = redirect_target(client, given.get("redirect_uri", ""))
    if target is None:
        raise OAuthError(
            "invalid_request", "the program that has sent you here wants you back at an address that it has not registered (redirect_uri)"
        )
    request = _request(client, target, given, base_url(scope))
    if trouble := _trouble(client, given, bool(doubled)):
        code, description = trouble
        raise AuthorizationRefused(code, description, request)
    return request


def _request(client: Client, target: str, given: Mapping[str, str], issuer: str) -> AuthorizationRequest:
    return AuthorizationRequest(
        client=client,
        target=target,
        redirect_uri=given.get("redirect_uri", ""),
        scope=given.get("scope", "") or client.scope or DEFAULT_SCOPE,
        state=given.get("state", ""),
        challenge=given.get("code_challenge", ""),
        login_hint=given.get("login_hint", ""),
        issuer=issuer,
    )


def _trouble(client: Client, given: Mapping[str, str], is_doubled: bool) -> tuple[str, str] | None:
    """Return code and description of what is wrong with a request; ``None`` for nothing. RFC 6749 §4.1.2.1, RFC 7636 §4.4.1"""
    if is_doubled:
        return "invalid_request", "a parameter stands there twice"
    if "authorization_code" not in client.grants:
        return "unauthorized_client", "the client has not registered the grant type authorization_code"
    if given.get("response_type") != "code":
        code = "unsupported_response_type" if "response_type" in given else "invalid_request"
        return code, "response_type has to be code"
    if len(given.get("scope", "")) > MAX_SCOPE:
        return "invalid_scope", f"a scope has at most {MAX_SCOPE} characters"
    challenge, method = given.get("code_challenge", ""), given.get("code_challenge_method", "plain")
    if not challenge and (client.is_public or "code_challenge_method" in given):
        return "invalid_request", "a client without a secret needs a code_challenge (PKCE)"
    if challenge and (method != "S256" or not _CHALLENGE.fullmatch(challenge)):
        return "invalid_request", "code_challenge_method has to be S256, and code_challenge 43 characters of base64url"
    return None
