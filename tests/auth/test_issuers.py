"""Tokens of identity providers: which are valid, whom they stand for, and what happens while the provider is away."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.auth.fakes import ADDRESS, Clock
from tests.auth.issuing import AUDIENCE, KEYS, URL, Provider
from tigrest.auth.issuer_keys import IssuerKeyLimits
from tigrest.auth.issuer_settings import ClaimValue, IssuerSettings, is_safe_url
from tigrest.auth.issuer_tokens import IssuerTokens
from tigrest.auth.issuers import Issuer, is_jwt
from tigrest.auth.throttle import Throttle
from tigrest.errors import InvalidToken, IssuerUnavailable, NotSupported, TooManyFailures
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import STATUS_ENDPOINT

ALICE = JID("alice@localhost")


class World:
    """Tokens of a provider, checked on a clock of their own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.provider = Provider(self.clock)
        self.accounts: set[JID] | None = {ALICE}
        self.asked: list[JID] = []
        self.tokens = IssuerTokens(
            Throttle(self.clock), lambda jid: jid.domain == "localhost", self._exists, clock=self.clock, unix_clock=self.clock
        )
        self.use(self.provider.issuer())

    def use(self, *issuers: Issuer) -> None:
        self.tokens.configure(issuers)

    async def _exists(self, jid: JID) -> bool:
        self.asked.append(jid)
        await asyncio.sleep(0)
        if self.accounts is None:
            raise NotSupported("it does not tell")
        return jid in self.accounts

    async def find(self, token: str, address: str = ADDRESS) -> JID:
        return (await self.tokens.find(b"Bearer " + token.encode(), address)).owner


@pytest.fixture
def world() -> World:
    return World()


def settings(**changes: Any) -> IssuerSettings:
    return IssuerSettings(**({"url": URL, "audiences": (AUDIENCE,), "domain": JID("localhost")} | changes))


@pytest.mark.parametrize(("key", "alg"), [("rsa", "RS256"), ("rsa", "PS384"), ("ec", "ES256"), ("ed", "Ed25519")])
async def test_a_token_of_each_kind_of_key_is_accepted(world: World, key: str, alg: str) -> None:
    assert await world.find(world.provider.token(KEYS[key], alg)) == ALICE


def signed_with_nothing(claims: dict[str, Any]) -> str:
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims))
    return f"{head}.{body}.AA"


def test_what_is_no_jwt_is_recognised_as_none(world: World) -> None:
    for text in ("", "tgt_x", "a.b", "a.b.c.d", "a..c", "a.b.c\n", "a.b.ü", "a.b." + "c" * 20_000):
        assert not is_jwt(text)
        assert not world.tokens.recognises(text)
    assert not world.tokens.recognises("a.b.c")
    assert not world.tokens.recognises(world.provider.token(iss="https://elsewhere.example"))


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": f"{URL}/"}, "provider is not one of"),
        ({"aud": "other"}, "for somebody else"),
        ({"aud": ["other", "more"]}, "for somebody else"),
        ({"aud": {"tigrest": 1}}, "for somebody else"),
        ({"aud": None}, "no claim aud"),
        ({"exp": None}, "no claim exp"),
        ({"exp": 980}, "expired"),
        ({"exp": "soon"}, "claim exp"),
        ({"exp": True}, "claim exp"),
        ({"nbf": 1011}, "not valid yet"),
        ({"iat": 1011}, "from the future"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
        ({"typ": "ID"}, "no token for access"),
        ({"typ": "Refresh"}, "no token for access"),
        ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "tells of an event"),
        ({"preferred_username": None}, "no claim preferred_username"),
        ({"preferred_username": ["alice"]}, "no claim preferred_username"),
        ({"preferred_username": "Alice"}, "in lower case"),
        ({"preferred_username": "ａlice"}, "in lower case"),
        ({"preferred_username": "alice/x"}, "lower case"),
        ({"preferred_username": "alice@other.example"}, "not the address of a user of localhost"),
        ({"preferred_username": "alice@localhost@localhost"}, "no local part"),
        ({"preferred_username": "al ice"}, "no local part"),
        ({"preferred_username": STATUS_ENDPOINT}, "not the address"),
        ({"preferred_username": "nobody"}, "no account nobody@localhost"),
    ],
)
async def test_a_token_that_is_not_right_is_refused_with_the_reason(world: World, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidToken, match=why):
        await world.find(world.provider.token(**claims))


async def test_clocks_may_differ_a_little(world: World) -> None:
    assert await world.find(world.provider.token(nbf=1009, iat=1009)) == ALICE


@pytest.mark.parametrize("typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", 5])
async def test_tokens_for_something_else_are_refused(world: World, typ: object) -> None:
    with pytest.raises(InvalidToken, match="typ"):
        await world.find(world.provider.token(header={"typ": typ}) if typ != 5 else _with_header({"alg": "RS256", "typ": 5}, world))


def _with_header(header: dict[str, Any], world: World) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return head + world.provider.token()[world.provider.token().index(".") :]


async def test_a_token_for_access_may_say_so(world: World) -> None:
    assert await world.find(world.provider.token(header={"typ": "at+JWT"})) == ALICE


async def test_no_other_algorithm_nor_key_makes_a_signature_right(world: World) -> None:
    provider = world.provider
    stolen = OctKey.import_key(json.dumps(KEYS["rsa"].as_dict(private=False)), {"kid": "rsa"})
    other = RSAKey.generate_key(2048, {"kid": "rsa"})
    cases = {
        "algorithm is not allowed": [
            signed_with_nothing(provider.claims()),
            provider.token(stolen, "HS256"),
            _with_header({"alg": ["RS256"]}, world),
        ],
        "signature is not right": [provider.token(other), provider.token()[:-8] + "AAAAAAAA"],
        "no such key": [provider.token(KEYS["ec"], "ES256", {"kid": "rsa"}), provider.token(other, header={"kid": "new"})],
    }
    for why, tokens in cases.items():
        for token in tokens:
            with pytest.raises(InvalidToken, match=why):
                await world.find(token, "")


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": ["b64"], "b64": False}, {"crit": ["absent"]}])
async def test_critical_headers_that_are_not_understood_refuse_the_token(world: World, header: dict[str, Any]) -> None:
    assert await world.find(_signed({}, world)) == ALICE
    with pytest.raises(InvalidToken, match="signature"):
        await world.find(_signed(header, world))


def _signed(header: dict[str, Any], world: World) -> str:
    """Return a token whose signature is right, whatever the header says: libraries make none such. RFC 7518 §3.3"""
    unsigned = _with_header({"alg": "RS256", "kid": "rsa"} | header, world).rpartition(".")[0]
    key = KEYS["rsa"].private_key
    assert isinstance(key, RSAPrivateKey)
    signature = key.sign(unsigned.encode(), PKCS1v15(), SHA256())
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize("header", ["[" * 3000, '{"a":' * 900 + "1" + "}" * 900])
async def test_deep_nesting_is_no_defect(world: World, header: str) -> None:
    head = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
    with pytest.raises(InvalidToken):
        await world.find(head + world.provider.token()[world.provider.token().index(".") :])


async def test_a_token_without_a_name_of_its_key_is_tried_with_all_that_fit(world: World) -> None:
    world.provider.keys.insert(0, dict(RSAKey.generate_key(2048, {"kid": "older"}).as_dict(private=False)))
    assert await world.find(world.provider.token(header={"kid": None})) == ALICE


async def test_only_keys_for_signatures_are_used(world: World) -> None:
    rsa = KEYS["rsa"].as_dict(private=False)
    secret = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "rsa"}
    short = {**rsa, "n": rsa["n"][:170]}
    world.provider.keys = [
        {**rsa, "use": "enc"},
        secret,
        short,
        {"kty": "AKP"},
        {"kty": "EC", "crv": "P-256"},
        {**rsa, "key_ops": ["encrypt"]},
    ]
    with pytest.raises(IssuerUnavailable, match="no public key"):
        await world.find(world.provider.token())
    world.provider.keys.append({**rsa, "alg": "PS256"})
    world.clock.pass_by(60)
    with pytest.raises(InvalidToken, match="no such key"):
        await world.find(world.provider.token())
    assert await world.find(world.provider.token(alg="PS256")) == ALICE


async def test_a_token_says_which_scopes_it_has(world: World) -> None:
    roles = settings(
        admin=ClaimValue("realm_access.roles", "xmpp-admin"),
        scopes=((ClaimValue("groups", "ops"), ("deploy", "muc")), (ClaimValue("scope", "notify"), ("send_message",))),
    )
    issuer = world.provider.issuer(roles)
    token = world.provider.token

    async def scopes(**claims: Any) -> frozenset[str]:
        return (await issuer.identify(token(**claims))).scopes

    assert await scopes() == {"user"}
    assert await scopes(scope="admin xmpp-admin deploy", groups=["admin"], roles=["xmpp-admin"]) == {"user"}
    assert await scopes(realm_access={"roles": ["x", "xmpp-admin"]}) == {"user", "admin"}
    assert await scopes(groups="ops", scope="openid notify") == {"user", "deploy", "muc", "send_message"}
    assert await scopes(groups="ops more") == {"user"}


async def test_an_address_by_email_has_to_be_verified(world: World) -> None:
    issuer = world.provider.issuer(settings(jid_claim="email"))
    token = world.provider.token
    assert (await issuer.identify(token(email="alice@localhost", email_verified=True))).owner == ALICE
    for claims in (
        {"email": "alice@localhost"},
        {"email": "alice@localhost", "email_verified": "true"},
        {"email": "alice@mail.example", "email_verified": True},
    ):
        with pytest.raises(InvalidToken):
            await issuer.identify(token(**claims))


async def test_a_valid_token_is_checked_once_a_minute_and_no_longer_than_it_is_valid(world: World) -> None:
    header = b"Bearer " + world.provider.token(exp=1090).encode()
    assert world.tokens.cached(header, ADDRESS) is None
    found = await world.tokens.find(header, ADDRESS)
    world.clock.pass_by(59)
    assert world.tokens.cached(header, ADDRESS) == found
    world.clock.pass_by(2)
    assert world.tokens.cached(header, ADDRESS) is None
    assert await world.tokens.find(header, ADDRESS) == found
    world.clock.pass_by(29)
    assert world.tokens.cached(header, ADDRESS) is None
    assert await world.tokens.ended([found.name, "unknown"]) == {found.name, "unknown"}
    assert len(world.provider.asked) == 2


async def test_another_configuration_counts_at_once(world: World) -> None:
    header = b"Bearer " + world.provider.token().encode()
    await world.tokens.find(header, ADDRESS)
    world.use()
    assert world.tokens.cached(header, ADDRESS) is None
    with pytest.raises(InvalidToken, match="not one of"):
        await world.tokens.find(header, ADDRESS)


async def test_a_user_who_is_gone_is_refused_at_once(world: World) -> None:
    header = b"Bearer " + world.provider.token().encode()
    await world.tokens.find(header, ADDRESS)
    world.accounts = set()
    world.tokens.forget(ALICE)
    assert world.tokens.cached(header, ADDRESS) is None
    with pytest.raises(InvalidToken, match="no account"):
        await world.tokens.find(header, ADDRESS)


async def test_the_server_is_asked_once_for_all_who_come_at_the_same_time(world: World) -> None:
    tokens = [world.provider.token(jti=str(number)) for number in range(20)]
    assert await asyncio.gather(*[world.find(token) for token in tokens]) == [ALICE] * 20
    assert world.asked == [ALICE]
    assert len(world.provider.asked) == 2


async def test_where_the_server_does_not_tell_users_of_the_domain_have_accounts(world: World) -> None:
    world.accounts = None
    assert await world.find(world.provider.token(preferred_username="carol")) == JID("carol@localhost")
    await world.find(world.provider.token(preferred_username="carol", jti="2"))
    assert world.asked == [JID("carol@localhost")]


async def test_guessing_is_throttled_but_not_for_those_who_have_a_token(world: World) -> None:
    good = b"Bearer " + world.provider.token().encode()
    await world.tokens.find(good, ADDRESS)
    for number in range(30):
        with pytest.raises(InvalidToken):
            await world.find(world.provider.token(jti=str(number), aud="other"))
    with pytest.raises(TooManyFailures):
        await world.find(world.provider.token(jti="new"))
    assert await world.tokens.find(good, ADDRESS)
    assert await world.find(world.provider.token(jti="new"), "198.51.100.7") == ALICE


async def test_keys_are_read_every_ten_minutes_and_for_a_new_one_but_not_for_each_wrong_token(world: World) -> None:
    await world.find(world.provider.token())
    assert world.provider.asked == [f"{URL}/.well-known/openid-configuration", f"{URL}/certs"]
    new = ECKey.generate_key("P-256", {"kid": "new"})
    world.provider.keys.append(dict(new.as_dict(private=False)))
    with pytest.raises(InvalidToken, match="no such key"):
        await world.find(world.provider.token(new, "ES256"))
    assert len(world.provider.asked) == 2
    world.clock.pass_by(10)
    assert await world.find(world.provider.token(new, "ES256")) == ALICE
    assert len(world.provider.asked) == 4
    world.clock.pass_by(599)
    await world.find(world.provider.token(jti="2"))
    assert len(world.provider.asked) == 4
    world.clock.pass_by(1)
    await world.find(world.provider.token(jti="3"))
    assert len(world.provider.asked) == 6


async def test_keys_read_last_count_while_the_provider_is_down(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world.provider.is_down = True
    for _ in range(3):
        with pytest.raises(IssuerUnavailable, match=r"sso\.example\.org.* it is down"):
            await world.find(world.provider.token())
    assert len(world.provider.asked) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    world.provider.is_down = False
    world.clock.pass_by(10)
    assert await world.find(world.provider.token()) == ALICE
    world.provider.is_down = True
    world.clock.pass_by(3600)
    assert await world.find(world.provider.token()) == ALICE
    assert "those read last stay valid" in caplog.text


@pytest.mark.parametrize(
    ("discovery", "why"),
    [
        ({"issuer": f"{URL}/", "jwks_uri": f"{URL}/certs"}, "same to the letter"),
        ({"jwks_uri": f"{URL}/certs"}, "calls itself nothing"),
        ({"issuer": URL, "jwks_uri": "http://sso.example.org/certs"}, "no https"),
        ({"issuer": URL}, "no https"),
        ([], "no JSON object"),
    ],
)
async def test_a_provider_that_tells_something_else_is_not_believed(world: World, discovery: Any, why: str) -> None:
    world.provider.discovery = discovery
    with pytest.raises(IssuerUnavailable, match=why):
        await world.find(world.provider.token())


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://sso.example.org/x", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost:1", True),
        ("http://[::1]/", True),
        ("http://sso.example.org/x", False),
        ("http://localhost.example.org/x", False),
        ("http://127.0.0.1@sso.example.org/", False),
        ("ftp://localhost/", False),
        ("https:///x", False),
        ("https://h:port/", False),
    ],
)
def test_keys_come_by_https_or_without_a_network(url: str, safe: bool) -> None:
    assert is_safe_url(url) == safe


def test_the_limits_are_small() -> None:
    limits = IssuerKeyLimits()
    assert (limits.fresh_seconds, limits.document_bytes, limits.fetch_seconds) == (600, 262_144, 5)


KEYCLOAK: dict[str, Any] = {
    "auth_time": 990,
    "jti": "onrtac:5e0f6b1c",
    "aud": ["tigrest", "account"],
    "typ": "Bearer",
    "azp": "chat-tools",
    "sid": "b4ee7f1a",
    "acr": "1",
    "allowed-origins": ["https://chat.example.org"],
    "realm_access": {"roles": ["offline_access", "xmpp-admin", "default-roles-main"]},
    "resource_access": {"account": {"roles": ["manage-account"]}},
    "scope": "openid email profile",
    "email_verified": False,
    "preferred_username": "alice",
}
"""An access token of Keycloak 26, but for what all tokens have."""

AUTHENTIK: dict[str, Any] = {
    "iss": "https://auth.example.org/application/o/tigrest/",
    "aud": "Zk3Xq9",
    "auth_time": 990,
    "acr": "goauthentik.io/providers/oauth2/default",
    "amr": ["pwd"],
    "azp": "Zk3Xq9",
    "uid": "q0Xn",
    "preferred_username": "alice",
    "nickname": "alice",
    "groups": ["authentik Admins", "xmpp-admins"],
}
"""An access token of Authentik 2025, but for what all tokens have."""


async def test_tokens_as_keycloak_and_authentik_make_them(world: World) -> None:
    keycloak = world.provider.issuer(settings(admin=ClaimValue("realm_access.roles", "xmpp-admin")))
    found = await keycloak.identify(world.provider.token(**KEYCLOAK))
    assert (found.owner, sorted(found.scopes)) == (ALICE, ["admin", "user"])
    its = settings(url=AUTHENTIK["iss"], audiences=("Zk3Xq9",), admin=ClaimValue("groups", "xmpp-admins"))
    found = await world.provider.issuer(its).identify(world.provider.token(**AUTHENTIK))
    assert (found.owner, sorted(found.scopes)) == (ALICE, ["admin", "user"])
    secret = OctKey.import_key("client-secret-of-authentik-client-secret")
    with pytest.raises(InvalidToken, match="algorithm is not allowed"):
        await world.provider.issuer(its).identify(world.provider.token(secret, "HS256", **AUTHENTIK))
