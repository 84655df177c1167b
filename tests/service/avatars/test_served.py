"""Avatars of the embedded domain, as ``tigrest serve`` hands them out to anybody."""

from __future__ import annotations

import socket
import sqlite3
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2

from tests.cli.process import demo, prepare, serving
from tigrest.gateway.demo import picture
from tigrest.service.avatars.lookup import LOOKUP_TIMEOUT

PUBSUB = "http://jabber.org/protocol/pubsub"
PNG = picture("alice")
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
Send = Callable[[str, str], None]


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[tuple[httpx2.Client, Send]]:
    """Run the program; gives a client, and what has a user send an iq about himself."""
    variables = {"AVATARS__CACHE_SECONDS": "0", "AVATARS__MISS_SECONDS": "0", **settings}
    if not (folder / "var").exists():
        prepare(folder)
        with closing(sqlite3.connect(folder / "var" / "tigrest.sqlite3")) as database, database:
            database.executescript("DELETE FROM embedded_pep_items; DELETE FROM embedded_vcards")  # the avatars of the demo
    with (
        serving(cwd=folder, **{f"TIGREST__{key}": value for key, value in variables.items()}) as (_, base),
        httpx2.Client(base_url=base, timeout=20) as client,
    ):

        def send(user: str, payload: str) -> None:
            iq = f"<iq type='set' id='1' from='{user}@localhost' to='{user}@localhost'>{payload}</iq>"
            answer = client.post("/rest/stream", content=iq, auth=login(folder, "admin"), headers={"Api-Key": demo(folder)["api_key"]})
            assert answer.status_code == 200, answer.text

        yield client, send
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log


def login(folder: Path, user: str) -> tuple[str, str]:
    """Return the login of an account."""
    return user, demo(folder)["passwords"][user]


def publish(user: str, send: Send, access: str = "") -> None:
    """Publish an avatar in PEP."""
    form = f"<x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'><value>{access}</value></field></x>"
    options = f"<publish-options>{form}</publish-options>" if access else ""
    data = f"<data xmlns='urn:xmpp:avatar:data'>{b64encode(PNG).decode()}</data>"
    metadata = "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='a' type='image/png' bytes='1'/></metadata>"
    for node, payload in (("data", data), ("metadata", metadata)):
        inner = f"<publish node='urn:xmpp:avatar:{node}'><item id='a'>{payload}</item></publish>{options}"
        send(user, f"<pubsub xmlns='{PUBSUB}'>{inner}</pubsub>")


def test_what_is_hidden_is_shown_only_as_configured(tmp_path: Path) -> None:
    with served(tmp_path) as (client, send):
        publish("alice", send)
        assert client.get("/rest/avatar/alice@localhost").headers["cache-control"] == "public, max-age=0"
        for access in ("whitelist", "presence", "roster", "authorize"):
            publish("alice", send, access)
            for path in ("", "/avatar", "/vcard4", "/vcard-temp"):
                assert client.get(f"/rest/avatar/alice@localhost{path}").status_code == 404, (access, path)
            assert client.get("/rest/avatar/alice@localhost", auth=login(tmp_path, "alice")).status_code == 404
        set_again = client.put("/rest/avatar/alice@localhost", content=PNG, auth=login(tmp_path, "alice"))
        assert set_again.status_code == 200
        assert client.get("/rest/avatar/alice@localhost/avatar").status_code == 404  # who sees it is as before
        assert client.put("/rest/avatar/alice@localhost", content=PNG, auth=login(tmp_path, "bob")).status_code == 403
        assert client.put("/rest/avatar/alice@elsewhere.org", content=PNG, auth=login(tmp_path, "admin")).status_code == 404
        publish("alice", send, "open")
        assert client.get("/rest/avatar/alice@localhost/avatar").status_code == 200
        publish("alice", send, "presence")
    with served(tmp_path, AVATARS__AS_OWNER="true") as (client, _):
        shown = client.get("/rest/avatar/alice@localhost/avatar")
        assert (shown.status_code, shown.content, shown.headers["cache-control"]) == (200, PNG, "private, max-age=0")


def test_hostile_cards_and_addresses_are_never_errors_of_ours(tmp_path: Path) -> None:
    png, svg = b64encode(PNG).decode(), b64encode(SVG.encode()).decode()
    good = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{png}</BINVAL></PHOTO>"
    cards: dict[str, Any] = {
        f"<PHOTO><TYPE>image/SVG+XML; a=b</TYPE><BINVAL>{svg}</BINVAL></PHOTO>": 404,
        f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{svg}</BINVAL></PHOTO>": 404,
        f"<PHOTO><TYPE>{'image/' + 'x' * 100_000}</TYPE><BINVAL>{png}</BINVAL></PHOTO>": PNG,
        f"<PHOTO><TYPE>image/png&#13;\nset-cookie: a=b</TYPE><BINVAL>{png}</BINVAL></PHOTO>": PNG,
        f"<PHOTO><TYPE>画像</TYPE><BINVAL> data:image/png;base64,{png.rstrip('=')}\n</BINVAL></PHOTO>": PNG,
        f"<PHOTO><EXTVAL>javascript:alert(1)</EXTVAL></PHOTO><PHOTO/>{good}": PNG,
        f"<PHOTO><TYPE>image/gif</TYPE><BINVAL>§</BINVAL></PHOTO>{good}": PNG,
        "<PHOTO><EXTVAL>https://bücher.example/画</EXTVAL></PHOTO>": "https://xn--bcher-kva.example/%E7%94%BB",
        "<PHOTO><EXTVAL>data:image/svg+xml,x</EXTVAL><EXTVAL>http://x/\n</EXTVAL></PHOTO>": "http://x/",
        "<PHOTO><EXTVAL>https://xn--/</EXTVAL></PHOTO>": 404,
        "<PHOTO><EXTVAL>https://x/&#13;\nset-cookie: a=b</EXTVAL></PHOTO>": 404,
    }
    with served(tmp_path) as (client, send):
        for card, expected in cards.items():
            send("bob", f"<vCard xmlns='vcard-temp'>{card}</vCard>")
            response = client.get("/rest/avatar/bob@localhost")
            got = response.content if response.status_code == 200 else response.headers.get("location", response.status_code)
            assert got == expected, card[:200]
            assert response.headers.get("content-type", "") in ("image/png", "text/plain", "application/problem+xml")
            assert "set-cookie" not in response.headers
        malformed = ("a@b@c", "@localhost", "a%20b@localhost", "%FF", "a@", "a%0Ab@localhost", "x" * 1024 + "@localhost", "a@..", "%00")
        assert {jid: client.get(f"/rest/avatar/{jid}").status_code for jid in malformed} == dict.fromkeys(malformed, 400)


def test_a_look_up_ends_when_its_caller_has_gone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        silent = Thread(target=accept_and_be_silent, args=(listener,), daemon=True)
        silent.start()
        link = {"BACKEND": "component", "SECRET": "x", "PORT": str(listener.getsockname()[1])}
        with serving("--access-log", cwd=tmp_path, **{f"TIGREST__XMPP__{key}": value for key, value in link.items()}) as (process, base):
            host, _, port = base.removeprefix("http://").partition(":")
            began = time.monotonic()
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(b"GET /rest/avatar/alice@localhost HTTP/1.1\r\nHost: localhost\r\n\r\n")
                time.sleep(0.2)
            while "/rest/avatar/alice@localhost" not in (log := (tmp_path / "log").read_text()):
                assert time.monotonic() < began + LOOKUP_TIMEOUT, "the look-up goes on"
                time.sleep(0.05)
            assert "/rest/avatar/alice@localhost 499 " in log
            process.terminate()
            process.wait(15)
        silent.join(5)


def accept_and_be_silent(listener: socket.socket) -> None:
    """Be a server that takes a component and answers nothing it asks."""
    link, _ = listener.accept()
    with link:
        heard = b""
        while b"stream:stream" not in heard or not heard.endswith(b">"):
            heard += link.recv(65536)
        link.sendall(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='http.localhost'>"
        )
        while b"</handshake>" not in heard:
            heard += link.recv(65536)
        link.sendall(b"<handshake/>")
        while link.recv(65536):
            pass
