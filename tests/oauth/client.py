"""A client of the authorisation server, and its user, as tests play them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tigrest.testing import PASSWORD, TestGateway, serving

TOKEN, REVOKE, REGISTER, INTROSPECT = (f"/oauth2/{name}" for name in ("token", "revoke", "register", "introspect"))

PORTAL = {
    "client_name": "Snikket Web Portal",
    "client_uri": "https://chat.example.org",
    "redirect_uris": ["https://chat.example.org/oauth2/callback"],
    "grant_types": ["password"],
    "scope": "prosody:restricted xmpp prosody:admin",
}
"""What Snikket's portal registers."""

SERVICE = {"client_name": "Service", "grant_types": ["password", "refresh_token"]}
"""What a client registers that stays logged in."""


@dataclass(frozen=True)
class Registered:
    """A client that has registered."""

    id: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """Return its login."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()}


@contextmanager
def opened(register: str = "open", **auth: Any) -> Iterator[TestGateway]:
    """Serve with an authorisation server where clients may register."""
    tokens = {"register": register, **auth.pop("tokens", {})}
    with serving(auth={"tokens": tokens, **auth}) as running:
        yield running


def registered(gateway: TestGateway, **properties: Any) -> Registered:
    """Register a client."""
    answer = gateway.post(REGISTER, json=SERVICE | properties)
    assert answer.status_code == 201, answer.text
    return Registered(answer.json()["client_id"], answer.json().get("client_secret", ""))


def log_in(gateway: TestGateway, client: Registered | None = None, username: str = "alice", **parameters: str) -> Any:
    """Ask for a token by a password."""
    form = {"grant_type": "password", "username": username, "password": PASSWORD, **parameters}
    return gateway.post(TOKEN, data=form, headers=client.headers if client else {})


def refresh(gateway: TestGateway, client: Registered, token: str, **parameters: str) -> Any:
    """Ask for a token by a refresh token."""
    return gateway.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token, **parameters}, headers=client.headers)


def bearer(token: str) -> dict[str, str]:
    """Return the header with a token."""
    return {"Authorization": f"Bearer {token}"}


def whoami(gateway: TestGateway, token: str) -> int:
    """Return the status of what every user may call."""
    return int(gateway.get("/rest/adhoc/localhost", headers=bearer(token)).status_code)
