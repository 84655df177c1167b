"""Tests hand limits in: none patches a constant of a module, which every other user of the module would feel too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def patched_constants(source: str) -> Iterator[str]:
    """Find the constants that a test patches: ``monkeypatch.setattr(module, "NAME", …)``, ``patch("package.NAME", …)``, ``module.NAME = …``.

    Args:
        source: of the test.

    Returns:
        The names in upper case.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and called(node.func) in ("setattr", "patch", "object"):
            texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
            yield from (name for name in (text.rpartition(".")[2] for text in texts[:1]) if name.isupper())
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.attr for target in targets if isinstance(target, ast.Attribute) and target.attr.isupper())


def called(function: ast.expr) -> str:
    """Return the last name of what is called."""
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


@pytest.mark.parametrize(
    "source",
    [
        'monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)',
        'monkeypatch.setattr("tigrest.state.database.WAIT_SECONDS", 0.1)',
        'setattr(module, "WAIT_SECONDS", 0.1)',
        'mock.patch("tigrest.state.database.WAIT_SECONDS", 0.1)',
        'mock.patch.object(module, "WAIT_SECONDS", 0.1)',
        "module.WAIT_SECONDS = 0.1",
    ],
)
def test_patching_a_constant_is_noticed(source: str) -> None:
    assert list(patched_constants(source)) == ["WAIT_SECONDS"]


def test_no_test_patches_a_constant() -> None:
    files = [path for path in sorted(TESTS.rglob("*.py")) if "broken_scripts" not in path.parts]
    patched = {str(path.relative_to(TESTS)): set(patched_constants(path.read_text("utf-8"))) for path in files}
    assert {path: names for path, names in patched.items() if names} == {}
