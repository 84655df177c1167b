"""What lies at the edges of XML ends no link, in whichever direction, on either server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import serving
from tests.scripting.listening import webhook
from tests.servers.edges import ALTERED, DECLARED_ELSEWHERE, EDGES, STREAM_PREFIX, Edge
from tests.servers.gateway import eventually
from tests.servers.process import XmppServer
from tests.servers.raw import Raw, raw_client, raw_component

PING = "<iq type='get' to='localhost'{sender} id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"

LISTENER = """
from tigrest import Handler

class Echo(Handler):
    def on_message(self, stanza, body):
        return f"heard {stanza.id} {len(list(stanza.xml.iter()))}"
"""

ADMIN = ("admin", "adminpw")


def message(edge: Edge, to: str, id: str, sender: str = "") -> bytes:
    """Return a message with the edge in it."""
    inside = edge.inside if isinstance(edge.inside, bytes) else edge.inside.encode("utf-8", "surrogatepass")
    origin = f" from='{sender}'" if sender else ""
    return f"<message to='{to}'{origin} id='{id}' type='chat'><body>b</body>".encode() + inside + b"</message>"


def verdict(server: XmppServer, edge: Edge) -> str:
    """Return what the table says that a server does."""
    return edge.prosody if server.name == "Prosody" else edge.ejabberd


# What the servers do


def test_servers_do_with_a_component_what_the_table_says(server: XmppServer) -> None:
    found: dict[str, str] = {}
    with ExitStack() as stack:
        alice = stack.enter_context(raw_client(server))
        component = stack.enter_context(raw_component(server))
        for number, edge in enumerate(EDGES):
            component.send(message(edge, "alice@localhost/raw", f"edge{number}.", "http.localhost"))
            component.send(PING.format(sender=" from='http.localhost'", id=f"pong{number}."))
            component.read(f"pong{number}.".encode())
            if component.is_closed:
                found[edge.name] = "closes"
                component = stack.enter_context(raw_component(server))
            else:
                found[edge.name] = "relays" if f"edge{number}.".encode() in alice.read(f"edge{number}.".encode()) else "drops"
    assert found == {edge.name: verdict(server, edge) for edge in EDGES}


def test_what_ends_the_stream_of_a_server_is_refused_by_the_gateway() -> None:
    assert [edge.name for edge in EDGES if "closes" in (edge.prosody, edge.ejabberd) and edge.gateway != "refused"] == []


# What the gateway does

ENDLESS = 3_000_000
"""Bytes of stanzas with new names."""

GROWTH = 12
"""MiB that they may cost."""


@dataclass
class World:
    """A gateway in front of a server.

    Args:
        server: which.
        http: client of the gateway, an admin.
        log: of the gateway.
        delivered: what its webhook got.
        pid: of the gateway.
    """

    server: XmppServer
    http: httpx2.Client
    log: Path
    delivered: list[dict[str, Any]]
    pid: int

    def check_nothing_happened(self) -> None:
        """Check that the link is up, and was up all the time; that the log is short and without tracebacks."""
        log = self.log.read_text()
        assert "Traceback" not in log
        assert "is down" not in log
        assert self.http.get("/health/ready").status_code == 200


@pytest.fixture(scope="module")
def world(server: XmppServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("edges")
    (folder / "scripts" / "rest").mkdir(parents=True)
    (folder / "scripts" / "rest" / "heard.py").write_text(LISTENER)
    settings = {
        **server.settings(),
        "STATE__DATABASE": str(folder / "state.sqlite3"),
        "AUTH__API_KEYS": '[{name = "test", key = "test-key", paths = [".*"]}]',
    }
    with webhook() as (url, delivered):
        settings["WEBHOOKS"] = f'[{{name = "edges", url = "{url}", stanzas = ["message"]}}]'
        with serving(cwd=folder, **{f"TIGREST__{name}": value for name, value in settings.items()}) as (process, base):
            with httpx2.Client(base_url=base, auth=ADMIN, headers={"Api-Key": "test-key"}, timeout=30) as http:
                eventually(lambda: http.get("/health/ready").status_code == 200)
                yield World(server, http, folder / "log", delivered, process.pid)
            process.terminate()
            assert process.wait(15) == 0


def answer(client: Raw, id: str) -> str:
    """Return what came back for a message: ``heard``, or the condition of an error. It comes before the answer to a later message."""
    client.send(f"<message to='x@http.localhost' id='after-{id}' type='chat'><body>b</body></message>")
    said = client.read(f"heard after-{id} ".encode()).decode()
    found = re.findall(rf"heard {re.escape(id)} |<(not-acceptable|jid-malformed|bad-request) ", said)
    assert len(found) <= 1, said
    if client.is_closed:
        return "closes"
    return (found[0] or "heard") if found else "nothing"


def test_what_a_client_sends_never_ends_the_link(world: World) -> None:
    expected: dict[str, str] = {}
    found: dict[str, str] = {}
    with ExitStack() as stack:
        events = stack.enter_context(world.http.stream("GET", "/rest/events?address=*")).iter_lines()
        for number, edge in enumerate(EDGES):
            if verdict(world.server, edge) == "closes":
                continue
            if number == 0 or found.get(EDGES[number - 1].name) == "closes":
                client = stack.enter_context(raw_client(world.server, "bob", f"r{number}"))
            client.send(message(edge, "x@http.localhost", f"edge{number}"))
            found[edge.name] = answer(client, f"edge{number}")
            is_well = edge.gateway == "passes" or edge.name in STREAM_PREFIX or (world.server.name.lower(), edge.name) in ALTERED
            expected[edge.name] = "heard" if is_well else "not-acceptable"
        assert found == expected
        world.check_nothing_happened()
        assert world.log.read_text().count("was refused") <= 2
        last = f"after-edge{len(EDGES) - 1}"
        assert any(last in line for line in events)
        eventually(lambda: any(stanza.get("id") == last for stanza in world.delivered))


@pytest.mark.parametrize("name", list(DECLARED_ELSEWHERE))
def test_a_prefix_that_only_the_stream_of_a_client_declares_does_not_end_it(world: World, name: str) -> None:
    with raw_client(world.server, "bob", "prefix", "xmlns:foo='urn:foo'") as client:
        client.send(f"<message to='x@http.localhost' id='p'><body>b</body>{DECLARED_ELSEWHERE[name]}</message>")
        assert answer(client, "p") == ("heard" if world.server.name == "Prosody" else "not-acceptable")
    world.check_nothing_happened()


@pytest.mark.parametrize("to", ["x@http.localhost/\U0001f4f1", "\U0001f4f1@http.localhost", "x@http.localhost/\u0378"])
def test_an_address_that_is_none_to_us_is_answered(world: World, to: str) -> None:
    with raw_client(world.server, "bob", "address") as client:
        client.send(f"<message to='{to}' id='a'><body>b</body></message>")
        assert answer(client, "a") == ("jid-malformed" if world.server.name == "Prosody" else "bad-request")
    world.check_nothing_happened()


def test_what_a_caller_posts_never_ends_the_link(world: World) -> None:
    found: dict[str, str] = {}
    with raw_client(world.server) as alice:
        for number, edge in enumerate(EDGES):
            body = message(edge, "alice@localhost/raw", f"out{number}.")
            reply = world.http.post("/rest/stream", content=body, headers={"Content-Type": "application/xml"})
            if reply.status_code == 200:
                found[edge.name] = "passes" if f"out{number}.".encode() in alice.read(f"out{number}.".encode()) else "is lost"
            else:
                assert (reply.status_code, len(reply.text) < 1000) == (400, True), (edge.name, reply.text)
                found[edge.name] = "refused"
    assert found == {edge.name: edge.gateway for edge in EDGES}
    world.check_nothing_happened()


@pytest.mark.parametrize("namespace", ["a b", "a&#10;b", "a}b", "urn:\u00e9", "&lt;"])
def test_the_answer_names_the_namespace_that_is_refused(world: World, namespace: str) -> None:
    body = f"<message to='alice@localhost'><x xmlns='{namespace}'/></message>".encode()
    for path in ("/rest/stream", "/rest"):
        reply = world.http.post(path, content=body, headers={"Content-Type": "application/xml", "Accept": "application/json"})
        assert (reply.status_code, "is not a URI reference" in reply.text) == (400, True), (path, reply.text)


def test_addresses_go_out_prepared(world: World) -> None:
    with raw_client(world.server) as alice:
        for sender in ("X@HTTP.localhost", "x@http.localhost.", "x@\uff48ttp.localhost", "\uff38@http.localhost"):
            for to in ("alice@localhost/raw", "ALICE@LocalHost/raw", "\uff41lice@localhost./raw"):
                body = f"<message to='{to}' from='{sender}' id='prep.'><body>b</body></message>".encode()
                assert world.http.post("/rest/stream", content=body, headers={"Content-Type": "application/xml"}).status_code == 200
                said = alice.read(b"</message>").decode()
                [tag] = re.findall(r"<message [^>]*\bid='prep\.'[^>]*>", said)
                assert " from='x@http.localhost'" in tag, (sender, tag)
                assert " to='alice@localhost/raw'" in tag, (to, tag)


@pytest.mark.parametrize("id", ["", " id=''"])
def test_an_iq_without_id_gets_one_by_whatever_door(world: World, id: str) -> None:
    with raw_client(world.server) as alice:
        body = f"<iq type='get' to='alice@localhost/raw' from='x@http.localhost'{id}><q xmlns='urn:q'/></iq>".encode()
        assert world.http.post("/rest/stream", content=body, headers={"Content-Type": "application/xml"}).status_code == 200
        said = alice.read(b"</iq>").decode()
    assert re.search(r"<iq [^>]*\bid='[^']+'", said), said


def memory(pid: int) -> float:
    """Resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def test_new_names_do_not_stay_in_memory(world: World) -> None:
    sent, before, most = 0, memory(world.pid), 0.0
    with raw_client(world.server, "bob", "names") as client:
        while sent < ENDLESS:
            names = "".join([f"<e{sent}x{n}abcdefgh xmlns='urn:n{sent}:{n}' a{sent}q{n}='1'/>" for n in range(100)])
            presence = f"<presence to='x@http.localhost'>{names}</presence>"
            client.send(presence)
            sent += len(presence)
            if sent // 500_000 != (sent - len(presence)) // 500_000:
                assert answer(client, f"names{sent}") == "nothing"
                most = max(most, memory(world.pid))
    assert most - before < GROWTH
    world.check_nothing_happened()
