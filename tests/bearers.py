"""Go all ways into a gateway that is served, with a password and with tokens of the same user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2

NEED_PASSWORD = "GET /rest/bosh/prebind"
"""What opens a session by the user's password, so that no token is enough."""

FURTHER = ("GET /api/commands", "GET /api/openapi.json", "GET /api/docs", "POST /oauth2/introspect")
"""What is served besides handlers and commands, and looks at who is calling."""


@dataclass(frozen=True)
class Gateway:
    """A gateway that is served.

    Args:
        client: has its URL, and a timeout.
        admin: address and password of an admin, who is told of all routes.
        api_key: one that is valid everywhere.
    """

    client: httpx2.Client
    admin: tuple[str, str]
    api_key: str

    def ways(self) -> Iterator[str]:
        """Find all routes and commands, each as method and path."""
        listed = self.client.get("/rest/", headers={"Accept": "application/json"}, auth=self.admin).json()
        for route in listed["routes"]:
            yield f"{route['method']} {route['example']}"
        for command in self.client.get("/api/commands", auth=self.admin).json():
            yield f"{command['method']} /api{command['path']}"
        yield from FURTHER

    def ask(self, way: str, authorization: httpx2.Auth | None = None, **headers: str) -> tuple[int, str]:
        """Send a request without content; return status and the text of a problem. What is a stream is not read."""
        method, _, path = way.partition(" ")
        content = b"{}" if method in ("POST", "PUT", "PATCH") else None
        headers = {"Accept": "application/json", "Content-Type": "application/json", "Api-Key": self.api_key, **headers}
        if content is None:
            del headers["Content-Type"]
        with self.client.stream(method, path, headers=headers, content=content, auth=authorization) as response:
            return response.status_code, response.read().decode() if response.status_code >= 400 else ""


def expect_same(gateway: Gateway, user: tuple[str, str], tokens: dict[str, str]) -> int:
    """Check that a user may go as many ways with each token as with his password, and return how many there are.

    Args:
        gateway: which.
        user: his address and password.
        tokens: his, by their kinds.
    """
    ways = list(gateway.ways())
    for way in ways:
        without, (by_password, _) = gateway.ask(way)[0], gateway.ask(way, httpx2.BasicAuth(*user))
        for kind, token in tokens.items():
            status, text = gateway.ask(way, Authorization=f"Bearer {token}")
            assert status != 401 or without == by_password == 401, f"{way} with {kind}: {text}"
            if way == NEED_PASSWORD:
                assert (status, "with the password" in text) == (403, True), f"{way} with {kind}: {status} {text}"
            else:
                assert (status == 403) == (by_password == 403), f"{way} with {kind}: {status}, with the password {by_password}: {text}"
    return len(ways)
