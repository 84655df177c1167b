"""One caller who waits for more than his share harms nobody else, and what nobody waits for any more is given up."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path

import httpx2
import pytest

from tests.cli.process import serving
from tests.servers.conftest import StartServer
from tests.servers.gateway import eventually
from tigrest.service.bounded import CallerLimits

QUESTION = b"<iq type='get' to='slow@http.localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
LOGIN = base64.b64encode(b"alice:alicepw")
REQUEST = (
    b"POST /rest HTTP/1.1\r\nHost: x\r\nContent-Type: application/xmpp+xml\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n\r\n%s"
) % (LOGIN, len(QUESTION), QUESTION)


class Crowd:
    """Requests of one user that wait, each on a connection of its own."""

    def __init__(self, base: str) -> None:
        self.port = int(base.rpartition(":")[2].strip("/"))
        self.connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.statuses: list[bytes] = []

    async def ask(self, times: int, seconds: float = 3.0) -> list[bytes]:
        """Ask, and return the statuses that came soon."""
        self.connections = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", self.port) for _ in range(times)))
        for _, writer in self.connections:
            writer.write(REQUEST)
        waiting = [asyncio.create_task(reader.readline()) for reader, _ in self.connections]
        done, pending = await asyncio.wait(waiting, timeout=seconds)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return [task.result().split()[1] for task in done]

    def go(self) -> None:
        """Go away without a word."""
        for _, writer in self.connections:
            writer.transport.abort()


@pytest.mark.parametrize("kind", ["prosody", "ejabberd"])
def test_a_crowd_of_one_user_has_one_share(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    settings = {f"TIGREST__{key}": value for key, value in server.settings().items()}

    with (
        socket.create_server(("127.0.0.1", 0)) as silent,  # a webhook that never answers
        serving(cwd=tmp_path, TIGREST__WEBHOOKS=f'[{{url = "http://127.0.0.1:{silent.getsockname()[1]}/"}}]', **settings) as (
            process,
            base,
        ),
        httpx2.Client(base_url=base, auth=("bob", "bobpw"), timeout=10) as bob,
        httpx2.Client(base_url=base, auth=("alice", "alicepw"), timeout=10) as alice,
    ):
        eventually(lambda: bob.get("/health/ready").status_code == 200)
        assert alice.get("/rest/ping/localhost").status_code == 200  # so that all know her login

        async def story() -> None:
            crowd = Crowd(base)
            assert await crowd.ask(CallerLimits().requests + 44) == [b"429"] * 44
            refused = await asyncio.to_thread(alice.get, "/rest/ping/localhost")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert (await asyncio.to_thread(bob.get, "/rest/ping/localhost")).status_code == 200
            crowd.go()

        asyncio.run(story())
        eventually(lambda: alice.get("/rest/ping/localhost").status_code == 200, 5.0)
        assert process.poll() is None
    assert "Traceback" not in (tmp_path / "log").read_text()
