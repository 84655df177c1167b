"""The ways of ejabberd's HTTP API, for clients that were written for it: its results, its errors, and what it is lenient about.

ejabberd 24.12, ``mod_http_api``. Two of its ways are not copied: a failure is never answered with status 200, and GET changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from tigrest.api.bodies import Given
from tigrest.commands.arguments import Texts, by_present_names
from tigrest.errors import KeyRequired, LoginRequired, NotPermitted, RoleRequired, UnknownCommand, UserExists
from tigrest.formats.content import JSON, is_json, media_type, write_json
from tigrest.scripting.argument_types import ArgumentType
from tigrest.scripting.commands import Command

EJABBERD = "ejabberd"
"""Value of the query parameter ``compat``, and of the key ``compat`` of a mount."""

RESCODE_OK, RESCODE_ERROR = 0, 1
"""Results of type ``rescode``: done, or yes; not done, or no."""

MEMBERS = {
    "user_sessions_info": ("connection", "ip", "port", "priority", "node", "uptime", "status", "resource", "statustext"),
}
"""Members of records that its clients read without looking whether they are there; ``null`` where no server tells them over XMPP."""

_PAIR = frozenset({"name", "value"})

CODES: dict[type[Exception], int] = {
    LoginRequired: 10,
    KeyRequired: 32,
    RoleRequired: 32,
    NotPermitted: 32,
    UnknownCommand: 40,
    UserExists: 10090,
}
"""Codes that its errors have instead of the status."""


def as_ejabberd_reads(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return a body and its type as they are read: JSON is JSON for ejabberd whatever its type says, and an empty list no arguments.

    Args:
        body: as it came.
        content_type: header, with its parameters; may be empty.
    """
    stripped = body.strip()
    if stripped[:1] not in (b"{", b"["):
        return body, content_type
    if stripped[:1] == b"[" and not stripped[1:-1].strip() and stripped[-1:] == b"]":
        return b"", JSON
    return body, content_type if is_json(media_type(content_type)) else JSON


def lenient(command: Command, given: Given) -> Given:
    """Return arguments with what ejabberd puts up with put right.

    A list that is missing is empty, and one value stands for a list of it; a number may be written as text.

    Args:
        command: that they are for.
        given: as they came.

    Raises:
        ArgumentError: one is given by both of its names.
    """
    given = dict(by_present_names(command, given))
    changed = dict(given)
    for argument in command.arguments:
        name, kind = argument.name, argument.type
        if name not in given:
            if kind.is_list and argument.is_required:
                changed[name] = []
            continue
        value = given[name]
        if kind.is_list and not isinstance(value, list | dict | Texts):  # one object may be a list of pairs: ListOf.parse_json
            changed[name] = [value]
        elif isinstance(value, str) and _is_number(kind):
            changed[name] = Texts((value,))
    return changed


def _is_number(kind: ArgumentType[Any]) -> bool:
    return kind.name in ("integer", "number")


def result_of(command: Command, value: Any, version: int | None) -> Any:
    """Return a result as ejabberd has it.

    Args:
        command: whose it is.
        value: the result, as JSON has it.
        version: of the API that was asked for. In version 0 scalars have a name.
    """
    if value is None or isinstance(value, bool):
        return RESCODE_ERROR if value is False else RESCODE_OK
    if members := MEMBERS.get(command.name):
        return [{**dict.fromkeys(members), **record} for record in value]
    if isinstance(value, list):
        return {str(pair["name"]): pair["value"] for pair in value} if _are_pairs(value, command) else value
    name = command.specification.result
    return {name: value} if version == 0 and name and not isinstance(value, dict) else value


def _are_pairs(value: list[Any], command: Command) -> bool:
    """Return whether a list has names and values only, which are one object in ejabberd's JSON."""
    if not value:
        return _item_keys(command) == _PAIR
    return all(isinstance(item, dict) and item.keys() == _PAIR for item in value)


def _item_keys(command: Command) -> frozenset[str]:
    """Return the keys that the items of a command's result have, as far as it declares them."""
    schema = command.result.schema()
    items = schema.get("items", {})
    described = schema.get("$defs", {}).get(str(items.get("$ref", "")).rpartition("/")[2], items)
    return frozenset(described.get("properties", ()))


def failure(error: BaseException, document: Mapping[str, Any]) -> bytes:
    """Return the body of an error as ejabberd has it, with what the problem document says besides.

    Args:
        error: what was raised.
        document: the problem document (RFC 9457).
    """
    code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), document["status"])
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        code = CODES[UnknownCommand]
    more = {name: document[name] for name in ("argument", "reason", "request_id") if name in document}
    return write_json({"status": "error", "code": code, "message": document["detail"]} | more)
