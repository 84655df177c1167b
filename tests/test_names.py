"""One name means one thing: no public name of a module is defined in another module of the package too."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.sources import PACKAGE

SHARED = {
    "log": "the logger of each module",
    "T": "the type variable of generic functions",
    "revision": "asked of each migration by Alembic",
    "down_revision": "asked of each migration by Alembic",
    "upgrade": "asked of each migration by Alembic",
}
"""Names that may be defined in several modules, each with its reason."""


def defined(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Find the names that a module defines; what it imports is not among them."""
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Assign():
                nodes = (node for target in statement.targets for node in ast.walk(target))
                yield from (node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If():
                yield from defined([*statement.body, *statement.orelse])
            case ast.Try():
                yield from defined([*statement.body, *statement.orelse, *(one for other in statement.handlers for one in other.body)])


def public(source: str) -> set[str]:
    """Return the public names that a module defines."""
    return {name for name in defined(ast.parse(source).body) if not name.startswith("_")}


@functools.cache
def modules_by_name() -> dict[str, list[str]]:
    """Return the names that several modules of the package define, each with their files."""
    modules = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in public(path.read_text("utf-8")):
            modules[name].append(str(path.relative_to(PACKAGE)))
    return {name: files for name, files in modules.items() if len(files) > 1}


def test_definitions_are_found_and_imports_are_not() -> None:
    source = "import a\nfrom b import c\nD, (E, _F) = 1, (2, 3)\ng: int = 4\nif a:\n    class H: ...\nelse:\n    async def i(): ...\n"
    source += "try:\n    J = a.x\n    a.y = 1\nexcept c:\n    K = 2\n"
    assert public(source) == {"D", "E", "g", "H", "i", "J", "K"}


def test_a_public_name_is_defined_in_one_module() -> None:
    assert {name: files for name, files in modules_by_name().items() if name not in SHARED} == {}


def test_names_that_several_modules_may_define_are_still_defined_in_several() -> None:
    assert sorted(SHARED) == sorted(modules_by_name())
