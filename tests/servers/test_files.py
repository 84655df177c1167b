"""Files in the storage of each server, as the pages about them configure it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.servers.gateway import gateway_for
from tests.servers.newer import NewerEjabberd
from tests.servers.process import XmppServer
from tigrest.testing import TestGateway

NEWER_TOO = True
ALICE, ADMIN = "alice:alicepw", "admin:adminpw"


GRANTED = " ".join(f"http://jabber.org/protocol/disco#{what}" for what in ("info", "items")) + " urn:xmpp:http:upload:0"
"""What ``mod_privilege`` of newer ejabberds has to grant, so that the gateway's iqs reach the upload service."""


@pytest.fixture(scope="module")
def gateway(server: XmppServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    with ExitStack() as stack:
        if isinstance(server, NewerEjabberd):
            server = NewerEjabberd(tmp_path_factory.mktemp("granting"), granted=GRANTED)
            stack.callback(server.stop)
            server.start()
        yield stack.enter_context(gateway_for(server))


@pytest.mark.parametrize("login", [ALICE, ADMIN])
def test_a_file_arrives_in_the_storage(gateway: TestGateway, login: str) -> None:
    data = bytes(range(256)) * 20_000
    answer = gateway.post("/rest/upload?filename=../na\u00efve plan.pdf", login=login, content=data, type="application/pdf")
    assert answer.status_code == 200, answer.text
    found = httpx2.get(answer.json()["url"])
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, data, "application/pdf")


def test_what_is_too_large_for_the_server_is_refused_with_its_limit(gateway: TestGateway) -> None:
    refused = gateway.post("/rest/upload?filename=big", login=ALICE, content=b"x" * 6_000_001)
    assert (refused.status_code, "6000000 bytes (max-file-size of upload.localhost)" in refused.text) == (413, True), refused.text
