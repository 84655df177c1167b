"""Mount commands at ``/api``: ``POST /api/<name>[/vN]``, and GET for those that only tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException

from tigrest.auth.principal import Principal
from tigrest.commands.arguments import Texts
from tigrest.commands.pipeline import CommandCall, Pipeline
from tigrest.errors import ArgumentError, UnsupportedContent
from tigrest.formats.content import JSON, URLENCODED, XML, write_json
from tigrest.formats.urlencoded import read_parameters
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import client_address, decode
from tigrest.observability.context import request_id
from tigrest.scripting.handler import METHODS
from tigrest.scripting.models import GATEWAY_PARAMETERS

API = "/api"


class _Optional(NamedTuple):
    """Requirements of a request whose caller may log in, and does not have to."""

    role: None = None
    api_key: bool = False

    def auth_required(self, api_key: str | None) -> bool:
        """Return that no login is required."""
        return False


def api_mount(pipeline: Pipeline) -> Mount:
    """Return the mount of the commands.

    Args:
        pipeline: runs them.
    """
    return Mount(API, _Api(pipeline).answer, METHODS, is_prefix=True)


class _Api:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def answer(self, request: MountRequest) -> Reply:
        """Run the command of a request."""
        principal = await request.admit(_Optional()) or Principal(None, via="open", address=client_address(request.scope))
        name, version = _target(request.rest)
        command = self._pipeline.commands.find(name, version)
        request.name_route(f"{API}/{command.name}")
        self._pipeline.admit(principal, command)
        allowed = command.methods
        if request.method not in (*allowed, "HEAD" if command.is_read else "POST"):
            raise HTTPException(405, f"{command.name} is called by {' or '.join(allowed)}", {"Allow": ", ".join(allowed)})
        given = _query(request) if request.method in ("GET", "HEAD") else await _body(request)
        call = CommandCall(command=command, given=given, principal=principal, frontend="http", request_id=request_id(), version=version)
        return Reply(200, b"application/json", write_json(await self._pipeline.run(call)))


def _target(rest: str) -> tuple[str, int | None]:
    """Return name and version of the path below ``/api``.

    Raises:
        HTTPException: it is no path of a command.
    """
    match = re.fullmatch(r"(?:v(\d{1,6})/)?([a-z][a-z0-9_]*)(?:/v(\d{1,6}))?", rest)
    if match is None:
        raise HTTPException(404, f"{API}/{rest[:80]} is not the path of a command: write {API}/<name> or {API}/<name>/v2")
    version = match[3] or match[1]
    return match[2], None if version is None else int(version)


def _query(request: MountRequest) -> Mapping[str, Texts]:
    given: dict[str, Texts] = {}
    for name, value in read_parameters(request.scope["query_string"]):
        if name not in GATEWAY_PARAMETERS:
            given[name] = Texts((*given.get(name, ()), value))
    return given


async def _body(request: MountRequest) -> Mapping[str, Any]:
    body = await request.body()
    if not body.strip():
        return {}
    _, content = decode(request.content_type or JSON, body)
    if content is None:
        raise UnsupportedContent("the body is neither JSON nor XML nor a form", (JSON, XML, URLENCODED))
    if not isinstance(content, dict):
        raise ArgumentError("", "type", "the body is not an object of arguments by name")
    return content
