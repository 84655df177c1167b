"""Avatars that strangers ask for: what ``tigrest serve`` shows of what clients publish, hidden or hostile, in front of each server."""

from __future__ import annotations

import hashlib
import socket
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import httpx2
import pytest

from tests.cli.process import serving
from tests.servers.client import Client, online
from tests.servers.conftest import KINDS, NEWER, installed
from tests.servers.gateway import eventually
from tests.servers.newer import NewerEjabberd, NewerProsody
from tests.servers.process import XmppServer
from tigrest.gateway.demo import picture

PUBSUB = "http://jabber.org/protocol/pubsub"
METADATA, DATA, VCARD4 = "urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data", "urn:xmpp:vcard4"
PNG, OTHER = picture("bob"), picture("other")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture(scope="module", params=[*KINDS, *NEWER])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    """Each server in turn, for this module: its accounts keep what is published here."""
    running = installed(request.param)(tmp_path_factory.mktemp(f"{request.param}-avatars"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def served(server: XmppServer, folder: Path, **settings: str) -> Iterator[httpx2.Client]:
    """Run the program as the component of a server; nothing is cached unless the settings say so."""
    variables = {
        **server.settings(),
        "XMPP__SEND_AS": "user",
        "AVATARS__CACHE_SECONDS": "0",
        "AVATARS__MISS_SECONDS": "0",
        **settings,
    }
    with (
        serving(cwd=folder, **{f"TIGREST__{key}": value for key, value in variables.items()}) as (_, base),
        httpx2.Client(base_url=base, timeout=60) as client,
    ):
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log


def options(access: str) -> str:
    """Publish options: a node with this access model, whatever it was before."""
    field = "<field var='{}'{}><value>{}</value></field>".format
    form = field("FORM_TYPE", " type='hidden'", f"{PUBSUB}#publish-options") + field("pubsub#access_model", "", access)
    return f"<publish-options><x xmlns='jabber:x:data' type='submit'>{form}</x></publish-options>" if access else ""


def publish(client: Client, node: str, item: str, payload: str, access: str = "") -> bool:
    """Publish an item of the client's own; tells whether the server took it."""
    owner = client.jid.partition("/")[0]
    inner = f"<publish node='{node}'><item id={quoteattr(item)}>{payload}</item></publish>{options(access)}"
    return bool(client.ask(f"type='set' to='{owner}'", f"<pubsub xmlns='{PUBSUB}'>{inner}</pubsub>")["type"] == "result")


def delete(client: Client, *nodes: str) -> None:
    """Delete nodes of the client's own, and its vCard."""
    owner = client.jid.partition("/")[0]
    for node in nodes:
        client.ask(f"type='set' to='{owner}'", f"<pubsub xmlns='{PUBSUB}#owner'><delete node='{node}'/></pubsub>")
    client.ask(f"type='set' to='{owner}'", "<vCard xmlns='vcard-temp'/>")
    for node in nodes:  # an empty vCard makes new ones on some servers
        client.ask(f"type='set' to='{owner}'", f"<pubsub xmlns='{PUBSUB}#owner'><delete node='{node}'/></pubsub>")


def publish_avatar(client: Client, image: bytes, infos: str = "", access: str = "", text: str = "", item: str = "") -> bool:
    """Publish data, and metadata: by default the info that belongs to the image."""
    item = item or sha1(image)
    info = infos or f"<info id='{item}' type='image/png' bytes='{len(image)}'/>"
    data = f"<data xmlns='{DATA}'>{text or b64encode(image).decode()}</data>"
    metadata = f"<metadata xmlns='{METADATA}'>{info}</metadata>"
    return publish(client, DATA, item, data, access) and publish(client, METADATA, item, metadata, access)


def test_what_is_hidden_from_strangers_is_not_served(server: XmppServer, tmp_path: Path) -> None:
    is_prosody = server.name == "Prosody"
    acts_for_users = is_prosody or isinstance(server, NewerEjabberd)
    with online(server, "alice") as alice, online(server, "bob") as bob, online(server, "admin") as admin:
        for user in (alice, bob, admin):
            delete(user, METADATA, DATA, VCARD4)
        assert publish_avatar(alice, picture("alice"))  # XEP-0163: for contacts
        assert publish_avatar(bob, PNG, access="open")
        assert publish_avatar(admin, OTHER, access="whitelist")
        with served(server, tmp_path) as client:
            opened = client.get("/rest/avatar/bob@localhost/avatar")
            assert (opened.status_code, opened.content, opened.headers["cache-control"]) == (200, PNG, "public, max-age=0")
            for whose in ("alice", "admin"):
                assert client.get(f"/rest/avatar/{whose}@localhost/avatar").status_code == 404
                assert client.get(f"/rest/avatar/{whose}@localhost/vcard4").status_code == 404
                # ejabberd's mod_avatar itself makes a vCard, which is for everybody, of what is published for contacts
                for path in ("", "/vcard-temp"):
                    assert client.get(f"/rest/avatar/{whose}@localhost{path}").status_code == (404 if is_prosody else 200), (whose, path)
        (tmp_path / "owner").mkdir()
        with served(server, tmp_path / "owner", AVATARS__AS_OWNER="true") as client:
            eventually(lambda: client.get("/rest/avatar/alice@localhost/avatar").status_code == (200 if acts_for_users else 404))
            response = client.get("/rest/avatar/alice@localhost")
            assert (response.status_code, response.content) == (200, picture("alice"))
            assert response.headers["cache-control"] == ("private, max-age=0" if acts_for_users else "public, max-age=0")
            assert client.get("/rest/avatar/bob@localhost").headers["cache-control"] == "public, max-age=0"


def info(**attributes: str) -> str:
    return "<info " + " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items()) + "/>"


GOOD = info(id=sha1(PNG), type="image/png", bytes="1")
HOSTILE: dict[str, tuple[Any, ...]] = {
    "a type in capitals": (PNG, info(id=sha1(PNG), type="IMAGE/PNG; a=b", bytes="1"), PNG),
    "a type of 100 kB": (PNG, info(id=sha1(PNG), type="image/" + "x" * 100_000, bytes="1"), PNG),
    "a type with line breaks": (PNG, info(id=sha1(PNG), type="image/png\r\nset-cookie: a=b", bytes="1"), PNG),
    "a type in another script": (PNG, info(id=sha1(PNG), type="画像/пнг", bytes="1"), PNG),
    "SVG in capitals": (SVG, info(id=sha1(SVG), type="image/SVG+XML", bytes="1"), 404),
    "SVG with parameters": (SVG, info(id=sha1(SVG), type="image/svg+xml;charset=utf-8", bytes="1"), 404),
    "SVG said to be PNG": (SVG, info(id=sha1(SVG), type="image/png", bytes="1"), 404),
    "SVG in UTF-16": (SVG.decode().encode("utf-16"), info(id="a", type="image/png", bytes="1"), 404, "", "a"),
    "HTML": (b"<html>", info(id=sha1(b"<html>"), type="text/html", bytes="1"), 404),
    "no base64": (PNG, info(id=sha1(PNG), type="image/png", bytes="1"), 404, "§§§"),
    "base64 with white space": (PNG, GOOD, PNG, "\n ".join(b64encode(PNG).decode())),
    "base64 without padding": (PNG, GOOD, PNG, b64encode(PNG).decode().rstrip("=")),
    "base64 for URLs": (PNG, GOOD, PNG, urlsafe_b64encode(PNG).decode()),
    "a data: prefix": (PNG, GOOD, PNG, "data:image/png;base64," + b64encode(PNG).decode()),
    "an id that is another's": (PNG, info(id="0" * 40, type="image/png", bytes="1"), PNG, "", "0" * 40),
    "an id of 100 kB": (PNG, info(id="x" * 100_000, type="image/png", bytes="1") + GOOD, PNG),
    "no id": (PNG, info(type="image/png", bytes="1") + GOOD, PNG),
    "an item that is not there": (PNG, info(id="f" * 40, type="image/png", bytes="1") + GOOD, PNG),
    "five hundred infos": (PNG, "".join(info(id=f"{n:040}", type="image/gif", bytes="1") for n in range(500)), 404),
    "a script, then the image": (PNG, info(id="a", url="javascript:alert(1)", type="image/png", bytes="1") + GOOD, PNG),
    "an address, then the image": (PNG, info(id="a", url="https://example.com/a.png", type="image/png", bytes="1") + GOOD, PNG),
    "an address": (PNG, info(id="a", url="https://example.com/a.png", type="image/png", bytes="1"), "https://example.com/a.png"),
    "an IRI": (PNG, info(id="a", url="https://bücher.example/ä ".strip() + "画像?é", type="image/png", bytes="1"), "https://xn--bcher-kva.example/%C3%A4%E7%94%BB%E5%83%8F?%C3%A9"),
    "a line break in the address": (PNG, info(id="a", url="https://x/\r\nset-cookie:a=b", type="image/png", bytes="1"), 404),
    "a password in the address": (PNG, info(id="a", url="https://a:b@x/", type="image/png", bytes="1"), 404),
    "no name": (PNG, info(id="a", url="https://xn--/", type="image/png", bytes="1"), 404),
    "a very long address": (PNG, info(id="a", url="https://x/" + "a" * 100_000, type="image/png", bytes="1"), 404),
    "a bad and a good address": (PNG, info(id="a", url="data:image/png,x", type="image/png", bytes="1") + info(id="a", url="http://x/", type="image/png", bytes="1"), "http://x/"),
    "a picture of vectors elsewhere": (PNG, info(id="a", url="https://x/a.svg", type="image/SVG+xml", bytes="1"), 404),
    "no infos": (PNG, "<stop/>", 404),
    "other elements": (PNG, "<pointer><x xmlns='urn:x'/></pointer><a><b/></a>" + GOOD, PNG),
}  # fmt: skip
"""By name: the image, the infos, what is to come, and the text and the id of the data where they are not the usual ones."""


def test_hostile_avatars_are_never_errors_of_ours(server: XmppServer, tmp_path: Path) -> None:
    outcomes: dict[str, Any] = {}
    with online(server, "bob") as bob, served(server, tmp_path) as client:
        for name, (image, infos, expected, *more) in HOSTILE.items():
            if isinstance(server, NewerProsody) and len(infos) > 10_000 and name != "five hundred infos":
                continue  # a tag of that size stays in its parser until as much has come after it
            delete(bob, METADATA, DATA, VCARD4)
            if not publish_avatar(bob, image, infos, "open", *more):
                outcomes[name] = ("refused by the server", expected)
                continue
            response = client.get("/rest/avatar/bob@localhost/avatar")
            assert response.status_code < 500, (name, response.text)
            got = response.content if response.status_code == 200 else response.headers.get("location", response.status_code)
            if got != expected:
                outcomes[name] = (got, expected)
            if response.status_code == 200:
                assert response.headers["content-type"] == "image/png", name
            assert client.get("/rest/avatar/bob@localhost").status_code < 500, name
    refused = [name for name, (got, _) in outcomes.items() if got == "refused by the server"]
    assert {name: outcome for name, outcome in outcomes.items() if name not in refused} == {}
    assert len(refused) <= (0 if server.name == "Prosody" else 8), refused


def test_addresses_are_opened_as_configured(server: XmppServer, tmp_path: Path) -> None:
    with online(server, "bob") as bob, socket.create_server(("127.0.0.1", 0)) as inside:
        delete(bob, METADATA, DATA, VCARD4)
        url = f"http://localhost:{inside.getsockname()[1]}/secret.png"
        assert publish_avatar(bob, PNG, info(id="a", url=url, type="image/png", bytes="1"), "open")
        for mode, status in (("redirect", 302), ("off", 404), ("proxy", 404)):
            (tmp_path / mode).mkdir()
            with served(server, tmp_path / mode, AVATARS__URLS=mode) as client:
                response = client.get("/rest/avatar/bob@localhost/avatar")
                assert (response.status_code, response.headers.get("location")) == (status, url if status == 302 else None), mode
        inside.settimeout(0.2)
        with pytest.raises(TimeoutError):  # nobody has connected
            inside.accept()


def test_a_stranger_who_asks_for_many_stops_nobody(server: XmppServer, tmp_path: Path) -> None:
    key = {"AUTH__API_KEYS": '[{name = "test", key = "test-key", paths = []}]'}
    ping = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    with served(server, tmp_path, **key) as client, ThreadPoolExecutor(200) as pool:

        def ask(number: int) -> Any:
            domain = ("localhost", "http.localhost", f"d{number}.invalid", "elsewhere.invalid")[number % 4]
            return client.get(f"/rest/avatar/u{number}@{domain}")

        with httpx2.Client(base_url=client.base_url, auth=("admin", "adminpw"), headers={"Api-Key": "test-key"}, timeout=10) as other:
            assert b"result" in other.post("/rest/stream", content=ping).content
            answers = [pool.submit(ask, number) for number in range(300)]
            for _ in range(10):
                assert b"result" in other.post("/rest/stream", content=ping).content
        statuses = [answer.result() for answer in answers]
        lost = {501, 504} if isinstance(server, NewerEjabberd) else set()  # it drops iqs to other servers
        assert {answer.status_code for answer in statuses} <= {404, 429} | lost
        assert all(answer.headers["retry-after"] == "2" for answer in statuses if answer.status_code == 429)
        eventually(lambda: client.get("/rest/avatar/bob@localhost").status_code in (200, 302, 404))


def test_avatars_that_are_put_at_the_same_time_are_all_set(server: XmppServer, tmp_path: Path) -> None:
    with online(server, "bob") as bob:
        delete(bob, METADATA, DATA, VCARD4)
    with served(server, tmp_path) as client, ThreadPoolExecutor(6) as pool:

        def put(number: int) -> tuple[int, str]:
            image, headers = picture(f"put-{number}"), {"Content-Type": "image/png"}
            put = client.put("/rest/avatar/bob@localhost", content=image, headers=headers, auth=("bob", "bobpw"))
            return put.status_code, put.text if put.status_code != 200 else ""

        assert list(pool.map(put, range(6))) == [(200, "")] * 6
        last = client.get("/rest/avatar/bob@localhost").content
        assert last in [picture(f"put-{number}") for number in range(6)]
