"""A client that logs in, is online, and counts the messages it gets; prints the count when it is told to end.

python bench/receiver.py HOST PORT USER PASSWORD DOMAIN
"""

from __future__ import annotations

import asyncio
import base64
import signal
import sys

END = b"</body>"
"""One for each message that somebody sent; servers send some of their own at a login, without a body."""


async def main(host: str, port: str, user: str, password: str, domain: str) -> None:
    """Receive until SIGTERM."""
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
    header = f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{domain}'>"
    token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    for text, until in (
        (header, b"</stream:features>"),
        (f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>", b"<success"),
        (header, b"</stream:features>"),
        ("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"</iq>"),
        ("<presence/>", b"<presence"),
    ):
        writer.write(text.encode())
        await reader.readuntil(until)
    print("online", flush=True)
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    count, rest = 0, b""

    async def receive() -> None:
        nonlocal count, rest
        while data := await reader.read(1 << 20):
            rest += data
            count += rest.count(END)
            rest = rest[1 - len(END) :]

    task = asyncio.create_task(receive())
    await done.wait()
    last = -1
    while last != count:  # until nothing more comes
        last = count
        await asyncio.sleep(1.0)
    task.cancel()
    print(count, flush=True)
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
