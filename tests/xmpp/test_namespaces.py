"""Each namespace, kind of stanza and error condition stands in one table of ``tigrest.xmpp``."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.sources import package_files
from tigrest.xmpp import namespaces
from tigrest.xmpp.conditions import CONDITIONS, ERROR_TYPES
from tigrest.xmpp.xml import is_namespace_name

NAMESPACE = re.compile(
    r"https?://(?:etherx\.)?jabber\.org/|https?://www\.w3\.org/(?:XML/1998|1999/xhtml|2000/xmlns)"
    r"|urn:xmpp:|urn:ietf:params:xml:ns:|jabber:(?:client|server|component|iq|x)\b|vcard-temp[:}]"
)

DEFINED = {name: value for name, value in vars(namespaces).items() if name.isupper() and isinstance(value, str)}


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Give the texts and bytes of a module, without its docstrings and those of its constants."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def with_a_namespace(source: str) -> list[int]:
    """Return the lines of a module that have a namespace in a literal."""
    return [line for line, text in literals(ast.parse(source)) if NAMESPACE.search(text)]


def test_namespaces_are_written_in_one_module() -> None:
    others = [path for path in package_files() if path != Path(namespaces.__file__)]
    found = {path.name: lines for path in others if (lines := with_a_namespace(path.read_text("utf-8")))}
    assert found == {}, "take these namespaces from tigrest.xmpp.namespaces"


def test_a_namespace_in_any_literal_is_found() -> None:
    for source in (
        'x = "urn:xmpp:ping"',
        'x = f"{{urn:xmpp:ping}}{y}"',
        'x = b"jabber:iq:roster"',
        "def f(x='<a xmlns=\"jabber:client\"/>'): 1",
    ):
        assert with_a_namespace(source) == [1], source
    assert with_a_namespace('"""urn:xmpp:ping"""\ndef f():\n    """jabber:client"""\n') == []


def test_each_namespace_has_one_name() -> None:
    assert [value for value, count in Counter(DEFINED.values()).items() if count > 1] == []


def test_namespaces_are_written_as_parsers_accept_them() -> None:
    reserved = {namespaces.XML_NAMESPACE, namespaces.XMLNS_NAMESPACE}
    assert [value for value in DEFINED.values() if value not in reserved and not is_namespace_name(value)] == []


def test_errors_are_raised_with_conditions_and_types_of_the_table() -> None:
    wrong = []
    for path in package_files():
        source = path.read_text("utf-8")
        if "StanzaError" not in source and "Refusal" not in source:
            continue  # most modules need not be parsed
        calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
        for call in calls:
            if not isinstance(call.func, ast.Name) or call.func.id not in ("StanzaError", "Refusal"):
                continue
            for argument, known in zip(call.args, (CONDITIONS, ERROR_TYPES), strict=False):
                if isinstance(argument, ast.Constant) and argument.value not in known:
                    wrong.append(f"{path}:{argument.lineno}: {argument.value!r}")
    assert wrong == []
