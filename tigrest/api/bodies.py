"""The arguments of a command in a request: in the query of GET, in the body of everything else."""

from __future__ import annotations

from collections.abc import Iterable

from tigrest.commands.arguments import Texts
from tigrest.errors import ArgumentError, MalformedContent, UnsupportedContent
from tigrest.formats.content import JSON, URLENCODED, XML, doubled_key, is_json, is_xml, media_type, read_json
from tigrest.formats.urlencoded import read_parameters
from tigrest.http.requests import decode, is_decodable
from tigrest.scripting.commands import Argument, Command
from tigrest.scripting.models import GATEWAY_PARAMETERS

COMPAT = "compat"
"""Query parameter that asks for the ways of another server."""

_OTHERS = GATEWAY_PARAMETERS | {COMPAT}

Given = dict[str, object]
"""Arguments by name: :class:`~tigrest.commands.arguments.Texts`, or values of JSON."""


def query_arguments(command: Command, query: bytes) -> Given:
    """Read arguments in a query.

    Args:
        command: that they are for. Parameters that are for the gateway count as arguments where it has such.
        query: percent-encoded.

    Raises:
        MalformedContent: it is not UTF-8, or has too many parameters.
    """
    if not query:
        return {}
    types = _by_name(command)
    texts: dict[str, list[str]] = {}
    for name, value in read_parameters(query):
        if name in types or name not in _OTHERS:
            texts.setdefault(name, []).append(value)
    return {name: _as_texts(values, types.get(name)) for name, values in texts.items()}


def body_arguments(command: Command, content_type: str, body: bytes) -> Given:
    """Read arguments in a body: the members of a JSON object, the fields of a form, the elements inside of an XML document.

    Args:
        command: that they are for.
        content_type: header, with its parameters; may be empty where the body is.
        body: one that is empty has no arguments.

    Raises:
        ArgumentError: a member of an object in JSON is given twice.
        MalformedContent: it is not what its type claims, or is not a set of arguments.
        UnsupportedContent: it is of another type.
    """
    if content_type == JSON and body[:1] == b"{":
        return _members(body, read_json(body))  # what most send, without looking at what else it might be
    if not body.strip():
        return {}
    media = media_type(content_type)
    if not is_decodable(content_type):
        raise UnsupportedContent(media, (JSON, XML, URLENCODED), JSON if body.lstrip()[:1] in (b"{", b"[") else "")
    data, value = decode(content_type, body)
    if is_json(media):
        return _members(data, value)
    if is_xml(media):
        [value] = value.values()  # of the root element, whose name says nothing
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise MalformedContent("the document has no arguments: write an element for each, with its value inside")
    types = _by_name(command)
    return {name: _from_texts(each, types.get(name)) for name, each in value.items()}


def _by_name(command: Command) -> dict[str, Argument]:
    """Return the arguments of a command by their names, those that they had before among them."""
    present = {argument.name: argument for argument in command.arguments}
    return present | {before: present[now] for before, now in command.renamed.items()}


def _members(data: bytes, value: object) -> Given:
    if not isinstance(value, dict):
        raise MalformedContent(f"the body is {_kind(value)}; send an object with the arguments by name, such as {{}}")
    if (doubled := doubled_key(data, value)) is not None:
        raise ArgumentError(doubled[:80], "doubled", f"{doubled[:80]!r} is given twice; give it once")
    return value


def _kind(value: object) -> str:
    match value:
        case list():
            return "a list"
        case str():
            return "a text"
        case bool() | None:
            return "null, true or false"
    return "a number"


def _from_texts(value: object, argument: Argument | None) -> object:
    """Return the value of a form's field or an XML element: text, several texts, or with elements inside what JSON would have."""
    if isinstance(value, str):
        return _as_texts([value], argument)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _as_texts(value, argument)
    return value


def _as_texts(values: Iterable[str], argument: Argument | None) -> Texts:
    """Return texts; a single one that is empty stands for an empty list, or where there need be no value for none."""
    texts = Texts(values)
    if argument is not None and texts == ("",) and (argument.type.is_list or (argument.type.is_optional and argument.type.name != "text")):
        return Texts()
    return texts
