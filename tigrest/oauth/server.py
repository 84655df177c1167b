"""The authorisation server: its endpoints, and where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tigrest.auth.client_store import DEVICE_GRANT, GRANTS, ClientStore
from tigrest.auth.code_store import CodeStore
from tigrest.auth.device_store import DeviceStore
from tigrest.auth.scopes import GENERAL_SCOPES
from tigrest.auth.sign_in_store import SignInStore
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_families import TokenFamilies
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import base_url
from tigrest.oauth.authorize import AuthorizationEndpoint
from tigrest.oauth.clients import Clients
from tigrest.oauth.consent_grants import ConsentGrants
from tigrest.oauth.devices import DeviceEndpoint, DevicePage
from tigrest.oauth.inspection import InspectionEndpoints
from tigrest.oauth.issuing import TokenEndpoint
from tigrest.oauth.login_grants import LoginGrants
from tigrest.oauth.owners import Owners
from tigrest.oauth.pages import page_failure
from tigrest.oauth.problems import answer, oauth_failure
from tigrest.oauth.questions import Questions
from tigrest.oauth.registration import RegistrationEndpoint
from tigrest.oauth.scopes import FOREIGN_SCOPES
from tigrest.oauth.settings import OAuthSettings
from tigrest.oauth.token_issuer import GrantFunction, TokenIssuer

ROOTS = ("/oauth2", "/oauth")
"""Paths of the endpoints: clients of Prosody's modules use the first, those of ejabberd the second."""

METADATA = "/.well-known/oauth-authorization-server"
"""Paths of the server's metadata. RFC 8414 §3"""


@dataclass(frozen=True)
class Stores:
    """Stores of the authorisation server.

    Args:
        families: what users have granted, and its tokens.
        clients: clients.
        codes: what was granted to clients that have not fetched their tokens yet.
        devices: devices that wait for their users.
        sign_ins: users who are being asked.
    """

    families: TokenFamilies
    clients: ClientStore
    codes: CodeStore
    devices: DeviceStore
    sign_ins: SignInStore


class AuthorizationServer:
    """Gives clients tokens for users.

    Args:
        stores: what is stored.
        throttle: counts failures of each network.
        owners: is asked about users.
        settings: of the server.
    """

    def __init__(self, stores: Stores, throttle: Throttle, owners: Owners, settings: OAuthSettings) -> None:
        self._settings = settings
        clients, authenticated = stores.clients, Clients(stores.clients, throttle)
        issuer = TokenIssuer(clients, stores.families, owners, lambda: self._settings)
        self._issuing = TokenEndpoint(authenticated, make_grants(issuer, stores))
        self._registration = RegistrationEndpoint(clients, lambda: self._settings)
        self._inspection = InspectionEndpoints(authenticated, stores.families, owners.logins.knows)
        questions = Questions(stores.sign_ins, owners)
        self._authorization = AuthorizationEndpoint(clients, stores.codes, questions)
        self._devices = DeviceEndpoint(authenticated, stores.devices, f"{ROOTS[0]}/device")
        self._device_page = DevicePage(clients, stores.devices, questions, throttle)

    def configure(self, settings: OAuthSettings) -> None:
        """Replace the settings, from the next request on."""
        self._settings = settings

    def mounts(self) -> Iterator[Mount]:
        """Return what is served.

        Pages of every origin may use what a login that a browser remembers does not count for: tokens, and their end. Those on which users
        log in are for browsers to show, and for no script of another origin to read or to send. RFC 9700 §2.6
        """
        for root in ROOTS:
            yield Mount(f"{root}/token", self._issuing.answer, ("POST",), origins="any", failure=oauth_failure)
            yield Mount(f"{root}/revoke", self._inspection.revoke, ("POST",), origins="any", failure=oauth_failure)
            yield Mount(f"{root}/introspect", self._inspection.introspect, ("POST",), failure=oauth_failure)
            yield Mount(f"{root}/register", self._registration.answer, ("POST",), failure=oauth_failure)
            yield Mount(f"{root}/authorize", self._authorization.answer, ("GET", "POST"), origins="own", failure=page_failure)
            yield Mount(f"{root}/device_authorization", self._devices.answer, ("POST",), origins="any", failure=oauth_failure)
            yield Mount(f"{root}/device", self._device_page.answer, ("GET", "POST"), origins="own", failure=page_failure)
        yield Mount(METADATA, self._tell, origins="any", failure=oauth_failure)

    async def _tell(self, request: MountRequest) -> Reply:
        """Tell what there is. RFC 8414 §2"""
        issuer = base_url(request.scope)
        root = f"{issuer}{ROOTS[0]}"
        methods = ["client_secret_basic", "client_secret_post"]
        document: dict[str, object] = {
            "issuer": issuer,
            "authorization_endpoint": f"{root}/authorize",
            "device_authorization_endpoint": f"{root}/device_authorization",
            "token_endpoint": f"{root}/token",
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            "revocation_endpoint": f"{root}/revoke",
            "revocation_endpoint_auth_methods_supported": ["none"],
            "introspection_endpoint": f"{root}/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "grant_types_supported": [*GRANTS],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": [*GENERAL_SCOPES, *FOREIGN_SCOPES],
        }
        if self._settings.register != "off":
            document["registration_endpoint"] = f"{root}/register"
        return answer(document)


def make_grants(issuer: TokenIssuer, stores: Stores) -> dict[str, GrantFunction]:
    """Return what answers each ``grant_type`` of :data:`~tigrest.auth.client_store.GRANTS`.

    Args:
        issuer: makes tokens.
        stores: where codes and devices are.
    """
    logins, consents = LoginGrants(issuer), ConsentGrants(issuer, stores.codes, stores.devices)
    return {
        "password": logins.by_password,
        "refresh_token": logins.by_refresh,
        "authorization_code": consents.by_code,
        DEVICE_GRANT: consents.by_device,
        "client_credentials": logins.by_secret,
    }
