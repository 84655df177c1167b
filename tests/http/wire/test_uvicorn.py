"""The contract with uvicorn: each member of its classes that ours override, call, read or set.

They are not its public interface, so ``pyproject.toml`` pins uvicorn below the next minor version. Whoever raises the pin runs these
tests, and reads what changed in the members that they name.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tigrest.config import Config
from tigrest.http.wire import server
from tigrest.http.wire.protocol import HttpProtocol
from tigrest.http.wire.request_cycle import RequestCycle

INIT = "self, config, server_state, app_state, _loop"

METHODS: dict[type, dict[str, str]] = {
    HttpToolsProtocol: {
        "__init__": INIT,
        "_start_asgi_task": "self, cycle, app",
        "_unset_keepalive_if_required": "self",
        "_unsupported_upgrade_warning": "self",
        "connection_lost": "self, exc",
        "connection_made": "self, transport",
        "data_received": "self, data",
        "on_body": "self, body",
        "on_header": "self, name, value",
        "on_headers_complete": "self",
        "on_message_begin": "self",
        "on_message_complete": "self",
        "on_response_complete": "self",
        "on_url": "self, url",
        "pause_writing": "self",
        "resume_writing": "self",
        "shutdown": "self",
        "timeout_keep_alive_handler": "self",
    },
    RequestResponseCycle: {
        "__init__": "self, scope, transport, flow, logger, access_logger, access_log, default_headers, message_event, expect_100_continue, "
        "keep_alive, on_response",
        "receive": "self",
        "run_asgi": "self, app",
        "send": "self, message",
        "send_500_response": "self",
    },
    FlowControl: {
        "__init__": "self, transport",
        "drain": "self",
        "pause_reading": "self",
        "pause_writing": "self",
        "resume_reading": "self",
        "resume_writing": "self",
    },
    uvicorn.Server: {
        "__init__": "self, config",
        "main_loop": "self",
        "on_tick": "self, counter",
        "shutdown": "self, sockets",
        "startup": "self, sockets",
    },
}
"""Methods that we override or call, with the names of their parameters."""

ATTRIBUTES: dict[type, set[str]] = {
    HttpToolsProtocol: {
        "app",
        "client",
        "cycle",
        "expect_100_continue",
        "flow",
        "headers",
        "loop",
        "parser",
        "pipeline",
        "root_path",
        "scheme",
        "server",
        "server_state",
        "tasks",
        "timeout_keep_alive",
        "timeout_keep_alive_task",
        "transport",
    },
    FlowControl: {"read_paused", "write_paused"},
    ServerState: {"connections", "default_headers", "tasks", "total_requests"},
    uvicorn.Server: {"config", "force_exit", "server_state", "should_exit"},
}
"""Attributes that we read or set, and uvicorn makes."""

CALLBACKS = {"on_body", "on_header", "on_headers_complete", "on_message_begin", "on_message_complete", "on_response_complete", "on_url"}
"""What httptools, or the answer, may call on a protocol of uvicorn's."""


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None: ...


class _Served:
    entry = staticmethod(_nothing)

    failure = None

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def on_failure(self, callback: Callable[[], None]) -> None: ...


async def _objects() -> dict[type, Any]:
    """Make an object of each class of uvicorn's, as uvicorn makes it."""
    config = uvicorn.Config(_nothing, http="httptools", ws="none", lifespan="off", log_config=None)
    made = uvicorn.Server(config)
    protocol = HttpToolsProtocol(config, made.server_state, {}, asyncio.get_running_loop())
    return {
        HttpToolsProtocol: protocol,
        FlowControl: FlowControl(asyncio.Transport()),
        ServerState: made.server_state,
        uvicorn.Server: made,
    }


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, methods in METHODS.items() for name in methods])
def test_the_methods_are_there_and_take_the_same(kind: type, name: str) -> None:
    method = vars(kind).get(name)
    assert isinstance(method, FunctionType), f"uvicorn {uvicorn.__version__} has no {kind.__name__}.{name}, which tigrest/http relies on"
    found, known = ", ".join(inspect.signature(method).parameters), METHODS[kind][name]
    assert found == known, f"uvicorn {uvicorn.__version__} has {kind.__name__}.{name}({found}); tigrest/http knows it as ({known})"


@pytest.mark.parametrize("kind", ATTRIBUTES, ids=lambda kind: kind.__name__)
async def test_the_attributes_are_there(kind: type) -> None:
    made = (await _objects())[kind]
    missing = {name for name in ATTRIBUTES[kind] if not hasattr(made, name)}
    assert not missing, (
        f"uvicorn {uvicorn.__version__} sets no {', '.join(sorted(missing))} in {kind.__name__}, which tigrest/http relies on"
    )


@pytest.mark.parametrize(("ours", "theirs"), [(HttpProtocol, HttpToolsProtocol), (RequestCycle, RequestResponseCycle)])
def test_what_we_override_keeps_its_parameters_and_stands_in_the_table(ours: type, theirs: type) -> None:
    overridden = {name for name, value in vars(ours).items() if isinstance(value, FunctionType) and name in vars(theirs)}
    assert overridden <= set(METHODS[theirs]), f"name {overridden - set(METHODS[theirs])} in METHODS"
    for name in overridden - {"__init__"}:
        mine, uvicorns = (list(inspect.signature(vars(kind)[name]).parameters) for kind in (ours, theirs))
        assert mine == uvicorns, f"{ours.__name__}.{name} takes {mine}, but uvicorn {uvicorn.__version__} calls it with {uvicorns}"


def test_what_the_protocol_takes_from_uvicorn_stands_in_the_tables() -> None:
    used, theirs = _names(HttpProtocol), _stored(HttpToolsProtocol)
    assert used & vars(HttpToolsProtocol).keys() <= METHODS[HttpToolsProtocol].keys()
    assert used & theirs - vars(HttpProtocol).keys() == ATTRIBUTES[HttpToolsProtocol]
    nowhere = used - vars(HttpProtocol).keys() - _stored(HttpProtocol) - theirs - vars(HttpToolsProtocol).keys()
    assert not nowhere, f"neither HttpProtocol nor uvicorn {uvicorn.__version__} has {nowhere}"


def test_there_is_no_callback_that_we_do_not_know() -> None:
    found = {name for name in vars(HttpToolsProtocol) if name.startswith("on_")}
    assert found == CALLBACKS, f"uvicorn {uvicorn.__version__} has other callbacks: {found ^ CALLBACKS}; is HttpProtocol still complete?"


def test_an_exchange_has_what_uvicorns_part_of_it_reads() -> None:
    """It does not call uvicorn's ``__init__``, and sets less."""
    read = _names(RequestResponseCycle.send) | _names(RequestResponseCycle.send_500_response)
    assert not RequestCycle.access_log
    missing = read - set(dir(RequestCycle)) - _stored(RequestCycle) - {"access_logger"}
    assert not missing, f"uvicorn {uvicorn.__version__} reads {missing} when it sends an answer; set them in RequestCycle"


@pytest.mark.parametrize("kind", [HttpProtocol, RequestCycle, RequestResponseCycle])
def test_what_is_used_of_the_flow_stands_in_the_tables(kind: type) -> None:
    assert _names(kind, "self.flow") <= METHODS[FlowControl].keys() | ATTRIBUTES[FlowControl]


def test_each_status_has_its_line() -> None:
    assert STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
    assert STATUS_LINE[299] == b"HTTP/1.1 299 \r\n"
    assert set(STATUS_LINE) >= set(range(100, 600))
    assert HIGH_WATER_LIMIT > 0


async def test_the_server_makes_our_protocol_and_its_headers() -> None:
    made = uvicorn.Server(server.uvicorn_config(_Served(), Config()))
    made.config.load()
    assert made.config.lifespan_class(made.config) is not None
    await made.on_tick(0)
    names = [name for name, _ in made.server_state.default_headers]
    assert names == [b"date", *(name.encode() for name, _ in server.RESPONSE_HEADERS)]
    keywords = dict.fromkeys(INIT.split(", ")[1:]) | {"config": made.config, "server_state": made.server_state, "app_state": {}}
    protocol = made.config.http_protocol_class(**keywords)
    assert isinstance(protocol, HttpProtocol)


def _names(source: Any, *owners: str) -> set[str]:
    """Return the attributes of ``self`` and ``super()``, or of other owners, that a class or function uses."""
    return {node.attr for node in _attributes(source) if ast.unparse(node.value) in (owners or ("self", "super()"))}


def _stored(kind: type) -> set[str]:
    """Return the attributes that the methods of a class set."""
    return {node.attr for node in _attributes(kind) if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"}


def _attributes(source: Any) -> Iterator[ast.Attribute]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(source)))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
