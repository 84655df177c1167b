"""Clients of a server: one that counts the messages it gets, and one that gives accounts their avatars."""

from __future__ import annotations

import base64
import hashlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway import ROOT

from tests.servers.process import USERS, XmppServer

RECEIVER = "bob"


@contextmanager
def receiver(server: XmppServer) -> Iterator[list[int]]:
    """Count what the receiver gets meanwhile, and until nothing more comes; the number is in the list in the end."""
    command = [sys.executable, str(Path(ROOT) / "bench" / "receiver.py"), "127.0.0.1", str(server.c2s), RECEIVER, USERS[RECEIVER]]
    process = subprocess.Popen([*command, "localhost"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "online\n"
    counted: list[int] = []
    try:
        yield counted
    finally:
        process.send_signal(signal.SIGTERM)
        counted.append(int(process.stdout.read() or 0))
        process.wait(60)


def image(number: int, size: int) -> bytes:
    """Bytes that are a PNG to whoever looks at their beginning, different for each number."""
    noise = hashlib.shake_128(str(number).encode()).digest(size)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + noise


def set_avatar(server: XmppServer, user: str, password: str, picture: bytes) -> None:
    """Log in as a user and set the photo of his vCard.

    XEP-0054, XEP-0153
    """
    stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='localhost'>"
    token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    photo = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{base64.b64encode(picture).decode()}</BINVAL></PHOTO>"
    with socket.create_connection(("127.0.0.1", server.c2s), 10) as connection:
        for text, until in (
            (stream, b"</stream:features>"),
            (f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>", b"<success"),
            (stream, b"</stream:features>"),
            ("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"</iq>"),
            (f"<iq type='set' id='v'><vCard xmlns='vcard-temp'>{photo}</vCard></iq>", b"id='v'"),
        ):
            connection.sendall(text.encode())
            received = b""
            while until not in received.replace(b'"', b"'"):
                data = connection.recv(65536)
                assert data, f"{user}: {received[-500:]!r}"
                received += data
        assert b"error" not in received, received[-500:]
        with suppress(OSError):
            connection.sendall(b"</stream:stream>")
