"""The rooms of the house and which way they look: the architecture as a table.

A request flows http → auth → scripting → service → a back end. Imports point the same way, are absolute, stand at the top of the
file, and make no circle. Moving an arrow means editing this table in the same commit.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tigrest"

BASE = {"errors", "jid"}
STANZAS = BASE | {"safexml", "stanza", "dataform"}
XMPP = STANZAS | {"threads", "images", "adhoc", "avatars", "entities", "status", "arrivals", "backend", "service"}

ROOMS: dict[str, set[str]] = {
    # what everything stands on
    "errors": set(),
    "threads": set(),
    "deadlines": set(),
    "loop": set(),
    "log_limit": set(),
    "images": {"content"},
    "single_flight": set(),
    "caller": {"errors"},
    "jid": {"errors"},
    "passwords": set(),
    "spelling": set(),
    "saslprep": {"errors"},
    "storage": {"errors", "log_limit"},
    # XMPP, as bytes and as meaning
    "safexml": {"errors"},
    "stanza": {"errors", "jid", "safexml"},
    "dataform": set(),
    "adhoc": STANZAS | {"threads"},
    "stanza_json": STANZAS | {"content", "spelling"},
    "avatars": STANZAS | {"threads", "content", "images", "single_flight", "caller"},
    "entities": STANZAS | {"adhoc"},
    "status": BASE,
    "arrivals": BASE | {"safexml", "stanza"},
    "events": BASE | {"safexml", "stanza", "stanza_json", "arrivals"},
    "overflow": BASE | {"stanza"},
    "backend": STANZAS | {"arrivals", "entities", "status"},
    "service": XMPP - {"service"} | {"auth", "bosh", "caller"},
    "bosh": STANZAS | {"threads"},
    "embedded": XMPP | {"storage", "passwords", "saslprep"},
    "component": XMPP | {"storage", "deadlines", "log_limit", "saslprep"},
    "webhooks": BASE | {"safexml", "stanza", "storage", "overflow"},
    # scripts: from files to routes and listeners
    "content": {"errors", "safexml"},
    "handler": set(),
    "scripting": XMPP | {"auth", "overflow", "handler", "content", "stanza_json", "spelling"},
    # who is calling
    "auth": {"errors", "jid", "passwords", "single_flight", "storage"},  # Principal is what all below and above know a caller by
    "config": {"errors", "jid", "passwords", "spelling"},
    "plugins": {"service"},
    # HTTP
    "http": XMPP | {"caller", "deadlines", "loop", "handler", "content", "scripting", "auth", "config"},
    # put together
    "control": {"auth", "dataform", "entities", "errors"},
    "demo": {"auth", "jid", "service", "storage"},
    "gateway": XMPP
    | {
        "auth",
        "config",
        "bosh",
        "component",
        "control",
        "demo",
        "embedded",
        "events",
        "handler",
        "http",
        "passwords",
        "plugins",
        "scripting",
        "stanza_json",
        "storage",
        "webhooks",
    },
    "live": XMPP | {"component", "gateway"},
    "testing": {"config", "gateway", "loop", "passwords", "service", "stanza", "storage"},
    "cli": {"auth", "config", "errors", "gateway", "handler", "http", "live", "loop", "passwords", "scripting", "storage", "webhooks"},
    "__main__": {"cli"},
    # what scripts import
    "__init__": {"backend", "errors", "handler", "jid", "service", "stanza", "status"},
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
