"""What the server behind a gateway is and grants, where no server of the tests is such a one."""

from __future__ import annotations

import asyncio

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


UNREACHED = "<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


async def test_where_the_server_does_not_serve_the_domain_nothing_is_tried_that_would_have_it_look_elsewhere() -> None:
    server = Server()
    server.answer = lambda id: f"<iq type='error' from='example.org' id='{id}'>{UNREACHED}</iq>"
    warnings: list[str] = []
    xmpp = {"backend": "component", "domain": "example.org", "jid": "http.example.org", "secret": "s", "host": "127.0.0.1"}
    settings = {"xmpp": xmpp | {"port": await server.start(), "c2s_port": 1}, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    gateway = Gateway(Config.model_validate(settings), [], Passwords(1, 8, 1))
    await gateway.start()
    try:
        found = await diagnose(gateway, CheckListener(progress=lambda _: None, warn=warnings.append))
    finally:
        await gateway.stop()
        await server.stop()
    checks = {check.name: check for check in found.checks}
    assert set(checks) == {"link", *BUILT_INS}
    assert checks["link"].state == State.FAILS
    assert checks["link"].note.startswith(
        "the server does not serve example.org: remote-server-not-found from example.org; correct [xmpp] domain"
    )
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
