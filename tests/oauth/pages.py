"""A browser on the pages of the authorisation server, as tests play it: it reads forms, and sends them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.oauth.client import TOKEN, Registered, registered
from tigrest.testing import PASSWORD, TestGateway

AUTHORIZE, DEVICE, DEVICES = "/oauth2/authorize", "/oauth2/device", "/oauth2/device_authorization"
CALLBACK = "https://app.example/done?x=1"
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
APP = {"client_name": "An <App>", "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"]}


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.values[given["name"] or ""] = given.get("value") or ""


def fields(page: Any) -> dict[str, str]:
    """Return the fields of the form on a page, as it is filled in."""
    reader = _Fields()
    reader.feed(page.text)
    return reader.values


def app(gateway: TestGateway, **properties: Any) -> Registered:
    """Register a public client that sends users here."""
    return registered(gateway, **(APP | {"token_endpoint_auth_method": "none"} | properties))


@dataclass
class Visit:
    """A browser that a client has sent here."""

    gateway: TestGateway
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def open(self) -> Any:
        """Open the page."""
        return self.gateway.get(self.url, headers=self.headers)

    def send(self, page: Any, **values: str) -> Any:
        """Send the form of a page."""
        return self.gateway.post(self.url, data=fields(page) | values, headers=self.headers)

    def log_in(self, username: str = "alice", password: str = PASSWORD) -> Any:
        """Open the page, and log in."""
        return self.send(self.open(), username=username, password=password)

    def allow(self, username: str = "alice") -> Any:
        """Log in, and grant what is asked."""
        return self.send(self.log_in(username), decision="allow")


def asked(client: Registered, **changes: str | None) -> dict[str, str]:
    """Return the parameters of a request for a code."""
    given: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": CALLBACK,
        "state": "a state&",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "scope": "user",
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


def visit(gateway: TestGateway, client: Registered, **changes: str | None) -> Visit:
    """Have a client send a browser here; ``None`` leaves a parameter out."""
    return Visit(gateway, f"{AUTHORIZE}?{urlencode(asked(client, **changes))}")


def sent_back(answer: Any, target: str = CALLBACK) -> dict[str, str]:
    """Return what a client is told by a redirection."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(target)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def fetch(gateway: TestGateway, client: Registered, code: str, **changes: str | None) -> Any:
    """Have a client fetch its tokens."""
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **changes}
    form = {name: value for name, value in given.items() if value is not None}
    if client.secret:
        return gateway.post(TOKEN, data=form, headers=client.headers)
    return gateway.post(TOKEN, data=form | {"client_id": client.id})
