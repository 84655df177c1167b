"""The ways in which commands are called, as one: a case is run by each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.commands.adhoc_client import NODE, Ask, Requester
from tests.commands.expectations import KINDS, Fails, agrees, agrees_in_form, kind_of
from tigrest.ctl.answering import CtlCommands
from tigrest.ctl.client import call as ask_gateway
from tigrest.ctl.protocol import CtlRequest, ExitCode
from tigrest.ctl.server import CtlServer
from tigrest.errors import StanzaError
from tigrest.testing import TestGateway
from tigrest.xmpp.forms import DataForm

Caller = str
"""Local part of a user of the served domain; empty for nobody: without login, or a stranger."""


@dataclass(frozen=True)
class Call:
    """A call of a command.

    Args:
        command: its name.
        arguments: as JSON has them.
        caller: who calls.
        version: of the API; ``None`` for the latest.
    """

    command: str
    arguments: Mapping[str, Any]
    caller: Caller = "admin"
    version: int | None = None


@dataclass(frozen=True)
class Failure:
    """How a call failed.

    Args:
        kind: one of :data:`tests.commands.expectations.Kind`.
        text: the reason.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Args:
        shown: as it came, for people.
        failure: when it failed.
        is_result: tells whether the result is what is expected.
    """

    shown: str
    failure: Failure | None
    is_result: Callable[[Any], bool]

    def agrees(self, expected: Any) -> bool:
        """Return whether the call came out as expected."""
        if isinstance(expected, Fails):
            return self.failure is not None and self.failure.kind == expected.kind and expected.text in self.failure.text
        return self.failure is None and self.is_result(expected)


def failed(kind: str, text: str) -> Answer:
    return Answer(f"{kind}: {text}", Failure(kind, text), lambda _: False)


class Frontend(Protocol):
    """A way to call commands."""

    name: str

    @staticmethod
    def has(call: Call) -> bool:
        """Return whether such calls can be made in this way."""

    def call(self, call: Call) -> Answer:
        """Call a command."""


class Http:
    """HTTP, with a body in JSON."""

    name = "http"

    @staticmethod
    def has(call: Call) -> bool:
        return True

    def __init__(self, gateway: TestGateway, passwords: Mapping[str, str]) -> None:
        self.gateway, self._passwords = gateway, passwords

    def call(self, call: Call) -> Answer:
        version = "" if call.version is None else f"/v{call.version}"
        login = f"{call.caller}:{self._passwords[call.caller]}" if call.caller else ""
        response = self.send(f"/api/{call.command}{version}", login, call.arguments)
        body = response.json()
        if response.status_code != 200:
            assert body["status"] == body.get("code", body["status"]) == response.status_code
            return failed(KINDS.get(response.status_code, "failed"), body["detail"])
        return Answer(response.text, None, lambda expected: agrees(expected, body))

    def send(self, path: str, login: str, arguments: Mapping[str, Any]) -> Any:
        """Send the request."""
        return self.gateway.post(path, login=login, **self.content(arguments))

    def content(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the body is made of."""
        return {"json": dict(arguments)}


class HttpForm(Http):
    """HTTP, with a form as the body."""

    name = "form"

    def content(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"data": {name: list(texts) for name, texts in in_texts(arguments)}}


class HttpGet(Http):
    """HTTP by GET, with a query."""

    name = "get"

    @staticmethod
    def has(call: Call) -> bool:
        """Return whether the command is one of the test script that only reads, and takes no secret."""
        return not call.command.startswith(("fail", "leave", "impossible", "nowhere", "echo_secret"))

    def send(self, path: str, login: str, arguments: Mapping[str, Any]) -> Any:
        return self.gateway.get(path, login=login, params=[(name, text) for name, texts in in_texts(arguments) for text in texts])


class AdHocFrontend:
    """Ad-hoc commands over XMPP.

    Args:
        asks: how each caller asks.
    """

    name = "adhoc"

    @staticmethod
    def has(call: Call) -> bool:
        return True

    def __init__(self, asks: Callable[[Caller], Ask]) -> None:
        self._asks = asks

    def call(self, call: Call) -> Answer:
        requester = Requester(self._asks(call.caller))
        node = f"{NODE}/{call.command}" + ("" if call.version is None else f"/v{call.version}")
        try:
            reply = requester.run(node, dict(in_texts(call.arguments)))
        except StanzaError as error:
            return failed(kind_of(error.condition), error.text)
        assert reply.status == "completed"
        form: DataForm | None = reply.form
        return Answer(f"{form}", None, lambda expected: agrees_in_form(expected, form))


class Ctl:
    """``tigrest ctl``, whose caller is an admin.

    Args:
        socket: of the gateway.
    """

    name = "ctl"

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    @staticmethod
    def has(call: Call) -> bool:
        """Return whether an admin calls, and anything but ``help``, which the program has itself."""
        return call.caller == "admin" and call.command != "help"

    def call(self, call: Call) -> Answer:
        version = () if call.version is None else ("--version", str(call.version))
        words = (f"--{name}={_text(value)}" for name, value in call.arguments.items() if value is not None)
        reply = ask_gateway(self._socket, CtlRequest(("--json", *version, call.command, *words)))
        if reply.err:
            problem = json.loads(reply.err)
            assert reply.code == (ExitCode.USAGE if _is_usage(problem) else ExitCode.FAILED)
            return failed(KINDS.get(problem["status"], "failed"), problem["detail"])
        result = json.loads(reply.out) if reply.out else None
        assert reply.code == (ExitCode.FAILED if result is False else ExitCode.OK)
        return Answer(reply.out, None, lambda expected: agrees(expected, result))


def _is_usage(problem: Mapping[str, Any]) -> bool:
    """Return whether an error is about the command line: an unknown command, or an argument that does not fit."""
    about_arguments = "argument" in problem or " has no option " in problem["detail"] or " requires " in problem["detail"]
    return about_arguments or problem["detail"].startswith("there is no command")


@contextmanager
def listening_ctl(gateway: TestGateway, folder: Path) -> Iterator[Ctl]:
    """Have a gateway listen for ``tigrest ctl`` in a folder."""
    socket = folder / "ctl.sock"
    portal = gateway.client.portal
    assert portal is not None
    server = CtlServer(socket, CtlCommands(gateway.gateway.parts.pipeline))
    portal.call(server.start)
    try:
        yield Ctl(socket)
    finally:
        portal.call(server.stop)


def in_texts(arguments: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Return arguments as forms have them."""
    for name, value in arguments.items():
        if value is not None:
            yield name, tuple(_text(item) for item in value) if isinstance(value, list) else (_text(value),)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
