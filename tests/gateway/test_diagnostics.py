"""What the server behind a gateway is and grants, where no server of the tests is such a one."""

from __future__ import annotations

import asyncio

from tests.backends.component.test_link import Server
from tests.waiting import until
from tigrest.backends.component.backend import Component
from tigrest.config import Config
from tigrest.gateway import Gateway
from tigrest.gateway.diagnostics import CheckListener, DiagnosticsLimits, State, diagnose
from tigrest.gateway.probe_account import ProbeAccountLimits
from tigrest.passwords import Passwords
from tigrest.state.location import MEMORY


def tigase(id: str) -> str:
    """Answer every iq with a name of Tigase."""
    version = "<query xmlns='jabber:iq:version'><name>Tigase</name><version>8.4.0</version></query>"
    return f"<iq type='result' from='example.org' id='{id}'>{version}</iq>"


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
