"""Real servers for the tests: one of each for the session, others on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.ejabberd import Ejabberd
from tests.servers.process import XmppServer
from tests.servers.prosody import Prosody

KINDS: dict[str, type[Prosody | Ejabberd]] = {"prosody": Prosody, "ejabberd": Ejabberd}

StartServer = Callable[..., XmppServer]


def installed(kind: str) -> type[Prosody | Ejabberd]:
    """Return the server, unless it is not installed, which is a clear skip (and an error in CI: it installs them)."""
    server = KINDS[kind]
    if not server.is_installed():
        assert "CI" not in os.environ, f"{server.name} is not installed; tests/servers/install.sh does that"
        pytest.skip(f"{server.name} is not installed; as root: apt-get install prosody prosody-modules ejabberd")
    return server


@pytest.fixture(scope="session", params=list(KINDS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    """Each server in turn, trusting the component and granting it privileges; shared by all tests."""
    running = installed(request.param)(tmp_path_factory.mktemp(request.param))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start a server of one's own: ``start_server("prosody", trust="false")``."""
    running: list[XmppServer] = []

    def start(kind: str, **options: str) -> XmppServer:
        server = installed(kind)(tmp_path / f"{kind}{len(running)}", **options)
        running.append(server)
        server.start()
        return server

    yield start
    for server in running:
        server.stop()
