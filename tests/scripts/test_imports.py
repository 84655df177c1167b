"""The scripts that are shipped are what everybody copies: they import what ``tigrest`` makes public, and their neighbours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = sorted([*(ROOT / "scripts").rglob("*.py"), *(ROOT / "examples" / "bots").rglob("*.py")])


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_only_tigrest_and_their_neighbours(path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Import | ast.ImportFrom)]
    others = [
        ast.unparse(node)
        for node in imports
        if "tigrest" in ast.unparse(node) and not (isinstance(node, ast.ImportFrom) and node.module == "tigrest")
    ]
    assert others == []
    assert not any(isinstance(node, ast.ImportFrom) and (node.module or "").startswith("starlette") for node in imports)
