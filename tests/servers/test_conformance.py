"""The built-in commands on every server, by every frontend: the table of ``docs/commands-table.md``, which ``make table`` writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.commands.adhoc_client import Ask
from tests.commands.frontends import AdHocFrontend, Frontend, Http, HttpForm, listening_ctl
from tests.commands.stories import CARD, Online, play
from tests.commands.test_conformance import frontends_of
from tests.servers.client import Client, online
from tests.servers.conftest import KINDS, NEWER, OTHERS, StartServer
from tests.servers.gateway import gateway_for
from tests.servers.process import USERS, XmppServer
from tests.servers.table import Trial
from tests.servers.test_table import FOR_USERS
from tests.tables import PageTable
from tigrest.observability.logs import log_level, set_log_level
from tigrest.testing import API_KEY, TestGateway, serving
from tigrest.xmpp.stanza import Stanza

PAGE = PageTable("commands-table.md")

OF_ROOMS = (
    *(f"http://jabber.org/protocol/disco#{each}" for each in ("info", "items")),
    *(f"http://jabber.org/protocol/muc#{each}" for each in ("owner", "admin")),
)
"""Namespaces of the iqs that rooms take."""

ON_PROSODY = {"authentication": "internal_hashed", "invites": "true", "granted": "jabber:iq:last jabber:iq:private"}
OPTIONS: dict[str, dict[str, str]] = {
    "prosody": ON_PROSODY,
    "prosody-13": ON_PROSODY,
    "ejabberd-26": {"granted": f"jabber:iq:last jabber:iq:private {' '.join(OF_ROOMS)}"},
}
"""How servers are set up so that they can do all they can."""


def ask_by(client: Client, gateway: TestGateway) -> Ask:
    """Return how a client asks the gateway."""

    def ask(kind: str, payload: str) -> Stanza:
        reply = client.ask(f"type='{kind}' to='{gateway.service.jid}'", payload)
        return Stanza.received(ET.tostring(reply.xml))

    return ask


@contextmanager
def on_embedded() -> Iterator[tuple[TestGateway, dict[str, Frontend], Online]]:
    with serving(
        embedded={"accounts": [{"jid": f"{user}@localhost", "password": password} for user, password in USERS.items()]}
    ) as gateway:

        @contextmanager
        def bob(resource: str) -> Iterator[None]:
            path = f"/rest/user/bob@localhost/status/{resource}"
            gateway.post(path, api_key=API_KEY, json={"available": True})
            gateway.receive(f"<iq type='set' id='c' from='bob@localhost/x' to='bob@localhost'>{CARD}</iq>")
            yield
            gateway.post(path, api_key=API_KEY, json={"available": False})

        yield gateway, frontends_of(gateway, USERS), bob


@contextmanager
def on_server(server: XmppServer, send_as: str) -> Iterator[tuple[TestGateway, dict[str, Frontend], Online]]:
    with ExitStack() as stack:
        gateway = stack.enter_context(gateway_for(server, send_as=send_as))
        clients = {user: stack.enter_context(online(server, user, "laptop")) for user in ("admin", "alice")}

        @contextmanager
        def bob(resource: str) -> Iterator[None]:
            with online(server, "bob", resource) as client:
                client.ask("type='set'", CARD)
                yield

        asks = {user: ask_by(client, gateway) for user, client in clients.items()}
        frontends: tuple[Frontend, ...] = (Http(gateway, USERS), HttpForm(gateway, USERS), AdHocFrontend(asks.__getitem__))
        yield gateway, {frontend.name: frontend for frontend in frontends}, bob


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """Restore what ``set_loglevel`` changes."""
    before = log_level()
    yield
    set_log_level(before)


def setting(kind: str, start_server: StartServer) -> AbstractContextManager[tuple[TestGateway, dict[str, Frontend], Online]]:
    return on_embedded() if kind == "embedded" else on_server(start_server(kind, **OPTIONS.get(kind, {})), FOR_USERS.get(kind, "user"))


@pytest.mark.parametrize("kind", ["embedded", *KINDS, *NEWER, *OTHERS])
def test_commands_do_on_each_server_what_its_column_says(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    with setting(kind, start_server) as (gateway, frontends, bob), listening_ctl(gateway, tmp_path) as ctl:
        frontends[ctl.name] = ctl
        commands = gateway.gateway.parts.pipeline.commands.all()
        reads = {command.name for command in commands if command.is_read}
        heading = Trial(gateway, None, None).version()
        seen = {name: play(frontend, f"conf{index}", bob, reads) for index, (name, frontend) in enumerate(frontends.items())}
    faults = [fault for findings in seen.values() for fault in findings.wrong]
    assert not faults, "\n".join(faults)
    names = [command.name for command in commands]
    columns = {frontend: dict(zip(names, findings.cells(names), strict=True)) for frontend, findings in seen.items()}
    columns["ctl"]["help"] = columns["http"]["help"]  # tigrest ctl has a help of its own
    assert all(column == columns["http"] for column in columns.values()), columns
    assert [name for name, cell in columns["http"].items() if not cell] == [], "no story tells of these"
    PAGE.check([f"`{name}`" for name in names], [heading, *columns["http"].values()])
