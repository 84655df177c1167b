"""The authorisation server: its endpoints, and where they are."""

from __future__ import annotations

from collections.abc import Iterator

from tigrest.auth.client_store import GRANTS, ClientStore
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_families import TokenFamilies
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import base_url
from tigrest.oauth.clients import Clients
from tigrest.oauth.inspection import InspectionEndpoints
from tigrest.oauth.issuing import Owners, TokenEndpoint
from tigrest.oauth.problems import answer, oauth_failure
from tigrest.oauth.registration import RegistrationEndpoint
from tigrest.oauth.scopes import FOREIGN_SCOPES, GENERAL_SCOPES
from tigrest.oauth.settings import OAuthSettings

ROOTS = ("/oauth2", "/oauth")
"""Where the endpoints are: clients of Prosody's modules use the first, those of ejabberd the second."""

METADATA = "/.well-known/oauth-authorization-server"
"""Where clients read what there is. RFC 8414 §3"""


class AuthorizationServer:
    """Gives clients tokens for users who log in by them.

    Args:
        families: stores what users grant.
        clients: stores clients.
        throttle: counts failures of each network.
        owners: is asked about users.
        settings: of the server.
    """

    def __init__(self, families: TokenFamilies, clients: ClientStore, throttle: Throttle, owners: Owners, settings: OAuthSettings) -> None:
        self._settings = settings
        authenticated = Clients(clients, throttle)
        self._issuing = TokenEndpoint(authenticated, clients, families, owners, self._current)
        self._registration = RegistrationEndpoint(clients, self._current)
        self._inspection = InspectionEndpoints(authenticated, families, owners.logins.knows)

    def configure(self, settings: OAuthSettings) -> None:
        """Replace the settings, from the next request on."""
        self._settings = settings

    def mounts(self) -> Iterator[Mount]:
        """Return what is served.

        Pages of every origin may use what a login that a browser remembers does not count for: tokens, and their end.
        """
        for root in ROOTS:
            yield Mount(f"{root}/token", self._issuing.answer, ("POST",), origins="any", failure=oauth_failure)
            yield Mount(f"{root}/revoke", self._inspection.revoke, ("POST",), origins="any", failure=oauth_failure)
            yield Mount(f"{root}/introspect", self._inspection.introspect, ("POST",), failure=oauth_failure)
            yield Mount(f"{root}/register", self._registration.answer, ("POST",), failure=oauth_failure)
        yield Mount(METADATA, self._tell, origins="any", failure=oauth_failure)

    async def _tell(self, request: MountRequest) -> Reply:
        """Tell what there is. RFC 8414 §2"""
        issuer = base_url(request.scope)
        root = f"{issuer}{ROOTS[0]}"
        methods = ["client_secret_basic", "client_secret_post"]
        document: dict[str, object] = {
            "issuer": issuer,
            "token_endpoint": f"{root}/token",
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            "revocation_endpoint": f"{root}/revoke",
            "revocation_endpoint_auth_methods_supported": ["none"],
            "introspection_endpoint": f"{root}/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "grant_types_supported": [*GRANTS],
            "response_types_supported": [],
            "scopes_supported": [*GENERAL_SCOPES, *FOREIGN_SCOPES],
        }
        if self._settings.register != "off":
            document["registration_endpoint"] = f"{root}/register"
        return answer(document)

    def _current(self) -> OAuthSettings:
        return self._settings
