"""The rooms of the house and which way they look: the architecture as a table.

A request flows http → auth → scripting → service → a back end. Imports point the same way, are absolute, stand at the top of the
file, and make no circle. Moving an arrow means editing this table in the same commit; an arrow that nobody uses goes.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.sources import PACKAGE, imports, package_files

ROOMS: dict[str, set[str]] = {
    # what everything stands on
    "errors": set(),
    "version": set(),
    "spelling": set(),
    "paths": set(),
    "hosts": set(),
    "passwords": set(),
    "webhooks": set(),
    "concurrency": {"errors"},
    "observability": {"errors", "paths"},
    # XMPP and HTTP bodies: values and bytes, no input, no output
    "xmpp": {"errors"},
    "formats": {"errors", "spelling", "xmpp"},
    # what is kept, who calls, how it is set up
    "state": {"errors", "concurrency", "observability"},
    "auth": {"errors", "hosts", "spelling", "passwords", "webhooks", "concurrency", "observability", "xmpp", "state"},
    "config": {"errors", "spelling", "passwords", "xmpp", "auth"},
    # XMPP: the ways to it, what scripts get, what becomes of what comes in
    "backends": {"errors", "hosts", "version", "passwords", "concurrency", "observability", "xmpp", "state"},
    "service": {"errors", "hosts", "concurrency", "observability", "xmpp", "formats", "auth", "backends"},
    "inbound": {"errors", "hosts", "webhooks", "concurrency", "observability", "xmpp", "formats", "state", "backends"},
    # scripts, and HTTP in front of them
    "scripting": {"errors", "spelling", "concurrency", "observability", "xmpp", "formats", "auth", "service", "inbound"},
    "commands": {"errors", "spelling", "concurrency", "observability", "xmpp", "formats", "auth", "backends", "service", "scripting"},
    "http": {"errors", "version", "concurrency", "observability", "xmpp", "formats", "state", "auth", "config", "service", "scripting"},
    "hooks": {"errors", "concurrency", "observability", "xmpp", "formats", "state", "auth", "service", "scripting", "http"},
    "oauth": {"errors", "observability", "xmpp", "formats", "auth", "http"},
    "api": {"errors", "spelling", "observability", "xmpp", "formats", "auth", "config", "scripting", "commands", "http"},
    # put together
    "plugins": {"errors", "paths", "spelling", "service"},
    "gateway": {
        "ctl",
        "concurrency",
        "hosts",
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
        "commands",
        "http",
        "api",
        "oauth",
        "hooks",
    },
    "ctl": {"errors", "spelling", "concurrency", "observability", "auth", "scripting", "http", "commands"},
    "testing": {"passwords", "concurrency", "xmpp", "state", "config", "service", "scripting", "gateway"},
    "cli": {
        "xmpp",
        "ctl",
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
        "oauth",
        "gateway",
    },
    "__main__": {"cli"},
    # what scripts import
    "public": {
        "errors",
        "concurrency",
        "version",
        "observability",
        "xmpp",
        "formats",
        "auth",
        "backends",
        "service",
        "inbound",
        "scripting",
        "commands",
        "http",
        "hooks",
    },
    "__init__": {"public", "version"},
}

WIRE, WIRE_CONTRACT = "tigrest.http.wire", "tigrest.http.wire.whole_reply"
"""HTTP on the wire is a room inside ``http`` that knows nothing of what is served; the rest of ``http`` knows this one module of it."""
BELOW_WIRE = {"concurrency", "config", "errors"}
"""Rooms that the wire may import."""


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules(path: Path) -> Iterator[tuple[int, str]]:
    """Find the modules of ours that a file imports, with the line."""
    for one in imports(path):
        assert one.level == 0, f"{path}:{one.line}: write imports in full"
        if not one.module:
            yield from ((one.line, name) for name in one.names if name.split(".")[0] == "tigrest")
        elif one.module == "tigrest":
            yield from ((one.line, f"tigrest.{name}") for name in one.names)
        elif one.module.startswith("tigrest."):
            yield one.line, one.module


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_the_table_names_the_rooms_there_are() -> None:
    assert {room_of(path) for path in package_files()} == set(ROOMS)


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


def test_imports_go_one_way() -> None:
    wrong = []
    for path in package_files():
        own = room_of(path)
        others = ROOMS.keys() - ROOMS[own] - {own}
        wrong += [f"{path}:{line}: {own} may not import {module}" for line, module in modules(path) if module.split(".")[1] in others]
    assert wrong == []


def test_every_arrow_of_the_table_is_used() -> None:
    used: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in package_files():
        used[room_of(path)] |= {module.split(".")[1] for _, module in modules(path)}
    assert {room: arrows - used[room] for room, arrows in ROOMS.items() if arrows - used[room]} == {}


def test_modules_make_no_circle() -> None:
    paths = {module_of(path): path for path in package_files()}
    arrows = {name: {module for _, module in modules(path) if module in paths} for name, path in paths.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join([*way, name])
        if name not in done:
            for other in arrows[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in arrows:
        visit(name, ())


def test_the_wire_and_the_rest_of_http_are_apart() -> None:
    for path in sorted((PACKAGE / "http").rglob("*.py")):
        is_wire = module_of(path).startswith(WIRE)
        for line, module in modules(path):
            if is_wire:
                is_below = module.split(".")[1] in BELOW_WIRE
                assert module.startswith(WIRE) or is_below, f"{path}:{line}: the wire may not import {module}"
            else:
                assert not module.startswith(WIRE) or module == WIRE_CONTRACT, f"{path}:{line}: import {WIRE_CONTRACT} only, not {module}"


def test_imports_that_cost_little_stand_at_the_top() -> None:
    """Imports inside functions are for start-up time only: in the command line and its client, and for slixmpp, Alembic, rich and the test client."""
    costly = ("from slixmpp", "from starlette.testclient", "from alembic", "from rich", "import getpass", "import pwd", "import tomllib")
    for path in package_files():
        late = [one for one in imports(path) if one.is_late and room_of(path) != "cli" and not one.text.startswith(costly)]
        assert not late, f"{path}:{late[0].line}: move this import to the top"
