"""The rooms of the house and which way they look: the architecture as a table.

A request flows http → auth → scripting → service → a back end. Imports point the same way, are absolute, stand at the top of the
file, and make no circle. Moving an arrow means editing this table in the same commit; an arrow that nobody uses goes.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tigrest"

ROOMS: dict[str, set[str]] = {
    # what everything stands on
    "errors": set(),
    "version": set(),
    "spelling": set(),
    "paths": set(),
    "passwords": set(),
    "webhooks": set(),
    "concurrency": {"errors"},
    "observability": set(),
    # XMPP and HTTP bodies: values and bytes, no input, no output
    "xmpp": {"errors"},
    "formats": {"errors", "spelling", "xmpp"},
    # what is kept, who calls, how it is set up
    "state": {"errors", "concurrency", "observability"},
    "auth": {"errors", "passwords", "concurrency", "observability", "xmpp", "state"},
    "config": {"errors", "spelling", "passwords", "xmpp"},
    # XMPP: the ways to it, what scripts get, what becomes of what comes in
    "backends": {"errors", "version", "passwords", "concurrency", "observability", "xmpp", "state"},
    "service": {"errors", "concurrency", "xmpp", "formats", "auth", "backends"},
    "inbound": {"errors", "webhooks", "concurrency", "observability", "xmpp", "formats", "state", "backends"},
    # scripts, and HTTP in front of them
    "scripting": {"errors", "paths", "spelling", "concurrency", "observability", "xmpp", "formats", "auth", "service", "inbound"},
    "http": {"errors", "version", "concurrency", "observability", "xmpp", "formats", "auth", "config", "service", "scripting"},
    # put together
    "plugins": {"errors", "paths", "spelling", "service"},
    "gateway": {
        "plugins",
        "errors",
        "observability",
        "passwords",
        "xmpp",
        "formats",
        "state",
        "auth",
        "config",
        "backends",
        "service",
        "inbound",
        "scripting",
        "http",
    },
    "testing": {"passwords", "concurrency", "xmpp", "state", "config", "service", "scripting", "gateway"},
    "cli": {
        "paths",
        "observability",
        "errors",
        "version",
        "passwords",
        "concurrency",
        "state",
        "auth",
        "config",
        "inbound",
        "scripting",
        "plugins",
        "http",
        "gateway",
    },
    "__main__": {"cli"},
    # what scripts import
    "public": {"errors", "version", "xmpp", "formats", "auth", "backends", "service", "inbound", "scripting"},
    "__init__": {"public", "version"},
}

WIRE, WIRE_CONTRACT = "tigrest.http.wire", "tigrest.http.wire.whole_reply"
"""HTTP on the wire is a room inside ``http`` that knows nothing of what is served; the rest of ``http`` knows this one module of it."""
BELOW_WIRE = {"concurrency", "config", "errors"}
"""Rooms that the wire may import."""


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "builtin_scripts" not in path.parts and "templates" not in path.parts)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Modules of ours that a file imports, with the line."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "tigrest")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            if node.module == "tigrest":
                yield from ((node.lineno, f"tigrest.{alias.name}") for alias in node.names)
            elif node.module is not None and node.module.startswith("tigrest."):
                yield node.lineno, node.module


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_the_table_names_the_rooms_there_are() -> None:
    assert {room_of(path) for path in files()} == set(ROOMS)


def test_the_table_has_no_circle() -> None:
    seen: set[str] = set()

    def visit(room: str, way: tuple[str, ...]) -> None:
        assert room not in way, " → ".join([*way, room])
        if room not in seen:
            seen.add(room)
            for other in ROOMS[room]:
                visit(other, (*way, room))

    for room in ROOMS:
        visit(room, ())


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    allowed = ROOMS[room_of(path)] | {room_of(path)}
    for line, module in imports(path):
        room = module.split(".")[1]
        assert room in allowed or room not in ROOMS, f"{path}:{line}: {room_of(path)} may not import {room}"


def test_every_arrow_of_the_table_is_used() -> None:
    used: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in files():
        used[room_of(path)] |= {module.split(".")[1] for _, module in imports(path)}
    assert {room: arrows - used[room] for room, arrows in ROOMS.items() if arrows - used[room]} == {}


def test_modules_make_no_circle() -> None:
    modules = {module_of(path): path for path in files()}
    arrows = {name: {module for _, module in imports(path) if module in modules} for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join([*way, name])
        if name not in done:
            for other in arrows[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in arrows:
        visit(name, ())


@pytest.mark.parametrize("path", sorted((PACKAGE / "http").rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_wire_and_the_rest_of_http_are_apart(path: Path) -> None:
    is_wire = module_of(path).startswith(WIRE)
    for line, module in imports(path):
        room = module.split(".")[1]
        if is_wire:
            assert module.startswith(WIRE) or room in BELOW_WIRE, f"{path}:{line}: the wire may not import {module}"
        else:
            assert not module.startswith(WIRE) or module == WIRE_CONTRACT, f"{path}:{line}: import {WIRE_CONTRACT} only, not {module}"


def test_imports_that_cost_little_stand_at_the_top() -> None:
    """Imports inside functions are for start-up time only: in the command line, and for slixmpp, Alembic and the test client."""
    for path in files():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            inside = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            late = [
                n
                for n in inside
                if room_of(path) != "cli" and not ast.unparse(n).startswith(("from slixmpp", "from starlette.testclient", "from alembic"))
            ]
            assert not late, f"{path}:{late[0].lineno}: move this import to the top"
