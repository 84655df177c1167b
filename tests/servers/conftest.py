"""Real servers for the tests: one of each for the session, others on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.servers.browser import Browser, chromium
from tests.servers.ejabberd import Ejabberd
from tests.servers.jabberd2 import Jabberd2
from tests.servers.newer import NewerEjabberd, NewerProsody
from tests.servers.process import XmppServer
from tests.servers.prosody import Prosody

HERE = Path(__file__).parent

KINDS: dict[str, type[Prosody | Ejabberd]] = {"prosody": Prosody, "ejabberd": Ejabberd}
"""Of Debian 12: what all tests run on."""
NEWER: dict[str, type[Prosody | Ejabberd]] = {"prosody-13": NewerProsody, "ejabberd-26": NewerEjabberd}
"""Of Debian 13's backports: what the tests of modules with ``NEWER_TOO = True`` run on as well."""

OTHERS: dict[str, type[XmppServer]] = {"jabberd2": Jabberd2}
"""What can little: tests say for each thing that it is so."""

LONG = (
    "test_advice",
    "test_c2s",
    "test_conformance",
    "test_link",
    "test_live",
    "test_newcomer",
    "test_probes",
    "test_schemathesis",
    "test_tls",
)
"""Modules with tests that take long, on servers of their own."""

StartServer = Callable[..., XmppServer]


def installed(kind: str) -> type[XmppServer]:
    """Return the server, unless it cannot be started here: a clear skip (and an error in CI, where all can)."""
    server = (KINDS | NEWER | OTHERS)[kind]
    trouble = server.trouble()
    if trouble:
        assert "CI" not in os.environ, f"{trouble}; tests/servers/install.sh does that"
        pytest.skip(trouble)
    return server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that take ``server`` on each of Debian 12's, and on the newer ones where the module says ``NEWER_TOO = True``."""
    if "server" in metafunc.fixturenames and not hasattr(metafunc.module, "server"):
        kinds = [*KINDS, *(NEWER if getattr(metafunc.module, "NEWER_TOO", False) else ())]
        metafunc.parametrize("server", kinds, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each process of pytest-xdist begin with its share of the long tests: what is left to share out at the end is short then.

    At first a process is given neighbours, as many as any other.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT") or 1)
    if processes == 1:
        return
    long = [item for item in items if _takes_long(item)]
    others = iter([item for item in items if not _takes_long(item)])
    ordered: list[pytest.Item] = []
    for number in range(processes):
        share = long[number::processes]
        size = (len(items) - len(ordered)) // (processes - number)
        ordered += [*share, *islice(others, max(0, size - len(share)))]
    items[:] = [*ordered, *others]


def _takes_long(item: pytest.Item) -> bool:
    return item.path.parent == HERE and item.path.stem in LONG


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    """Start each server in turn, trusting the component and granting it privileges; shared by all tests."""
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start a browser for the tests of a module."""
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started
