"""An identity provider without a network: its keys, its tokens, and when it answers."""

from __future__ import annotations

import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.auth.fakes import Clock
from tigrest.auth.issuer_keys import IssuerKeyLimits, IssuerKeys
from tigrest.auth.issuer_settings import IssuerSettings
from tigrest.auth.issuers import Issuer
from tigrest.xmpp.jid import JID

URL = "https://sso.example.org/realms/main"
AUDIENCE = "tigrest"
Key = RSAKey | ECKey | OKPKey | OctKey
KEYS: dict[str, Key] = {
    "rsa": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "ec": ECKey.generate_key("P-256", {"kid": "ec"}),
    "ed": OKPKey.generate_key("Ed25519", {"kid": "ed", "alg": "Ed25519"}),
}


class Provider:
    """What an identity provider answers, and how often it was asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.keys: list[dict[str, Any]] = [dict(key.as_dict(private=False)) for key in KEYS.values()]
        self.discovery: dict[str, Any] = {"issuer": URL, "jwks_uri": f"{URL}/certs"}
        self.asked: list[str] = []
        self.is_down = False

    async def fetch(self, url: str) -> bytes:
        """Answer as the provider does."""
        self.asked.append(url)
        if self.is_down:
            raise OSError("it is down")
        if url == f"{URL}/.well-known/openid-configuration":
            return json.dumps(self.discovery).encode()
        assert url == f"{URL}/certs"
        return json.dumps({"keys": self.keys}).encode()

    def issuer(self, settings: IssuerSettings | None = None, **limits: Any) -> Issuer:
        """Return what checks its tokens."""
        keys = IssuerKeys(URL, limits=IssuerKeyLimits(**limits), fetch=self.fetch, clock=self.clock)
        return Issuer(settings or IssuerSettings(URL, (AUDIENCE,), JID("localhost")), keys, self.clock)

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Return the claims of a valid token, with others in place of some; those that are ``None`` are left out."""
        now = int(self.clock())
        whole = {"iss": URL, "aud": AUDIENCE, "exp": now + 300, "iat": now, "sub": "4711", "preferred_username": "alice"} | claims
        return {name: value for name, value in whole.items() if value is not None}

    def token(self, key: Key = KEYS["rsa"], alg: str = "RS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a signed token."""
        head = {"alg": alg, "kid": key.kid} | (header or {})
        return jwt.encode({k: v for k, v in head.items() if v is not None}, self.claims(**claims), key, algorithms=[alg])
