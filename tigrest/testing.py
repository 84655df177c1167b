"""Test handler scripts against a whole gateway in the test's process, on an embedded domain in memory.

With pytest there is a fixture ``gateway``, which serves the project's own ``scripts/rest``::

    def test_hello(gateway):
        response = gateway.get("/rest/tested/hello/bob", login="alice")
        assert response.json() == {"greeting": {"to": "bob", "by": "alice@localhost"}}

Elsewhere, or with other settings, use :func:`serving`. It needs the extra ``tigrest[test]``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tigrest.concurrency.loop import new_event_loop
from tigrest.config import Config, builtin_commands, builtin_scripts
from tigrest.gateway import Gateway
from tigrest.passwords import Passwords
from tigrest.scripting.schedules import Schedule
from tigrest.service import Service
from tigrest.service.stanzas import StanzaLike, stanza_of
from tigrest.state.location import MEMORY
from tigrest.xmpp.stanza import Stanza

ACCOUNTS = ("admin", "alice", "bob")
"""Local parts of the accounts of the domain; ``admin`` has the role admin."""

PASSWORD = "secret"  # noqa: S105 - the password of accounts that live for one test
"""Password of every account."""

API_KEY = "test-key"
"""API key that is valid everywhere."""


class TestGateway:
    """A running gateway and an HTTP client for it.

    Args:
        gateway: the running gateway.
        client: a ``starlette.testclient.TestClient`` for it.
    """

    __test__ = False

    def __init__(self, gateway: Gateway, client: Any) -> None:
        self.gateway = gateway
        self.client = client

    @property
    def service(self) -> Service:
        """Return the access to XMPP that scripts have. In tests its methods block."""
        return self.gateway.service

    def request(self, method: str, path: str, *, login: str = "", api_key: str = "", type: str = "", **options: Any) -> Any:
        """Send a request and return the response, as ``httpx2`` has it. Redirects are not followed.

        Args:
            method: HTTP method.
            path: e.g. ``/rest/tested/test``.
            login: one of :data:`ACCOUNTS`, or any ``name:password``; no login when empty.
            api_key: sent as header ``Api-Key`` unless empty; :data:`API_KEY` is valid.
            type: sent as header ``Content-Type`` unless empty.
            options: further arguments of ``httpx2``: ``json``, ``content``, ``data``, ``headers``, ``params``, ….
        """
        headers = dict(options.pop("headers", None) or {})
        if api_key:
            headers["Api-Key"] = api_key
        if type:
            headers["Content-Type"] = type
        if login:
            name, colon, password = login.partition(":")
            options["auth"] = (name, password if colon else PASSWORD)
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        """Send a GET request; see :meth:`request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        """Send a POST request; see :meth:`request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        """Send a PUT request; see :meth:`request`."""
        return self.request("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        """Send a DELETE request; see :meth:`request`."""
        return self.request("DELETE", path, **options)

    def receive(self, stanza: StanzaLike, timeout: float = 10.0) -> list[Stanza]:
        """Let a stanza come in for the gateway, and return what its scripts send until they have processed it.

        Embedded domain only.

        Args:
            stanza: a dict of its keys in JSON, XML as text, bytes or an element, or a :class:`Stanza`. Without ``from`` it is from
                ``alice`` with the resource ``test``, without ``to`` it is for the gateway's own address.
            timeout: seconds to wait.

        Returns:
            The stanzas that scripts answered with or sent, in order; for an iq its reply, a result or an error, comes last.

        Raises:
            TimeoutError: a script has not finished.
        """
        if self.gateway.config.xmpp.backend != "embedded":
            raise RuntimeError("receive() needs the embedded domain; on a server, have a client send the stanza")
        result: list[Stanza] = self.client.portal.call(self._receive, stanza_of(stanza), timeout)
        return result

    async def _receive(self, stanza: Stanza, timeout: float) -> list[Stanza]:
        backend = self.gateway.backend
        to = stanza.attributes.get("to") or self.service.jid
        addressed = stanza.with_(to=to, sender=stanza.attributes.get("from") or f"alice@{self.service.domain}/test")
        reply: Stanza | None = None
        with self._recorded(but=addressed) as sent:
            async with asyncio.timeout(timeout):
                if addressed.awaits_reply:
                    reply = await backend.request(addressed, timeout)
                else:
                    await backend.send(addressed)
                await self.gateway.settle()
        return sent if reply is None else [*sent, reply]

    def run_schedule(self, name: str, timeout: float = 10.0) -> list[Stanza]:
        """Run ``on_schedule`` of a handler now, and return what scripts send until it has ended.

        Args:
            name: of the class, e.g. ``Report``.
            timeout: seconds to wait.

        Raises:
            LookupError: no handler of this name has a schedule.
            TimeoutError: it is still busy.
            Exception: whatever ``on_schedule`` raises.
        """
        result: list[Stanza] = self.client.portal.call(self._run_schedule, name, timeout)
        return result

    async def _run_schedule(self, name: str, timeout: float) -> list[Stanza]:
        schedules = {schedule.name: schedule for schedule in self.gateway.table.of(Schedule)}
        if name not in schedules:
            raise LookupError(f"no handler {name!r} has a schedule; there is {', '.join(schedules) or 'none at all'}")
        with self._recorded() as sent:
            async with asyncio.timeout(timeout):
                await self.gateway.parts.scheduling.run_now(schedules[name])
                await self.gateway.settle()
        return sent

    @contextmanager
    def recording(self) -> Iterator[list[Stanza]]:
        """Record the messages and presence that are sent meanwhile, in order; iqs are not among them::

        with gateway.recording() as sent:
            gateway.post("/rest/notes/bob@localhost", login="alice", json={"note": "Lunch?"})
        """
        with self._recorded() as sent:
            yield sent

    @contextmanager
    def _recorded(self, but: Stanza | None = None) -> Iterator[list[Stanza]]:
        """Record what is sent, by scripts' own ``service.send()`` too; one stanza is left out."""
        backend = self.gateway.backend
        pass_on, pass_on_confirmed, sent = backend.send, backend.send_confirmed, list[Stanza]()

        def record(stanza: Stanza) -> None:
            if stanza is not but:
                sent.append(stanza)

        async def send(stanza: Stanza) -> None:
            record(stanza)
            await pass_on(stanza)

        async def send_confirmed(stanza: Stanza, timeout: float) -> None:
            record(stanza)
            await pass_on_confirmed(stanza, timeout)

        backend.send, backend.send_confirmed = send, send_confirmed  # type: ignore[method-assign]
        try:
            yield sent
        finally:
            backend.send, backend.send_confirmed = pass_on, pass_on_confirmed  # type: ignore[method-assign]

    def reload(self) -> None:
        """Load changed scripts now."""
        self.client.portal.call(self.gateway.reload)


@contextmanager
def serving(
    *scripts: Path,
    domain: str = "localhost",
    builtins: bool = True,
    commands: Sequence[Path] = (),
    **sections: dict[str, Any] | list[dict[str, Any]],
) -> Iterator[TestGateway]:
    """Run a gateway on an embedded domain in memory. Schedules run by :meth:`TestGateway.run_schedule` only, not by the clock.

    Args:
        scripts: directories of scripts.
        domain: the XMPP domain, with the accounts :data:`ACCOUNTS`.
        builtins: whether to serve the built-in handlers and commands too.
        commands: directories of commands.
        sections: sections of the configuration, e.g. ``http={"max_body": 1000}``; their keys override those that are set here; a list for
            tables of which there may be several, as ``rooms=[{"jid": "hall@rooms.example.org"}]``.
    """
    from starlette.testclient import TestClient

    settings: dict[str, Any] = {
        "http": {},
        "scripts": {"reload": False, "schedules": False},
        "xmpp": {"domain": domain, "jid": f"http.{domain}"},
        "auth": {"admins": [f"admin@{domain}"], "api_keys": [{"name": "test", "key": API_KEY, "paths": []}]},
        "embedded": {"database": MEMORY, "accounts": [{"jid": f"{name}@{domain}", "password": PASSWORD} for name in ACCOUNTS]},
        "state": {"database": MEMORY},
    }
    for name, section in sections.items():
        settings[name] = section if isinstance(section, list) else settings.get(name, {}) | section
    dirs = [*scripts, builtin_scripts()] if builtins else [*scripts]
    command_dirs = [*commands, builtin_commands()] if builtins else [*commands]
    gateway = Gateway(Config.model_validate(settings), dirs, Passwords(1, 8, 1), command_dirs)
    options = {"loop_factory": new_event_loop}
    with TestClient(
        gateway.app, raise_server_exceptions=False, follow_redirects=False, backend_options=options, client=("127.0.0.1", 50000)
    ) as client:
        yield TestGateway(gateway, client)


def own_scripts(root: Path) -> Sequence[Path]:
    """Return the ``scripts/rest`` of a project, if it has one."""
    folder = root / "scripts" / "rest"
    return [folder] if folder.is_dir() else []


def own_commands(root: Path) -> Sequence[Path]:
    """Return the ``scripts/commands`` of a project, if it has one."""
    folder = root / "scripts" / "commands"
    return [folder] if folder.is_dir() else []


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[TestGateway]:
    """Run a gateway with the project's own ``scripts/rest`` and ``scripts/commands`` and the built-in ones."""
    root = request.config.rootpath
    with serving(*own_scripts(root), commands=own_commands(root)) as running:
        yield running
