"""A diagnosis in front of servers that fall silent or go away: it ends in time, says so, and says nothing to work that was not done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.cli.process import tigrest
from tests.servers.process import SECRET
from tests.servers.tigase import Tigase
from tests.waiting import until
from tigrest.config import Config
from tigrest.gateway import Gateway
from tigrest.gateway.diagnostics import CheckListener, DiagnosticsLimits, State, diagnose
from tigrest.gateway.probe_account import ProbeAccountLimits
from tigrest.passwords import Passwords
from tigrest.state.location import MEMORY

LIMITS = DiagnosticsLimits(
    ask_seconds=0.2,
    step_seconds=0.5,
    total_seconds=1.5,
    ping_seconds=0.2,
    account=ProbeAccountLimits(arrival_seconds=0.2, removal_seconds=0.5),
)


class Silent(Tigase):
    """A server that lets a component in, and then says nothing."""

    def from_component(self, stanza: ET.Element) -> None:
        """Say nothing."""

    def password_of(self, user: str) -> str | None:
        """Refuse every login."""
        return None


@asynccontextmanager
async def in_front_of(server: Tigase) -> AsyncIterator[Gateway]:
    """Start a gateway in front of a played server."""
    server.start()
    xmpp = {"backend": "component", "domain": "localhost", "secret": SECRET, "port": server.component, "c2s_port": server.c2s}
    settings = {"xmpp": xmpp | {"c2s_tls": "allow"}, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    gateway = Gateway(Config.model_validate(settings), [], Passwords(1, 8, 1))
    await gateway.start()
    try:
        await until(lambda: gateway.backend.connected)
        yield gateway
    finally:
        await gateway.stop()
        server.stop()


async def test_nothing_works_that_a_silent_server_does_not_do(tmp_path: Path) -> None:
    warnings: list[str] = []
    tried: list[str] = []
    async with in_front_of(Silent(tmp_path)) as gateway, asyncio.timeout(30):
        found = await diagnose(gateway, CheckListener(progress=tried.append, warn=warnings.append), LIMITS)
    assert [check.name for check in found.checks if check.state == State.WORKS] == []
    late = [check for check in found.checks if check.note == "the 1.5 s for all checks were over"]
    assert late
    assert {check.state for check in late} == {State.UNTRIED}
    [warning] = warnings  # nobody knows whether it has made the account
    assert warning.startswith("the probe account tigrest-probe-")
    assert "may have been left behind, remove it by hand: " in warning
    assert tried[:3] == ["link", "the server's version and commands", "PUT /rest/user"]


async def test_an_account_that_is_left_behind_is_told(tmp_path: Path) -> None:
    server, warnings = Tigase(tmp_path), list[str]()

    def leave(name: str) -> None:
        if name == "rights":
            server.stop()

    async with in_front_of(server) as gateway, asyncio.timeout(30):
        found = await diagnose(gateway, CheckListener(progress=leave, warn=warnings.append), LIMITS)
        states = {check.name: check.state for check in found.checks}
    assert (states["PUT /rest/user"], states["DELETE /rest/user"]) == (State.WORKS, State.FAILS)
    assert states["POST /rest/upload"] == State.UNTRIED  # it has no upload service
    [left] = set(server.accounts) - {"admin", "alice", "bob"}
    assert warnings == [f"the probe account {left}@localhost may have been left behind, remove it by hand: not done within 0.5 s"]


def test_what_nobody_expected_is_told_in_one_line_and_in_full_by_verbose(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "rest" / "mine.py"
    script.parent.mkdir(parents=True)
    script.write_text("import tigrest.gateway.diagnostics as ours\n\nours.cures_for = None\n")
    done = tigrest("check", "--live", cwd=tmp_path)
    told = "tigrest: the check failed unexpectedly: TypeError: 'NoneType' object is not callable; --verbose prints the traceback\n"
    assert (done.returncode, done.stderr) == (1, told)
    done = tigrest("check", "--live", "--verbose", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr, told in done.stderr) == (1, True, True)
