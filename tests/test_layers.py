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
    "threads": set(),
    "deadlines": set(),
    "loop": set(),
    "log_limit": set(),
    "single_flight": set(),
    "caller": {"errors"},
    "jid": {"errors"},
    "passwords": set(),
    "spelling": set(),
    "saslprep": {"errors"},
    "storage": {"errors", "log_limit"},
    # XMPP, as bytes and as meaning
    "xmpp": {"errors"},
    "safexml": {"errors"},
    "content": {"errors", "safexml"},
    "images": {"content"},
    "stanza": {"errors", "jid", "safexml"},
    "dataform": set(),
    "adhoc": {"errors", "threads", "jid", "safexml", "stanza", "dataform"},
    "stanza_json": {"errors", "xmpp", "jid", "spelling", "safexml", "stanza", "dataform", "content"},
    "avatars": {"errors", "threads", "images", "single_flight", "caller", "jid", "stanza", "content"},
    "entities": {"errors", "version", "xmpp", "jid", "safexml", "stanza", "dataform", "adhoc"},
    "status": {"errors", "jid"},
    "arrivals": {"jid", "stanza"},
    "events": {"errors", "jid", "stanza", "stanza_json", "arrivals"},
    "overflow": {"errors", "stanza"},
    "backend": {"jid", "stanza", "entities", "status", "arrivals"},
    "service": {"errors", "threads", "caller", "jid", "safexml", "stanza", "adhoc", "avatars", "status", "backend", "bosh", "auth"},
    "bosh": {"errors", "threads", "jid", "safexml", "stanza"},
    "embedded": {
        "errors",
        "threads",
        "jid",
        "passwords",
        "saslprep",
        "storage",
        "safexml",
        "stanza",
        "dataform",
        "entities",
        "status",
        "arrivals",
        "backend",
    },
    "component": {
        "errors",
        "threads",
        "deadlines",
        "log_limit",
        "jid",
        "saslprep",
        "storage",
        "safexml",
        "stanza",
        "dataform",
        "adhoc",
        "entities",
        "status",
        "arrivals",
        "backend",
        "service",
    },
    "webhooks": {"errors", "xmpp", "log_limit", "jid", "storage", "stanza", "overflow"},
    # scripts: from files to routes and listeners
    "handler": set(),
    "scripting": {
        "errors",
        "xmpp",
        "jid",
        "spelling",
        "safexml",
        "stanza",
        "stanza_json",
        "entities",
        "overflow",
        "service",
        "content",
        "handler",
        "auth",
    },
    # who is calling: Principal is what all below and above know a caller by
    "auth": {"errors", "log_limit", "single_flight", "jid", "passwords", "storage"},
    "config": {"errors", "jid", "passwords", "spelling"},
    "plugins": {"service"},
    # HTTP
    "http": {
        "errors",
        "version",
        "xmpp",
        "threads",
        "deadlines",
        "loop",
        "images",
        "caller",
        "stanza",
        "service",
        "content",
        "handler",
        "scripting",
        "auth",
        "config",
    },
    # put together
    "control": {"errors", "dataform", "entities", "auth"},
    "demo": {"jid", "storage", "service", "auth"},
    "gateway": {
        "jid",
        "passwords",
        "storage",
        "adhoc",
        "stanza_json",
        "avatars",
        "arrivals",
        "events",
        "backend",
        "service",
        "bosh",
        "embedded",
        "component",
        "webhooks",
        "scripting",
        "auth",
        "config",
        "plugins",
        "http",
        "control",
        "demo",
    },
    "live": {"errors", "jid", "stanza", "adhoc", "avatars", "component", "gateway"},
    "testing": {"loop", "passwords", "storage", "stanza", "service", "config", "gateway"},
    "cli": {"errors", "version", "loop", "passwords", "storage", "webhooks", "scripting", "auth", "config", "http", "gateway", "live"},
    "__main__": {"cli"},
    # what scripts import
    "__init__": {"errors", "version", "jid", "stanza", "status", "backend", "service", "handler"},
}


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


def test_imports_that_cost_little_stand_at_the_top() -> None:
    """Imports inside functions are for start-up time only: in the command line, and for slixmpp and the test client."""
    for path in files():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            inside = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            late = [
                n for n in inside if room_of(path) != "cli" and not ast.unparse(n).startswith(("from slixmpp", "from starlette.testclient"))
            ]
            assert not late, f"{path}:{late[0].lineno}: move this import to the top"
