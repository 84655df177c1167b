"""A server that does what it is told, for what no real one does."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

HEADER = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"


def features(*mechanisms: str, more: str = "") -> str:
    """Return what the server offers."""
    names = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
    return f"<stream:features>{more}<mechanisms {SASL}>{names}</mechanisms></stream:features>"


def failure(condition: str) -> str:
    """Why a login failed."""
    return f"<failure {SASL}><text>No.</text><{condition}/></failure>"


def sasl(element: str, text: str) -> str:
    """Return a SASL message."""
    return f"<{element} {SASL}>{base64.b64encode(text.encode()).decode()}</{element}>"


class Peer:
    """The client, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard = ""

    async def hear(self, end: str = ">") -> str:
        """Return what it says, up to some text."""
        said = (await self._reader.readuntil(end.encode())).decode()
        self.heard += said
        return said

    async def say(self, text: str) -> None:
        """Tell it something."""
        self._writer.write(text.encode())
        await self._writer.drain()

    async def leave(self) -> None:
        """Wait until it has closed its side."""
        self.heard += (await self._reader.read()).decode(errors="replace")

    async def greet(self, *mechanisms: str, more: str = "") -> None:
        """Open the stream."""
        await self.hear("version='1.0' to='localhost'>")
        await self.say(HEADER + features(*mechanisms, more=more))

    async def hear_sasl(self, element: str) -> str:
        """Return a SASL message of it."""
        found = re.search(rf"<{element} [^>]*>(.*)</{element}>", await self.hear(f"</{element}>"), re.DOTALL)
        assert found is not None
        return base64.b64decode(found[1]).decode()

    async def challenge(self, iterations: str = "4096") -> None:
        """Send the server-first-message of SCRAM."""
        nonce = (await self.hear_sasl("auth")).rpartition("r=")[2]
        await self.say(sasl("challenge", f"r={nonce}more,s=QUJDREVGR0hJSg==,i={iterations}"))


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def fake_server(script: Script) -> AsyncIterator[int]:
    """Serve a script on a port of its own. In the end, every client must have closed its side."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        try:
            await script(peer)
            await peer.leave()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
        await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await asyncio.gather(*tasks)
    finally:
        server.close()
        await server.wait_closed()
