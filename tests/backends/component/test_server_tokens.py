"""Tokens at servers that are played: what is sent, when, and what of the answers counts."""

from __future__ import annotations

import pytest

from tests.backends.component.fake import HEADER, SUCCESS, Peer, Script, failure, fake_server, features, sasl
from tests.backends.component.test_c2s import CONTEXT, port_of
from tigrest.backends.component.c2s import ClientPort, ClientPortSettings
from tigrest.backends.component.client_stream import ClientStream
from tigrest.errors import NotConnected, NotSupported
from tigrest.xmpp.jid import JID
from tigrest.xmpp.sasl import looks_like_token

ALICE = JID("alice@localhost")
TOKEN = "secret-token:MjthYmM7ZGVm"
BINDS = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"


def accepts(jid: str, offered: str = BINDS, reply: str = "") -> Script:
    """Return a server that accepts a token, and says that it is of some address."""

    async def script(peer: Peer) -> None:
        await peer.greet("PLAIN", "OAUTHBEARER")
        assert await peer.hear_sasl("auth") == f"n,,\x01auth=Bearer {TOKEN}\x01\x01"
        await peer.say(SUCCESS)
        await peer.hear("to='localhost'>")
        await peer.say(f"{HEADER}<stream:features>{offered}</stream:features>")
        if offered:
            await peer.hear("</iq>")
            bound = f"<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind></iq>"
            await peer.say(reply or bound)

    return script


async def owner(script: Script, token: str = TOKEN) -> JID | None:
    async with fake_server(script) as port:
        return await port_of(port).owner_of_token(token)


async def test_the_server_tells_at_the_binding_whose_a_token_is() -> None:
    assert await owner(accepts("alice@localhost/abc")) == ALICE
    assert await owner(accepts("alice@elsewhere.example/abc")) is None
    assert await owner(accepts("localhost")) is None


@pytest.mark.parametrize(
    "script",
    [accepts("", offered=""), accepts("", reply="<iq type='error' id='bind'/>"), accepts("a@b@c"), accepts("", reply="<presence/>")],
)
async def test_a_server_that_does_not_tell_is_a_trouble_of_the_server(script: Script) -> None:
    with pytest.raises(NotConnected, match="accepts a token, but"):
        await owner(script)


async def test_a_refusal_comes_with_a_reason_that_is_acknowledged() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet("OAUTHBEARER")
        await peer.hear_sasl("auth")
        await peer.say(sasl("challenge", '{"status":"invalid_token"}'))
        assert await peer.hear_sasl("response") == "\x01"
        await peer.say(failure("not-authorized"))

    assert await owner(script) is None


async def test_where_it_is_not_offered_no_token_is_sent() -> None:
    heard: list[Peer] = []

    async def script(peer: Peer) -> None:
        heard.append(peer)
        await peer.greet("PLAIN", "X-OAUTH2")
        await peer.leave()

    with pytest.raises(NotSupported):
        await owner(script)
    assert "auth" not in heard[0].heard


class Far(ClientStream):
    """A connection as it would be over a network."""

    is_private = False


async def test_no_token_goes_over_a_network_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tigrest.backends.component.c2s.ClientStream", Far)
    heard: list[Peer] = []

    async def script(peer: Peer) -> None:
        heard.append(peer)
        await peer.greet("SCRAM-SHA-1", "OAUTHBEARER", "X-OAUTH2")
        if len(heard) == 1:
            await peer.leave()
            return
        await peer.challenge()
        await peer.hear_sasl("response")
        await peer.say(failure("not-authorized"))
        await peer.leave()

    async with fake_server(script) as port:
        client = ClientPort(ClientPortSettings(host="127.0.0.1", port=port, domain="localhost", tls="allow"), CONTEXT)
        with pytest.raises(NotSupported, match="not encrypted"):
            await client.owner_of_token(TOKEN)
        assert await client.check_login(ALICE, TOKEN) is None
    assert "OAUTH" not in "".join(peer.heard for peer in heard)


def refuses_password(*mechanisms: str, then: str) -> Script:
    async def script(peer: Peer) -> None:
        await peer.greet("PLAIN", *mechanisms)
        assert await peer.hear_sasl("auth") == f"\0alice\0{TOKEN}"
        await peer.say(failure("not-authorized"))
        assert "mechanism='X-OAUTH2'" in await peer.hear(">")
        await peer.hear("</auth>")
        await peer.say(then)

    return script


async def test_what_is_no_password_is_tried_as_a_token_on_the_same_connection() -> None:
    for then, kind in ((SUCCESS, "token"), (failure("not-authorized"), None)):
        async with fake_server(refuses_password("X-OAUTH2", then=then)) as port:
            assert await port_of(port).check_login(ALICE, TOKEN) == kind


@pytest.mark.parametrize(("mechanisms", "secret"), [((), TOKEN), (("X-OAUTH2",), "a wrong password, long"), (("X-OAUTH2",), "short")])
async def test_a_wrong_password_is_one_failure_where_it_cannot_be_a_token(mechanisms: tuple[str, ...], secret: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.say(HEADER + features("PLAIN", *mechanisms))
        await peer.hear_sasl("auth")
        await peer.say(failure("not-authorized"))
        assert await peer.hear(">") == "</stream:stream>"

    async with fake_server(script) as port:
        assert await port_of(port).check_login(ALICE, secret) is None


def test_tokens_are_long_and_of_few_characters() -> None:
    assert looks_like_token("8IYRWdRNhntHw1aYOO1AXzzoYEZgSF54")
    assert looks_like_token("secret-token:MjtweG9VbU1rWERTNGI7PmDbwQir4xuNtPs5Awe3lO+vO2FsaWNlQGxvY2FsaG9zdA==")
    for secret in ("correct horse battery staple", "hunter2hunter2", "schlüsselschlüsselschlüssel", "x" * 5000):
        assert not looks_like_token(secret)
