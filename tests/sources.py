"""Files of Python, each parsed once for all that asks what it imports."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tigrest"


@dataclass(frozen=True)
class Import:
    """One statement that imports.

    Args:
        line: where it stands.
        text: itself.
        module: of ``from module import …``; empty for ``import …``.
        names: what is imported.
        level: dots before the module.
        is_late: stands inside a function.
    """

    line: int
    text: str
    module: str
    names: tuple[str, ...]
    level: int
    is_late: bool


def package_files() -> list[Path]:
    """Return the modules of the package, without scripts and templates."""
    return sorted(path for path in PACKAGE.rglob("*.py") if not {"builtin_scripts", "templates"} & set(path.parts))


@functools.cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return what a file imports, at its top and inside of functions."""
    return tuple(_imports(ast.parse(path.read_bytes()).body, is_late=False))


def _imports(statements: Iterable[ast.AST], is_late: bool) -> Iterator[Import]:
    for statement in statements:
        match statement:
            case ast.Import(names=names):
                yield Import(statement.lineno, ast.unparse(statement), "", tuple(name.name for name in names), 0, is_late)
            case ast.ImportFrom(module=module, names=names, level=level):
                yield Import(statement.lineno, ast.unparse(statement), module or "", tuple(name.name for name in names), level, is_late)
            case ast.stmt() | ast.excepthandler() | ast.match_case():
                is_function = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
                for part in ("body", "handlers", "orelse", "finalbody", "cases"):
                    yield from _imports(getattr(statement, part, ()), is_late or is_function)
