"""Event streams that were opened with a token, and its end."""

from __future__ import annotations

from tests.waiting import until
from tigrest.auth.bearers import Bearers
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_store import TokenStore
from tigrest.auth.tokens import Tokens
from tigrest.gateway.token_streams import TokenStreams
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID

ALICE = JID("alice@localhost")


async def _closed_in_turn(gateway: TestGateway) -> None:
    parts = gateway.gateway.parts
    now = [1000.0]
    store = TokenStore(parts.databases.state, lambda: now[0])
    for name, seconds in (("revoked", None), ("expired", 60.0), ("kept", 600.0)):
        await store.add(name, ALICE, ["user"], seconds)
    tokens = Tokens(store, Throttle(), parts.service.users.exists, parts.authentication.logins.knows, unix_clock=lambda: now[0])
    bearers = Bearers(tokens, parts.authentication.issuers, parts.authentication.server_tokens)
    watch = TokenStreams(parts.events, bearers, seconds=0.01)
    parts.events.subscribe(None, ALICE)  # with a password
    for name in ("revoked", "expired", "kept"):
        parts.events.subscribe(None, ALICE, token=name)
    watch.start()
    try:
        await store.revoke("revoked")
        await until(lambda: parts.events.tokens == {"expired", "kept"})
        now[0] += 60.0
        await until(lambda: parts.events.tokens == {"kept"})
        assert parts.events.streams == 2
    finally:
        await watch.stop()


def test_a_stream_ends_with_its_token() -> None:
    with serving() as gateway:
        gateway.client.portal.call(_closed_in_turn, gateway)
