"""A whole identity provider, ``oidc-provider-mock``, as a child of the tests: Authlib in it warns of itself, which would be an error here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.servers.process import free_ports

REDIRECT = "http://localhost/callback"


class IdentityProvider:
    """A provider that anybody can log in at.

    Args:
        people: claims of its users by their names.
    """

    def __init__(self, people: dict[str, dict[str, Any]]) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        users = [json.dumps({"sub": name, "preferred_username": name} | claims) for name, claims in people.items()]
        self._command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port)]
        self._command += [argument for user in users for argument in ("--user-claims", user)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                if httpx2.get(f"{self.url}/.well-known/openid-configuration").status_code == 200:
                    return
            except httpx2.HTTPError:
                assert time.monotonic() < deadline, "oidc-provider-mock does not start"
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_in(self, user: str, client: str = "tigrest") -> str:
        """Log in as a browser does, and return the token."""
        parameters = {"client_id": client, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid profile", "state": "s"}
        answer = httpx2.post(f"{self.url}/oauth2/authorize", params=parameters, data={"sub": user})
        [code] = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": client, "client_secret": "x"}
        token: str = httpx2.post(f"{self.url}/oauth2/token", data=exchange).json()["id_token"]
        return token


@contextmanager
def identity_provider(people: dict[str, dict[str, Any]]) -> Iterator[IdentityProvider]:
    """Run a provider."""
    provider = IdentityProvider(people)
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()
