"""The registration endpoint: a program becomes a client. RFC 7591"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tigrest.auth.client_store import DEFAULT_GRANTS, REGISTRABLE_GRANTS, ClientStore
from tigrest.auth.throttle import FailureBuckets, network_of
from tigrest.formats.content import JSON, is_json, media_type
from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import client_address
from tigrest.oauth.problems import OAuthError, answer, too_many
from tigrest.oauth.redirects import redirect_trouble
from tigrest.oauth.settings import OAuthSettings

log = logging.getLogger(__name__)

MAX_REGISTRATION = 16384
"""Most bytes of what a client registers."""


def _no_fragment(uri: str) -> str:
    """Check a redirection endpoint. RFC 6749 §3.1.2"""
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise ValueError("is no URI") from None
    if not parts.scheme or parts.scheme in ("javascript", "data") or "#" in uri or re.search(r"[\s\x00-\x1f\x7f]", uri):
        raise ValueError("is no absolute URI without a fragment")
    return uri


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


_Text = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]
_Uri = Annotated[_Text, AfterValidator(_no_fragment)]


class ClientMetadata(BaseModel):
    """Properties that a client registers; unknown ones are ignored. RFC 7591 §2"""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    client_name: Annotated[str, Field(max_length=100), AfterValidator(_printable)] = ""
    client_uri: _Text | None = None
    logo_uri: _Text | None = None
    policy_uri: _Text | None = None
    tos_uri: _Text | None = None
    software_id: _Text | None = None
    software_version: _Text | None = None
    contacts: list[_Text] | None = None
    redirect_uris: list[_Uri] | None = None
    grant_types: list[_Text] | None = None
    scope: _Text | None = None
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_basic"  # noqa: S105 - no secret


class _KeyNeeded(NamedTuple):
    """Requirements on a caller who registers a client: an API key."""

    role: None = None
    api_key: bool = True

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it demands a login, too."""
        return False


class RegistrationEndpoint:
    """Registers clients.

    Args:
        store: where they are.
        settings: returns those that count now.
        clock: tells monotonic seconds.
    """

    def __init__(self, store: ClientStore, settings: Callable[[], OAuthSettings], clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._settings = store, settings
        self._of_networks = FailureBuckets(20, 30.0, clock)

    async def answer(self, request: MountRequest) -> Reply:
        """Register a client.

        Raises:
            OAuthError: it may not, or has registered what cannot be used.
            KeyRequired: an API key is needed.
        """
        register = self._settings().register
        if register == "off":
            cure = 'set [auth.tokens] register = "key" (with an API key) or "open"'
            raise OAuthError("access_denied", f"clients cannot register here: {cure}", 403)
        if register == "key":
            await request.admit(_KeyNeeded())
        address = client_address(request.scope)
        self._check_network(address)
        registered = _read(request.content_type, await request.body())
        is_public = registered.token_endpoint_auth_method == "none"  # noqa: S105 - no secret
        properties = registered.model_dump(exclude_none=True)
        client, secret = await self._store.add(properties, is_public=is_public)
        log.info("the client %r has registered as %s from %s", client.name, client.id, address or "an unknown address")
        document = {"client_id": client.id, "client_id_issued_at": int(client.created), **properties}
        if secret:
            document |= {"client_secret": secret, "client_secret_expires_at": 0}
        return answer(document, 201)

    def _check_network(self, address: str) -> None:
        """Bound how many clients a network registers.

        Raises:
            OAuthError: there were too many lately.
        """
        network = network_of(address)
        if (seconds := self._of_networks.wait(network)) > 0:
            raise too_many("too many clients have registered from your network lately", seconds)
        self._of_networks.add(network)


def _read(content_type: str, body: bytes) -> ClientMetadata:
    """Read what a client registers.

    Raises:
        OAuthError: it cannot be used. RFC 7591 §3.2.2
    """
    if not is_json(media_type(content_type)):
        raise OAuthError("invalid_client_metadata", f"a client registers by JSON: Content-Type: {JSON}")
    if len(body) > MAX_REGISTRATION:
        raise OAuthError("invalid_client_metadata", f"what a client registers is at most {MAX_REGISTRATION} bytes")
    try:
        registered = ClientMetadata.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        code = "invalid_redirect_uri" if key.startswith("redirect_uris") else "invalid_client_metadata"
        raise OAuthError(code, f"{key or 'the body'}: {first['msg']}") from None
    return registered.model_copy(update={"grant_types": _grants(registered)})


def _grants(registered: ClientMetadata) -> list[str]:
    """Return the grants that a client may use, of those that it registers; that by code needs addresses to send users back to.

    Raises:
        OAuthError: there are none. RFC 7591 §2
    """
    uris = registered.redirect_uris or []
    troubles = [f"redirect_uris: {uri[:200]!r} {trouble}" for uri in uris if (trouble := redirect_trouble(uri))]
    if not uris:
        troubles.append("redirect_uris: the grant type authorization_code needs one")
    if registered.grant_types is None:
        return [*DEFAULT_GRANTS, *([] if troubles else ["authorization_code"])]
    known = [grant for grant in dict.fromkeys(registered.grant_types) if grant in REGISTRABLE_GRANTS]
    if not known:
        offered = ", ".join(REGISTRABLE_GRANTS)
        raise OAuthError("invalid_client_metadata", f"grant_types: none of them may be registered here; there is {offered}")
    if "authorization_code" in known and troubles:
        raise OAuthError("invalid_redirect_uri", troubles[0])
    return known
