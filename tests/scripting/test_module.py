"""The statements of a script."""

from __future__ import annotations

import ast

from tigrest.scripting.module import statements

SOURCE = """
class A:
    def f(self):
        class B: x = lambda: [y for y in "a"]
        return B
if True:
    from . import a
else:
    class C: pass
try:
    from .b import c
except* ValueError:
    class D: pass
finally:
    for _ in ():
        class E: pass
    else:
        class A: pass
match 1:
    case 1:
        with open("f") as f:
            class F: pass
"""


def test_statements_come_as_from_a_walk_without_the_expressions() -> None:
    tree = ast.parse(SOURCE)
    kinds = (ast.stmt, ast.ExceptHandler, ast.match_case)
    found = list(statements(tree))
    assert {id(node) for node in found} == {id(node) for node in ast.walk(tree) if isinstance(node, kinds)}
    walked = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in found if isinstance(node, ast.ClassDef)] == walked, "of two of one name the same comes last"
