"""Tokens of the XMPP server: asked once, cached as passwords are, and not asked for without limit."""

from __future__ import annotations

import asyncio

import pytest

from tests.auth.fakes import ADDRESS, ALICE, BOB, Clock, Server, World, basic
from tigrest.auth.server_tokens import SERVER_TOKEN_NAME, ServerTokens, server_token
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_store import Token
from tigrest.errors import InvalidToken, LoginRequired, NotConnected, NotSupported, TooManyFailures
from tigrest.xmpp.jid import JID
from tigrest.xmpp.sasl import LoginSecret

HEADER = b"Bearer secret-token:abc"


class Asked(World):
    """Tokens of a server that can be gone, or know of none."""

    def __init__(self, is_supported: bool = True, cache_seconds: float = 60.0) -> None:
        super().__init__()
        self.owners = {"secret-token:abc": ALICE}
        self.questions: list[str] = []
        self.is_supported, self.gone = is_supported, False
        self.tokens = ServerTokens(
            JID("localhost"),
            owner_of=self.owner_of,
            permit=self.logins.permit,
            throttle=self.throttle,
            cache_seconds=cache_seconds,
            clock=self.clock,
        )

    async def owner_of(self, token: str) -> JID | None:
        self.questions.append(token)
        await asyncio.sleep(0)
        if self.gone:
            raise NotConnected
        if not self.is_supported:
            raise NotSupported("no OAUTHBEARER")
        return self.owners.get(token)

    async def refused(self, token: bytes, address: str = ADDRESS) -> None:
        with pytest.raises(InvalidToken):
            await self.tokens.find(b"Bearer " + token, address)


async def test_a_token_is_asked_for_once_a_minute() -> None:
    world = Asked()
    assert world.tokens.cached(HEADER, ADDRESS) is None
    found = await asyncio.gather(*[world.tokens.find(HEADER, ADDRESS) for _ in range(10)])
    assert found == [server_token(ALICE)] * 10
    assert found[0] == Token(SERVER_TOKEN_NAME, ALICE, frozenset({"user"}), "", None)
    assert world.tokens.cached(HEADER, ADDRESS) == found[0]
    world.clock.pass_by(61)
    assert world.tokens.cached(HEADER, ADDRESS) is None
    await world.tokens.find(HEADER, ADDRESS)
    assert len(world.questions) == 2
    world.tokens.forget(BOB)
    assert world.tokens.cached(HEADER, ADDRESS) == found[0]
    world.tokens.forget(ALICE)
    assert world.tokens.cached(HEADER, ADDRESS) is None


async def test_a_token_that_the_server_revoked_ends_at_the_next_question() -> None:
    world = Asked()
    await world.tokens.find(HEADER, ADDRESS)
    world.owners.clear()
    world.clock.pass_by(61)
    await world.refused(b"secret-token:abc")
    assert world.tokens.cached(HEADER, ADDRESS) is None


async def test_strangers_cannot_have_the_server_asked_without_limit() -> None:
    world = Asked()
    await world.tokens.find(HEADER, ADDRESS)
    for number in range(10):
        await world.refused(b"%d" % number)
    with pytest.raises(TooManyFailures):
        await world.tokens.find(b"Bearer more", ADDRESS)
    for number in range(100):
        await world.refused(b"%d" % number, f"198.51.100.{number}")
    with pytest.raises(TooManyFailures):
        await world.tokens.find(b"Bearer more", "203.0.113.1")
    assert len(world.questions) == 111
    world.clock.pass_by(61)
    assert await world.tokens.find(HEADER, "203.0.113.2") == server_token(ALICE)  # accepted before: no guess


async def test_a_server_without_tokens_is_asked_once_a_minute() -> None:
    world = Asked(is_supported=False)
    for _ in range(3):
        with pytest.raises(NotSupported):
            await world.tokens.find(HEADER, ADDRESS)
        assert not world.tokens.is_supported
    assert len(world.questions) == 1
    world.clock.pass_by(61)
    assert world.tokens.is_supported


async def test_a_server_that_is_gone_is_said_so() -> None:
    world = Asked()
    world.gone = True
    with pytest.raises(NotConnected):
        await world.tokens.find(HEADER, ADDRESS)


class TokenServer(Server):
    """Knows a token too."""

    async def check_login(self, jid: JID, secret: str) -> LoginSecret | None:
        if await self.check(jid, secret):
            return "password"
        return "token" if secret == f"token-of-{jid.local}" else None


class LoginWorld(World):
    def __init__(self, cache_seconds: float = 60.0) -> None:
        super().__init__(cache_seconds)
        self.server = TokenServer()
        self.logins._check_login, self.logins._check_backend = self.server.check_login, self.server.check


@pytest.mark.parametrize("cache_seconds", [60.0, 0.0])
async def test_a_token_in_place_of_the_password_is_never_taken_for_one(cache_seconds: float) -> None:
    world = LoginWorld(cache_seconds)
    header = basic("alice", "token-of-alice")
    for _ in range(3):
        caller = await world.logins.login(header, ADDRESS)
        assert caller == server_token(ALICE)
        assert isinstance(caller, Token)
        assert world.logins.cached(header) is None
    assert len(world.server.asked) == (1 if cache_seconds else 3)
    assert await world.login("alice", "secret") == ALICE
    world.logins.forget(ALICE)
    assert await world.logins.login(header, ADDRESS) == server_token(ALICE)
    with pytest.raises(LoginRequired):
        await world.logins.login(basic("bob", "token-of-alice"), ADDRESS)


async def test_what_asks_for_the_password_itself_takes_no_token() -> None:
    world = LoginWorld()
    assert not await world.logins.verify(ALICE, "token-of-alice", ADDRESS)
    with pytest.raises(LoginRequired):
        await world.logins.sign_in("bob", "token-of-bob", ADDRESS)
    assert await world.logins.verify(BOB, "builder", ADDRESS)


def test_guesses_of_tokens_do_not_lock_out_who_has_a_password() -> None:
    throttle = Throttle(Clock())
    for number in range(200):
        throttle.failed(JID("localhost"), f"198.51.100.{number}")
    throttle.check(ALICE, ADDRESS)
