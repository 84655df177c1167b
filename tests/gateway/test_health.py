"""``/health`` and ``/metrics`` while answers of the server get lost."""

from __future__ import annotations

import httpx2

from tests.backends.component.test_link import Server
from tests.waiting import until
from tigrest.backends.component.backend import Component
from tigrest.config import Config
from tigrest.gateway import Gateway
from tigrest.passwords import Passwords
from tigrest.state.location import MEMORY


async def test_answers_that_get_lost_are_told_and_counted() -> None:
    server = Server()
    xmpp = {"backend": "component", "domain": "example.org", "jid": "http.example.org", "secret": "s", "host": "127.0.0.1"}
    settings = {"xmpp": xmpp | {"port": await server.start()}, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    gateway = Gateway(Config.model_validate(settings), [], Passwords(1, 8, 1))
    await gateway.start()
    try:
        backend = gateway.backend
        assert isinstance(backend, Component)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(gateway.app), base_url="http://gateway") as http:
            well = await http.get("/health/ready")
            assert (well.status_code, well.text) == (200, "ok\n")
            assert "\ntigrest_lost_answers_total 0.0\n" in (await http.get("/metrics")).text
            backend.link.lost.lose()
            losing = await http.get("/health/ready")
            assert (losing.status_code, losing.text) == (
                200,
                "ok, but answers of the XMPP server get lost, so requests fail: the log says why\n",
            )
            assert (await http.get("/health/live")).text == "ok\n"
            server.connections[-1].transport.abort()
            await until(lambda: len(server.connections) == 2 and backend.connected)
            assert (await http.get("/health/ready")).text == "ok\n"
            assert "\ntigrest_lost_answers_total 1.0\n" in (await http.get("/metrics")).text
    finally:
        await gateway.stop()
        await server.stop()
