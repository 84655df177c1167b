"""Whom deliveries over https trust, and that no proxy of the environment sees them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.servers.certificates import make_certificate
from tigrest.formats.stanza_json import representations
from tigrest.inbound.webhooks import Target
from tigrest.inbound.webhooks.answers import NoResponse, WebhookResponse
from tigrest.inbound.webhooks.client import WebhookClient
from tigrest.xmpp.stanza import make_stanza

PROXY = "http://127.0.0.1:1"
"""Nobody listens there."""


async def _respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def _post(port: int) -> WebhookResponse | NoResponse:
    endpoint = WebhookClient(Target("a", f"https://localhost:{port}/"), representations)
    await endpoint.start()
    try:
        return await endpoint.post(make_stanza("message", "", "a@localhost", sender="b@localhost"), "id")
    finally:
        await endpoint.stop()


async def test_a_delivery_trusts_the_authorities_that_SSL_CERT_FILE_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, PROXY)
    right, wrong = make_certificate(tmp_path / "right", "localhost"), make_certificate(tmp_path / "wrong", "other.example")
    for certificate, authority, expected in (
        (right, right.authority, None),
        (right, "", "certificate verify failed: unable to get local issuer certificate"),
        (wrong, wrong.authority, "certificate verify failed: Hostname mismatch"),
    ):
        if authority:
            monkeypatch.setenv("SSL_CERT_FILE", authority)
        else:
            monkeypatch.delenv("SSL_CERT_FILE")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate.file("ejabberd"))
        async with await asyncio.start_server(_respond, "127.0.0.1", 0, ssl=tls) as server:
            outcome = await _post(server.sockets[0].getsockname()[1])
        if expected is None:
            assert isinstance(outcome, WebhookResponse)
            assert outcome.status == 204
        else:
            assert isinstance(outcome, NoResponse)
            assert expected in outcome.problem
