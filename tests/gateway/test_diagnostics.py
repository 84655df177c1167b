"""What the server behind a gateway is and grants, where no server of the tests is such a one."""

from __future__ import annotations

import asyncio

import pytest

from tests.backends.component.test_link import Server
from tests.waiting import until
from tigrest.backends.component.backend import Component
from tigrest.config import Config
from tigrest.gateway import Gateway
from tigrest.gateway.diagnostics import BUILT_INS, CheckListener, DiagnosticsLimits, State, diagnose
from tigrest.gateway.probe_account import ProbeAccountLimits
from tigrest.passwords import Passwords
from tigrest.state.location import MEMORY


def tigase(id: str) -> str:
    """Answer every iq with a name of Tigase."""
    version = "<query xmlns='jabber:iq:version'><name>Tigase</name><version>8.4.0</version></query>"
    return f"<iq type='result' from='example.org' id='{id}'>{version}</iq>"


STANZAS, STREAMS = "urn:ietf:params:xml:ns:xmpp-stanzas", "urn:ietf:params:xml:ns:xmpp-streams"

HOST_UNKNOWN = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='c1' version='1.0'>"
    f"<stream:error><host-unknown xmlns='{STREAMS}'/></stream:error></stream:stream>"
)


async def not_served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve a port for clients that answers ``host-unknown``."""
    await reader.read(4096)
    writer.write(HOST_UNKNOWN.encode())
    writer.close()


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ("remote-server-not-found", "remote-server-not-found from example.org; correct [xmpp] domain"),
        ("not-allowed", "closes the stream: host-unknown; correct [xmpp] domain"),
    ],
)
async def test_where_the_server_does_not_serve_the_domain_nothing_is_tried_that_has_it_look_elsewhere(condition: str, known: str) -> None:
    server, warnings = Server(), list[str]()
    refusal = f"<error type='cancel'><{condition} xmlns='{STANZAS}'/></error>"
    server.answer = lambda id: f"<iq type='error' from='example.org' id='{id}'>{refusal}</iq>"
    clients = await asyncio.start_server(not_served, "127.0.0.1", 0)
    ports = {"port": await server.start(), "c2s_port": clients.sockets[0].getsockname()[1]}
    xmpp = {"backend": "component", "domain": "example.org", "jid": "http.example.org", "secret": "s", "host": "127.0.0.1"}
    settings = {"xmpp": xmpp | ports, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    gateway = Gateway(Config.model_validate(settings), [], Passwords(1, 8, 1))
    await gateway.start()
    try:
        found = await diagnose(gateway, CheckListener(progress=lambda _: None, warn=warnings.append))
    finally:
        await gateway.stop()
        await server.stop()
        clients.close()
    checks = {check.name: check for check in found.checks}
    assert set(checks) == {"link", *BUILT_INS}
    assert checks["link"].state == State.FAILS
    assert checks["link"].note.startswith("the server does not serve example.org: ")
    assert known in checks["link"].note
    assert checks["logins"].state == State.FAILS
    assert {checks[name].state for name in BUILT_INS if name != "logins"} == {State.UNTRIED}
    assert "/commands" not in server.received
    assert warnings == []


async def test_a_server_that_opens_bosh_sessions_itself_is_asked_for_its_command() -> None:
    server = Server()
    server.answer = tigase
    xmpp = {"backend": "component", "domain": "example.org", "jid": "http.example.org", "secret": "s", "host": "127.0.0.1"}
    settings = {"xmpp": xmpp | {"port": await server.start(), "c2s_port": 1}, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    gateway = Gateway(Config.model_validate(settings), [], Passwords(1, 8, 1))
    await gateway.start()
    try:
        backend = gateway.backend
        assert isinstance(backend, Component)
        await until(lambda: backend.is_tigase)
        async with asyncio.timeout(60):
            account = ProbeAccountLimits(arrival_seconds=0.5, removal_seconds=2)
            limits = DiagnosticsLimits(
                ask_seconds=0.5, step_seconds=2, ping_seconds=0.2, account=account
            )  # it answers for its domain alone
            found = await diagnose(gateway, CheckListener(progress=lambda _: None, warn=lambda _: None), limits)
    finally:
        await gateway.stop()
        await server.stop()
    assert str(found.server) == "Tigase 8.4.0"
    [bosh] = [check for check in found.checks if check.name == "BOSH pre-bind"]
    assert (bosh.state, "bosh@example.org lists no commands" in bosh.note) == (State.FAILS, True)
    assert bosh.note.endswith("write bosh () {} into etc/config.tdsl")


async def test_rights_are_not_said_to_be_in_order_by_a_link_that_has_gone() -> None:
    server = Server()

    def cut(name: str) -> None:
        if name == "rights":
            server.connections[-1].transport.abort()

    xmpp = {"backend": "component", "domain": "example.org", "jid": "http.example.org", "secret": "s", "host": "127.0.0.1"}
    settings = {"xmpp": xmpp | {"port": await server.start(), "c2s_port": 1}, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    gateway = Gateway(Config.model_validate(settings), [], Passwords(1, 8, 1))
    await gateway.start()
    try:
        account = ProbeAccountLimits(arrival_seconds=0.1, removal_seconds=0.5)
        limits = DiagnosticsLimits(ask_seconds=5, step_seconds=5, account=account)
        found = await diagnose(gateway, CheckListener(progress=cut, warn=lambda _: None), limits)
    finally:
        await gateway.stop()
        await server.stop()
    [rights] = [check for check in found.checks if check.name == "rights"]
    assert (rights.state, "XMPP server" in rights.note) == (State.FAILS, True)
