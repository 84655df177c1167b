"""Handshakes that fail, in all the ways of servers and of ports that are none: each is said in words, once, with what to check."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.process import serving, tigrest
from tests.waiting import eventually, until
from tigrest.backends.component.link import Link
from tigrest.backends.component.reconnecting import ReconnectLimits
from tigrest.backends.component.settings import LinkLimits, LinkSettings
from tigrest.concurrency.backoff import Backoff
from tigrest.errors import NotConnected
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

ACCEPT, CLIENT, SERVER = "jabber:component:accept", "jabber:client", "jabber:server"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
CLOSE, SILENCE, RESET = "close", "silence", "reset"
"""What a server does instead of saying something."""


def header(namespace: str = ACCEPT) -> str:
    return f"<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams' id='1'>"


def stream_error(condition: str, text: str = "") -> str:
    words = f"<text xmlns='{STREAM_ERRORS}'>{text}</text>" if text else ""
    return f"<stream:error><{condition} xmlns='{STREAM_ERRORS}'/>{words}</stream:error></stream:stream>"


CASES: dict[str, tuple[str, str, str]] = {
    # what the server answers to the header, and to the handshake; what the message says
    "Tigase, wrong secret": (header(), CLOSE, "closed the connection without a word"),
    "Openfire, wrong secret": (header(), stream_error("not-authorized"), "the secret is wrong"),
    "Openfire, no secret for the subdomain": (header() + stream_error("internal-server-error"), CLOSE, "Openfire says so"),
    "Openfire, not on the whitelist": (header() + stream_error("host-unknown", "Not allowed"), CLOSE, "does not know the component"),
    "Openfire, a second link": (header() + stream_error("conflict", "The domain is in use"), CLOSE, "another program is connected"),
    "Prosody, wrong secret": (header(), stream_error("not-authorized", "Given token does not match"), "the secret is wrong"),
    "ejabberd, wrong secret": (header(), stream_error("not-authorized"), "the secret is wrong"),
    "a wrong domain": (header() + stream_error("host-unknown"), CLOSE, "correct [xmpp] jid"),
    "an error of no well-known kind": (header() + stream_error("policy-violation", "slow down"), CLOSE, "policy-violation (slow down)"),
    "the stream is closed": (header() + "</stream:stream>", CLOSE, "the server closed the stream"),
    "the connection is closed at once": (CLOSE, CLOSE, "closed the connection without a word"),
    "the connection is reset": (RESET, CLOSE, "closed the connection without a word"),
    "reset after the handshake": (header(), RESET, "closed the connection without a word"),
    "silence": (SILENCE, SILENCE, "accepts connections, but said nothing within 0.3 s"),
    "silence after the header": (header(), SILENCE, "opened the stream, but did not answer within 0.3 s"),
    "broken XML": (header() + "<a></b>", CLOSE, "not well-formed"),
    "a port for clients": (header(CLIENT) + stream_error("invalid-namespace"), CLOSE, "port for clients"),
    "a port for servers": (header(SERVER) + stream_error("invalid-namespace"), CLOSE, "port for servers"),
    "an HTTP server": ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", CLOSE, "an HTTP server answers"),
    "a TLS port": ("\x15\x03\x01\x00\x02\x02\x46", CLOSE, "a TLS server answers"),
    "a page without a head": ("<html><body>400 Bad Request</body></html>", CLOSE, "does not speak XMPP"),
    "something else": ("220 mail.example.org ESMTP\r\n", CLOSE, "does not speak XMPP"),
}

QUICK = LinkLimits(connect_seconds=0.3, reconnect=ReconnectLimits(backoff=Backoff(first=0.02, last=0.02, jitter=(1.0, 1.0))))


class Refusing:
    """A server that answers a header and a handshake with what it is told to."""

    def __init__(self, to_header: str, to_handshake: str) -> None:
        self._answers = {b"'>": to_header, b"</handshake>": to_handshake}
        self.attempts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts += 1
        try:
            for end, answer in self._answers.items():
                if answer == CLOSE and end == b"'>":
                    return
                await reader.readuntil(end)
                if answer == RESET:
                    writer.transport.abort()
                if answer in (CLOSE, RESET):
                    return
                if answer == SILENCE:
                    await reader.read()
                    return
                writer.write(answer.encode("latin-1"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def refusing(to_header: str, to_handshake: str) -> AsyncIterator[tuple[Refusing, int]]:
    fake = Refusing(to_header, to_handshake)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    try:
        yield fake, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def link_to(host: str, port: int) -> Link:
    jid = JID("http.example.org")
    settings = LinkSettings(
        jid=jid, domain=JID("example.org"), secret="s3cret-word", host=host, port=port, max_stanza=262_144, limits=QUICK
    )
    return Link(settings, on_stanza=lambda _: None, on_up=lambda: None, on_down=lambda: None)


@pytest.mark.parametrize("case", CASES)
async def test_the_message_says_what_happened_and_names_the_secret(case: str, caplog: pytest.LogCaptureFixture) -> None:
    to_header, to_handshake, words = CASES[case]
    async with refusing(to_header, to_handshake) as (fake, port):
        link = link_to("127.0.0.1", port)
        await link.start()
        try:
            if "not-authorized" not in to_handshake and "host-unknown" not in to_header:  # these are tried again after 30 s
                await until(lambda: fake.attempts > 2)
            assert words in link.trouble
            assert "check the secret" in link.trouble
            assert "s3cret-word" not in link.trouble
            with pytest.raises(NotConnected, match="check the secret"):
                await link.send(Stanza.parse("<message to='a@example.org'/>"))
        finally:
            await link.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [link.trouble]


@pytest.mark.parametrize(
    ("host", "words"), [("nowhere.invalid", "cannot be reached"), ("127.0.0.1", "cannot be reached: Connection refused")]
)
async def test_a_host_that_is_not_there_is_no_matter_of_the_secret(host: str, words: str) -> None:
    link = link_to(host, 1)
    await link.start(patience=10.0)
    await link.stop()
    assert words in link.trouble
    assert "check [xmpp] host and port" in link.trouble
    assert "secret" not in link.trouble


async def test_the_program_says_so_too(tmp_path: Path) -> None:
    """``check --live`` exits with 3 and one line; ``serve`` goes on trying, and logs it once. The cases wait at the same time."""
    async with asyncio.TaskGroup() as tasks:
        for number, case in enumerate(("Tigase, wrong secret", "Openfire, no secret for the subdomain", "silence", "an HTTP server")):
            folder = tmp_path / str(number)
            folder.mkdir()
            tasks.create_task(_expect_told(case, folder))


async def _expect_told(case: str, folder: Path) -> None:
    to_header, to_handshake, words = CASES[case]
    async with refusing(to_header, to_handshake) as (_, port):
        settings = {"BACKEND": "component", "SECRET": "s3cret-word", "PORT": str(port), "HOST": "127.0.0.1"}
        variables = {f"TIGREST__XMPP__{name}": value for name, value in settings.items()}
        done = await asyncio.to_thread(lambda: tigrest("check", "--live", cwd=folder, **variables))
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
        assert "check the secret" in done.stderr
        if case != "silence":
            assert words in done.stderr
            await asyncio.to_thread(_serve, folder, variables)


def _serve(folder: Path, variables: dict[str, str]) -> None:
    with serving(cwd=folder, **variables) as (process, _):
        eventually(lambda: "check the secret" in (folder / "log").read_text())
        process.terminate()
        assert process.wait(15) == 0
    assert (folder / "log").read_text().count("check the secret") == 1
