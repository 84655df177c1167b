"""Logins at servers that misbehave; those at real ones are in tests/servers/test_c2s.py."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from typing import Literal

import pytest

from tests.backends.component.fake import HEADER, PROCEED, SASL, STARTTLS, SUCCESS, Peer, Script, failure, fake_server, features, sasl
from tests.conftest import Run
from tigrest.backends.component import client_stream
from tigrest.backends.component.c2s import ClientPort, ClientPortLimits, ClientPortSettings
from tigrest.errors import NotConnected
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import STREAM_ERRORS

ALICE = JID("alice@localhost")
SECRET = "s3cret-word"

CONTEXT = ssl.create_default_context()

Tls = Literal["require", "allow", "never"]


def port_of(port: int, tls: Tls = "allow", timeout: float = 10.0, host: str = "127.0.0.1") -> ClientPort:
    limits = ClientPortLimits(check_seconds=timeout)
    return ClientPort(ClientPortSettings(host=host, port=port, domain="localhost", tls=tls, limits=limits), CONTEXT)


async def outcome(script: Script, tls: Tls = "allow", timeout: float = 5.0, password: str = SECRET) -> bool | str:
    """Return what a check gives: yes, no, or why it cannot be told."""
    answer: bool | str
    async with fake_server(script) as port:
        try:
            answer = await port_of(port, tls, timeout).check(ALICE, password)
        except NotConnected as error:
            answer = str(error)
    assert SECRET not in str(answer)
    return answer


def says(*texts: str) -> Script:
    """Return a server that opens the stream, offers PLAIN, and answers each message with the next text."""

    async def script(peer: Peer) -> None:
        await peer.greet("PLAIN")
        for text in texts:
            await peer.hear(">")
            await peer.hear(">")
            await peer.say(text)

    return script


def opens(text: str) -> Script:
    """Return a server that answers the stream header with a text."""

    async def script(peer: Peer) -> None:
        await peer.hear("version='1.0' to='localhost'>")
        await peer.say(text)

    return script


def test_success_and_refusal(run: Run) -> None:
    assert run(outcome(says(SUCCESS))) is True
    for condition in ("not-authorized", "credentials-expired", "account-disabled", "invalid-authzid", "malformed-request"):
        assert run(outcome(says(failure(condition)))) is False, condition
    assert run(outcome(says(failure("not-authorized") + "</stream:stream>"))) is False


@pytest.mark.parametrize("condition", ["temporary-auth-failure", "mechanism-too-weak", "encryption-required", "aborted", "x" * 5000])
def test_a_server_that_cannot_tell_now(run: Run, condition: str) -> None:
    assert str(run(outcome(says(failure(condition))))).endswith(f"cannot check logins by PLAIN now: {condition[:40]} (No.)")


def test_the_client_takes_leave(run: Run) -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await says(SUCCESS)(peer)

    assert run(outcome(script)) is True
    assert peers[0].heard.endswith("</auth></stream:stream>")


def test_a_server_that_comes_in_small_pieces(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear("to='localhost'>")
        for char in HEADER + features("SCRAM-SHA-1", "PLAIN"):
            await peer.say(char)
            await asyncio.sleep(0)
        await peer.hear("</auth>")
        for char in SUCCESS:
            await peer.say(char)
            await asyncio.sleep(0)

    assert run(outcome(script)) is True


def test_nobody_there(run: Run) -> None:
    with pytest.raises(NotConnected, match=r"cannot be reached on 127\.0\.0\.1:1 .*c2s_port.*refused"):
        run(port_of(1).check(ALICE, SECRET))
    with pytest.raises(NotConnected, match="cannot be reached"):
        run(port_of(5222, host="nowhere.invalid").check(ALICE, SECRET))
    with pytest.raises(NotConnected, match="cannot be reached"):
        run(port_of(5222, host="a" * 70 + ".invalid").check(ALICE, SECRET))


@pytest.mark.parametrize(
    ("jid", "password"),
    [
        (JID("alice@elsewhere"), SECRET),
        (JID("localhost"), SECRET),
        (ALICE, ""),
        (ALICE, "a\0b"),
        (ALICE, "\ud800"),
    ],
)
async def test_what_no_server_need_be_asked(jid: JID, password: str) -> None:
    assert await port_of(1).check(jid, password) is False


def test_a_password_that_scram_cannot_carry(run: Run) -> None:
    assert run(outcome(opens(HEADER + features("SCRAM-SHA-1")), password="\u0007")) is False


def test_a_server_that_never_answers(run: Run) -> None:
    async def silent(peer: Peer) -> None:
        await peer.leave()

    assert str(run(outcome(silent, timeout=0.2))).endswith("did not decide a login in 0.2 s")


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><stream:stream>",
        HEADER.replace("?>", "?><!DOCTYPE stream:stream SYSTEM 'file:///etc/passwd'>"),
        HEADER.replace("etherx", "other"),
        HEADER + "<?php ?>",
        HEADER + "<!-- hello -->",
        HEADER + "&nbsp;",
        HEADER + "<a></b>",
        HEADER + "<a>" * 20,
        "\0\0",
        "\N{SNOWMAN}",
        "<stream xmlns='http://etherx.jabber.org/streams}stream'>",
        "<stream>",
    ],
)
def test_what_is_not_xmpp(run: Run, text: str) -> None:
    assert str(run(outcome(opens(text)))).endswith("does not speak XMPP: is it a c2s port?")


@pytest.mark.parametrize("flood", ["<iq/>" * 200_000, "<iq a='" + "x" * 1_000_000, " " * 1_000_000, "<iq>" + "x" * 1_000_000])
def test_a_flood(run: Run, flood: str) -> None:
    async def slow(peer: Peer) -> None:
        await peer.greet("SCRAM-SHA-1")
        await peer.hear("</auth>")
        await peer.say(flood)

    assert "sends" in str(run(outcome(slow)))
    assert "sends too much" in str(run(outcome(opens(HEADER + flood)))) or flood.startswith("<iq/>")


def test_a_server_that_goes_away_in_the_middle(run: Run) -> None:
    async def after_greeting(peer: Peer) -> None:
        await peer.greet("PLAIN")
        raise ConnectionResetError

    async def in_an_element(peer: Peer) -> None:
        await opens(HEADER + "<stream:fea")(peer)
        raise ConnectionResetError

    async def at_once(peer: Peer) -> None:
        raise ConnectionResetError

    for script in (after_greeting, in_an_element, at_once):
        assert "closes the connection" in str(run(outcome(script)))
    assert "closes the stream before" in str(run(outcome(opens(HEADER + "</stream:stream>"))))


def test_a_stream_error(run: Run) -> None:
    error = "<stream:error><{} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    assert str(run(outcome(opens(HEADER + error.format("host-unknown"))))).endswith(
        "closes the stream: host-unknown; correct [xmpp] domain, or let the server serve it (hosts of ejabberd, a VirtualHost of Prosody)"
    )
    assert str(run(outcome(says(error.format("system-shutdown"))))).endswith("closes the stream: system-shutdown")
    assert str(run(outcome(opens(HEADER + "<stream:error/>")))).endswith("closes the stream: ?")
    banned = f"<policy-violation xmlns='{STREAM_ERRORS}'/><text xmlns='{STREAM_ERRORS}' xml:lang='en'>Too many\n (20) failures</text>"
    answer = run(outcome(opens(f"{HEADER}<stream:error>{banned}</stream:error></stream:stream>")))
    assert str(answer).endswith("closes the stream: policy-violation (Too many (20) failures)")
    long = f"<stream:error><reset xmlns='{STREAM_ERRORS}'/><text xmlns='{STREAM_ERRORS}'>{'x' * 5000}</text></stream:error>"
    assert str(run(outcome(opens(HEADER + long)))).endswith(f"closes the stream: reset ({'x' * 300})")


def test_a_server_that_cannot_be_asked_is_logged_once_until_it_can(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    replies = [failure("temporary-auth-failure")] * 3 + [failure("aborted")] * 2 + [SUCCESS, failure("aborted"), failure("aborted")]

    async def script(peer: Peer) -> None:
        await says(replies.pop(0))(peer)

    async def story() -> None:
        async with fake_server(script) as number:
            port = port_of(number)
            for _ in range(len(replies)):
                with suppress(NotConnected):
                    await port.check(ALICE, SECRET)

    with caplog.at_level("INFO", "tigrest.backends.component.c2s"):
        run(story())
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO", "WARNING"]
    assert "temporary-auth-failure (No.)" in caplog.messages[0]
    assert [text.endswith("now: aborted (No.)") for text in caplog.messages] == [False, True, False, True]
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "<features/>", "sends <features> instead of its features"),
        (HEADER + "<stream:features/>", "offers neither TLS nor logins without it; give it a certificate for localhost"),
        (HEADER + features("DIGEST-MD5", "X-OAUTH2"), "no SASL mechanism that can be used (offered: DIGEST-MD5, X-OAUTH2)"),
    ],
)
def test_offers_of_no_use(run: Run, text: str, message: str) -> None:
    assert message in str(run(outcome(opens(text))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<presence/>", "sends <presence> in the middle of a login"),
        (f"<challenge {SASL}>!</challenge>", "not base64"),
        (sasl("challenge", "what?"), "no questions"),
    ],
)
def test_nonsense_in_the_middle_of_a_login(run: Run, text: str, message: str) -> None:
    assert message in str(run(outcome(says(text))))


@pytest.mark.parametrize("last", [SUCCESS, sasl("success", "v=AAAA"), sasl("challenge", "v=AAAA"), sasl("success", "e=invalid-proof")])
def test_an_impostor_cannot_say_yes(run: Run, last: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet("SCRAM-SHA-1", "SCRAM-SHA-256")
        await peer.challenge()
        await peer.hear_sasl("response")
        await peer.say(last)

    assert "may be an impostor" in str(run(outcome(script)))


def test_an_impostor_cannot_skip_the_proof(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet("SCRAM-SHA-1")
        await peer.hear("</auth>")
        await peer.say(SUCCESS)

    assert "may be an impostor" in str(run(outcome(script)))


@pytest.mark.parametrize("iterations", ["10000001", "1", "9" * 20_000])
def test_rounds_without_measure(run: Run, iterations: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet("SCRAM-SHA-256")
        await peer.challenge(iterations)

    started = time.process_time()
    assert "iterations of SCRAM-SHA-256" in str(run(outcome(script)))
    assert time.process_time() - started < 1  # of the processor: 10,000,001 rounds take several


def test_the_loop_runs_on_while_a_key_is_derived(run: Run) -> None:
    """700,000 rounds take some 0.2 s or more; the loop must turn meanwhile."""

    async def script(peer: Peer) -> None:
        await peer.greet("SCRAM-SHA-256")
        await peer.challenge("700000")
        await peer.hear_sasl("response")
        await peer.say(failure("not-authorized"))

    async def story() -> tuple[bool | str, int]:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        ticker = asyncio.create_task(tick())
        result = await outcome(script)
        ticker.cancel()
        return result, turns

    result, turns = run(story())
    assert result is False
    assert turns > 20  # a few before and after


async def cancelled(script: Script, after: float, tls: Tls = "allow") -> None:
    """Cancel a check after some seconds; the server sees the connection end."""
    async with fake_server(script) as port:
        task = asyncio.create_task(port_of(port, tls).check(ALICE, SECRET))
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_cancelled_anywhere(run: Run) -> None:
    async def silent(peer: Peer) -> None:
        await peer.leave()

    async def derives(peer: Peer) -> None:
        await peer.greet("SCRAM-SHA-256")
        await peer.challenge("1000000")

    async def handshake(peer: Peer) -> None:
        await peer.greet(more=STARTTLS)
        await peer.hear("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await peer.say(PROCEED)

    for script in (silent, derives, handshake):
        for after in (0, 0.001, 0.05):
            run(cancelled(script, after))


def test_a_handshake_that_never_ends(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet(more=STARTTLS)
        await peer.hear("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await peer.say(PROCEED)

    assert "did not decide" in str(run(outcome(script, timeout=0.3)))


@pytest.mark.parametrize("text", ["not TLS at all" * 10, "", SUCCESS])
def test_a_handshake_that_is_none(run: Run, text: str) -> None:
    """What a man in the middle adds after ``proceed`` is no part of the encrypted stream."""

    async def script(peer: Peer) -> None:
        await peer.greet("PLAIN", more=STARTTLS)
        await peer.hear("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await peer.say(PROCEED + features("PLAIN") + SUCCESS + "<stream:feat")
        await asyncio.sleep(0.02)
        await peer.say(text)
        raise ConnectionResetError

    answer = run(outcome(script))
    assert isinstance(answer, str)
    assert "TLS" in answer or "closes" in answer


def test_starttls_that_fails(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet("PLAIN", more=STARTTLS)
        await peer.hear("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await peer.say("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")

    assert "is its certificate in order?" in str(run(outcome(script)))


def test_tls_as_configured(run: Run) -> None:
    plain = opens(HEADER + features("PLAIN"))
    demanding = opens(HEADER + f"<stream:features>{STARTTLS}</stream:features>")
    assert 'set [xmpp] c2s_tls = "allow"' in str(run(outcome(plain, tls="require")))
    assert 'set [xmpp] c2s_tls = "require"' in str(run(outcome(demanding, tls="never")))


def test_passwords_do_not_cross_the_network_in_clear(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_stream, "is_loopback", lambda host: False)
    assert "passwords in clear" in str(run(outcome(opens(HEADER + features("PLAIN")))))

    async def script(peer: Peer) -> None:
        await peer.greet("PLAIN", "SCRAM-SHA-1")
        await peer.challenge()
        await peer.hear_sasl("response")
        await peer.say(failure("not-authorized"))

    assert run(outcome(script)) is False


@pytest.mark.parametrize("host", ["a..example", "a\0b"])
async def test_a_host_that_cannot_be_a_name_is_one_that_cannot_be_reached(host: str) -> None:
    with pytest.raises(NotConnected, match="cannot be reached on"):
        await port_of(5222, host=host).check(JID("alice@localhost"), "secret")


@pytest.mark.parametrize(
    ("peer", "is_private"), [(("127.0.0.1", 5222), True), (("192.0.2.1", 5222), False), (None, False), ("/run/socket", False)]
)
async def test_a_connection_is_private_when_it_does_not_leave_this_host(peer: object, is_private: bool) -> None:
    stream = client_stream.ClientStream("example.org", client_stream.ClientStreamLimits())
    assert stream.is_private is False
    stream.connection_made(asyncio.Transport({"peername": peer}))
    assert stream.is_private is is_private
