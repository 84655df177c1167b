"""Logins at real servers; those at servers that misbehave are in tests/backends/component/test_c2s.py."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from tests.conftest import Run
from tests.servers.certificates import make_certificate
from tests.servers.conftest import KINDS, StartServer
from tests.servers.process import DOMAIN, XmppServer
from tigrest.backends.component.c2s import ClientPort, ClientPortLimits, ClientPortSettings
from tigrest.errors import NotConnected
from tigrest.xmpp.jid import JID

ALICE = JID("alice@localhost")
BOB = JID("bob@localhost")
NOBODY = JID("nobody@localhost")

HASHED = {
    "prosody SHA-1": ("prosody", {"authentication": "internal_hashed", "plain": "false"}),
    "prosody SHA-256": ("prosody", {"authentication": "internal_hashed", "plain": "false", "hash": "SHA-256"}),
    "prosody plain store": ("prosody", {"plain": "false"}),
    "ejabberd SHA-1": ("ejabberd", {"password_format": "scram", "plain": "false"}),
    "ejabberd SHA-256": ("ejabberd", {"password_format": "scram", "plain": "false", "hash": "sha256"}),
}

Tls = Literal["require", "allow", "never"]


def port_of(server: XmppServer, tls: Tls = "allow", trusted: ssl.SSLContext | None = None, timeout: float = 10.0) -> ClientPort:
    """Return the port of a server, with the domain as the gateway gives it: a JID."""
    limits = ClientPortLimits(check_seconds=timeout)
    return ClientPort(ClientPortSettings(host="127.0.0.1", port=server.c2s, domain=JID(DOMAIN), tls=tls, limits=limits), trusted)


def sockets() -> int:
    """Return how many sockets this process has open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(link.readlink()).startswith("socket:")
    return count


def test_passwords(server: XmppServer, run: Run) -> None:
    port = port_of(server)
    before = sockets()
    assert run(port.check(ALICE, "alicepw")) is True
    assert run(port.check(ALICE, "wrong")) is False
    assert run(port.check(ALICE, "bobpw")) is False
    assert run(port.check(NOBODY, "alicepw")) is False
    assert run(port.check(JID("alice@elsewhere"), "alicepw")) is False
    assert sockets() == before


@pytest.mark.parametrize(("user", "password"), [("jürgen", "schlüssel"), ("虎", "& <tiger> \"'"), ("a=b", "x" * 1000)])
def test_users_and_passwords_of_all_scripts(server: XmppServer, run: Run, user: str, password: str) -> None:
    jid = JID(f"{user}@localhost")
    server.add_user(jid.local, password)
    assert run(port_of(server).check(jid, password)) is True
    assert run(port_of(server).check(jid, password + "x")) is False


def test_tls_is_required_by_a_server_without_it(server: XmppServer, run: Run) -> None:
    with pytest.raises(NotConnected, match=r'offers no STARTTLS.* c2s_tls = "allow"'):
        run(port_of(server, "require").check(ALICE, "alicepw"))


def test_a_domain_that_the_server_does_not_serve(server: XmppServer, run: Run) -> None:
    with pytest.raises(NotConnected, match="host-unknown"):
        elsewhere = ClientPortSettings(host="127.0.0.1", port=server.c2s, domain="example.org", tls="allow")
        run(ClientPort(elsewhere).check(JID("alice@example.org"), "alicepw"))


def test_a_hundred_at_once(server: XmppServer, run: Run) -> None:
    async def story() -> list[bool]:
        port = port_of(server)
        checks = [port.check(*login) for login in [(ALICE, "alicepw"), (BOB, "wrong")] * 50]
        return await asyncio.gather(*checks)

    before = sockets()
    assert run(story()) == [True, False] * 50
    assert sockets() == before


def test_cancelled_at_any_moment(server: XmppServer, run: Run) -> None:
    async def story() -> None:
        for step in range(40):
            task = asyncio.create_task(port_of(server).check(ALICE, "alicepw"))
            await asyncio.sleep(step / 10_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    before = sockets()
    run(story())
    assert sockets() == before


@pytest.mark.parametrize("case", list(HASHED))
def test_scram(start_server: StartServer, run: Run, case: str) -> None:
    kind, options = HASHED[case]
    server = start_server(kind, **options)
    word = "schlüssel" if kind == "ejabberd" else "schlüssel🐯"  # ejabberd's API accepts no emoji in passwords
    server.add_user("jürgen", word)
    server.add_user("a=b", "x\u00aa")

    async def story() -> None:
        port = port_of(server)
        for _ in range(2):
            assert await port.check(ALICE, "alicepw") is True
            assert await port.check(ALICE, "wrong") is False
            assert await port.check(JID("jürgen@localhost"), word) is True
            assert await port.check(JID("a=b@localhost"), "xa") is True
            assert await port.check(NOBODY, "alicepw") is False
        assert await asyncio.gather(*(port.check(ALICE, "alicepw") for _ in range(50))) == [True] * 50

    run(story())


@pytest.mark.parametrize("kind", KINDS)
def test_starttls(start_server: StartServer, tmp_path: Path, run: Run, kind: str) -> None:
    certificate = make_certificate(tmp_path / "right", DOMAIN)
    server = start_server(kind, tls=certificate.file(kind))
    before = sockets()
    for tls in ("require", "allow"):
        port = port_of(server, tls, certificate.trusted())
        assert run(port.check(ALICE, "alicepw")) is True
        assert run(port.check(ALICE, "wrong")) is False
        with pytest.raises(NotConnected, match=r"cannot be trusted for localhost: .*c2s_ca_file"):
            run(port_of(server, tls).check(ALICE, "alicepw"))
    with pytest.raises(NotConnected, match=r'\[xmpp\] c2s_tls = "require"'):
        run(port_of(server, "never").check(ALICE, "alicepw"))
    run(_cancel_while_encrypting(port_of(server, "require", certificate.trusted())))
    assert run(_many(port_of(server, "require", certificate.trusted()), 100)) == [True] * 100
    assert sockets() == before


async def _many(port: ClientPort, count: int) -> list[bool]:
    return await asyncio.gather(*(port.check(ALICE, "alicepw") for _ in range(count)))


async def _cancel_while_encrypting(port: ClientPort) -> None:
    for step in range(50):
        task = asyncio.create_task(port.check(ALICE, "alicepw"))
        await asyncio.sleep(step / 5000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_for_another_domain(start_server: StartServer, tmp_path: Path, run: Run, kind: str) -> None:
    certificate = make_certificate(tmp_path / "wrong", "example.org")
    server = start_server(kind, tls=certificate.file(kind))
    with pytest.raises(NotConnected, match=r"cannot be trusted for localhost: .*[Hh]ostname mismatch"):
        run(port_of(server, "require", certificate.trusted()).check(ALICE, "alicepw"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_killed_and_started_again(start_server: StartServer, run: Run, kind: str) -> None:
    server = start_server(kind)
    port = port_of(server)
    assert run(port.check(ALICE, "alicepw")) is True
    server.kill()
    with pytest.raises(NotConnected, match="cannot be reached"):
        run(port.check(ALICE, "alicepw"))
    server.start()
    assert run(port.check(ALICE, "alicepw")) is True


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_killed_under_load(start_server: StartServer, run: Run, kind: str) -> None:
    server = start_server(kind)

    async def story() -> list[object]:
        port = port_of(server)
        checks = [asyncio.create_task(port.check(ALICE, "alicepw")) for _ in range(200)]
        await asyncio.wait(checks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(server.kill)
        return list(await asyncio.gather(*checks, return_exceptions=True))

    started = time.monotonic()
    results = run(story())
    assert all(result is True or isinstance(result, NotConnected) for result in results), results
    assert time.monotonic() - started < 5
