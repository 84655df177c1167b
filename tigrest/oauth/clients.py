"""Authentication of clients: by HTTP Basic, or in the body. RFC 6749 §2.3.1"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

from tigrest.auth.client_store import Client, ClientStore
from tigrest.auth.throttle import Throttle
from tigrest.http.mounts import MountRequest
from tigrest.http.requests import client_address
from tigrest.oauth.parameters import Parameters
from tigrest.oauth.problems import OAuthError, unknown_client


class Clients:
    """Authenticates clients.

    Args:
        store: where they are.
        throttle: counts failures of each network.
    """

    def __init__(self, store: ClientStore, throttle: Throttle) -> None:
        self._store, self._throttle = store, throttle

    async def of(self, request: MountRequest, parameters: Parameters) -> Client | None:
        """Return the client that sends a request; ``None`` when it names none.

        Snikket's portal registers ``client_secret_post`` and sends Basic: so both count, whatever a client has registered.

        Raises:
            OAuthError: the client is unknown, or its secret is another one.
            TooManyFailures: it is so, and too many failed logins came from its network lately.
        """
        name, secret = parameters.get("client_id", ""), parameters.get("client_secret", "")
        if b"authorization" in request.fields:
            login, secret = read_client_login(request.fields[b"authorization"])
            if name not in ("", login):
                raise OAuthError("invalid_request", "the client_id of the body is not that of the Authorization header")
            name = login
        if not name:
            if secret:
                raise OAuthError("invalid_request", "the parameter client_id is missing")
            return None
        client = await self._store.authenticate(name, secret)
        if client is None:
            address = client_address(request.scope)
            self._throttle.check_network(address)
            self._throttle.network_failed(address)
            raise unknown_client()
        return client


def read_client_login(authorization: bytes) -> tuple[str, str]:
    """Read identifier and secret of a client from a header ``Authorization``. Both are encoded as in forms.

    Raises:
        OAuthError: it is not understood.

    RFC 6749 §2.3.1
    """
    scheme, _, token = authorization.strip().partition(b" ")
    if scheme.lower() != b"basic":
        raise unknown_client("clients log in by HTTP Basic, or with client_id and client_secret in the body")
    try:
        name, colon, secret = base64.b64decode(token.strip(b" "), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unknown_client("the Basic login of the client cannot be read") from None
    if not colon:
        raise unknown_client("the Basic login of the client has no colon")
    return unquote_plus(name), unquote_plus(secret)
