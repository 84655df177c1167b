"""Commands over HTTP: ``POST /api/<name>[/vN]``, and GET for those that only tell.

path → command → login (401) → role (403) → method (405) → arguments (400, 415, 422) → the pipeline → result. Nobody is told of arguments
before it is known that he may call the command.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope

from tigrest.api import compat
from tigrest.api.bodies import COMPAT, Given, body_arguments, query_arguments
from tigrest.api.finding import API, Addressed, ApiPlace, CommandFinder, VersionedFinder
from tigrest.api.paths import could_be_command, read_path, versioned_root
from tigrest.auth.permission_entries import Attempt
from tigrest.auth.principal import Principal
from tigrest.commands.arguments import Texts
from tigrest.commands.pipeline import CommandCall, Pipeline
from tigrest.errors import ArgumentError, ConfigError, InvalidValue, LoginRequired, UnknownCommand
from tigrest.formats.content import JSON, XML, write_json, write_xml
from tigrest.formats.urlencoded import read_parameters
from tigrest.http.accepted_format import AcceptedFormat, format_of
from tigrest.http.cross_site import SAFE_METHODS
from tigrest.http.handler_permissions import anonymous
from tigrest.http.idempotency import IDEMPOTENCY_KEY, Idempotency, KeyedRequest
from tigrest.http.mounts import AnyResponse, Mount, MountRequest
from tigrest.http.replies import XML_HEADERS, HeaderList, Reply, error_headers, problem_members, problem_reply
from tigrest.http.requests import client_address, has_body, read_body
from tigrest.observability.context import set_route
from tigrest.scripting.argument_types import SHOWN
from tigrest.scripting.commands import Command
from tigrest.scripting.handler import METHODS
from tigrest.scripting.parts import ROOT
from tigrest.scripting.uris import owner_of
from tigrest.spelling import nearest

_JSON, _XML = JSON.encode(), XML.encode()
_JSON_ACCEPTED = AcceptedFormat("json")
_NO_STORE: HeaderList = [(b"cache-control", b"no-store")]
"""Results may be secrets, and depend on who asks, from where and when. RFC 9111 §5.2.2.5"""
_XML_NO_STORE = [*XML_HEADERS, *_NO_STORE]


class _Login(NamedTuple):
    """Requirements on the caller of a command: none. What he needs is for the pipeline to say."""

    role: None = None
    api_key: bool = False

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it demands a login."""
        return False


_OPTIONAL = _Login()
_STRANGER = Principal(None, via="open")
_UNTOLD = ("GET", "POST")
"""Methods that strangers are told of at all names that are no commands of theirs."""


def api_mounts(pipeline: Pipeline, idempotency: Idempotency, places: Iterable[ApiPlace] = (), docs: str = "") -> list[Mount]:
    """Return the mounts of the commands: ``/api``, ``/v1/api`` and the like, and further ones.

    Args:
        pipeline: runs commands.
        idempotency: answers requests that have an ``Idempotency-Key``.
        places: the further ones; one at ``/api`` says which version counts there.
        docs: path of the page about commands, which browsers are sent to that ask for ``/api`` itself; empty for none.

    Raises:
        ConfigError: a path is taken.
    """
    by_path = {API: ApiPlace(API)} | {place.path: place for place in places}
    if taken := [path for path in by_path if owner_of(path) not in (None, API) or f"{path}/".startswith(f"{ROOT}/")]:
        raise ConfigError(f"api.mounts: {taken[0]} is served by the gateway itself; choose another path")
    mounts: list[Mount] = []
    for path, place in by_path.items():
        api = _Api(pipeline, idempotency, place, CommandFinder(pipeline.commands, place))
        mounts += [_mount(api, path, f"{path}/*"), *_root_mounts(api, path, docs)]
    anywhere = ApiPlace("")
    versioned = _Api(pipeline, idempotency, anywhere, VersionedFinder(pipeline.commands, anywhere))
    return [*mounts, _mount(versioned, "", f"/v*{API}/*", has=lambda path: versioned_root(path) is not None)]


def _mount(api: _Api, path: str, uri: str, **options: Any) -> Mount:
    return Mount(path, api.answer, METHODS, is_prefix=True, allow=api.allow, failure=api.failure, uri=uri, timeout=math.inf, **options)


def _root_mounts(api: _Api, path: str, docs: str) -> list[Mount]:
    """Return the mounts of a place itself: browsers are sent to the page about commands, others are told that there is nothing."""

    async def answer(request: MountRequest) -> AnyResponse:
        if docs and request.scope["method"] in SAFE_METHODS and format_of(request.scope, "json").html:
            return Reply(307, b"", b"", [(b"location", docs.encode()), (b"vary", b"Accept")])
        return await api.answer(request)

    return [Mount(each, answer, METHODS, allow=api.allow, failure=api.failure, uri=path) for each in (path, f"{path}/")]


class _Api:
    """The commands at one place."""

    def __init__(self, pipeline: Pipeline, idempotency: Idempotency, place: ApiPlace, finder: CommandFinder) -> None:
        self._pipeline, self._idempotency, self._place, self._finder = pipeline, idempotency, place, finder

    async def answer(self, request: MountRequest) -> AnyResponse:
        """Run the command of a request.

        Raises:
            HTTPException: nothing is served at the path, or not with this method.
            UnknownCommand: there is no such command.
            InvalidValue: the parameter ``compat`` names nothing.
            Exception: as :meth:`tigrest.commands.pipeline.Pipeline.run`.
        """
        scope = request.scope
        method, query = scope["method"], scope["query_string"]
        ways = self._ways(query) if query else self._place.compat
        addressed = self._finder.known(scope["path"]) or await self._look_up(request)
        command = addressed.command
        set_route(addressed.uri)
        principal = await _principal(request)
        if not self._pipeline.is_admitted(principal, command):
            self._pipeline.admit(Attempt(principal, command, "http", scope["path"]))
        if ("GET" if method == "HEAD" else method) not in addressed.methods:
            raise _wrong_method(command, addressed.methods)
        if IDEMPOTENCY_KEY in request.fields and not command.is_read:
            return await self._run_once(request, addressed, principal, ways)
        return await self._run(request, addressed, principal, ways)

    async def _run_once(self, request: MountRequest, addressed: Addressed, principal: Principal, ways: str) -> AnyResponse:
        """Run a command for a request with an ``Idempotency-Key``, or return the answer that an earlier one got."""
        scope = request.scope

        def run(receive: Receive) -> Awaitable[AnyResponse]:
            request.read_from(receive)
            return self._run(request, addressed, principal, ways)

        is_secret = addressed.command.specification.secret_result
        keyed = KeyedRequest(scope, request.receive, request.fields, principal, is_secret)
        return await self._idempotency.answer(keyed, run, lambda error: self.failure(error, scope))

    async def _run(self, request: MountRequest, addressed: Addressed, principal: Principal, ways: str) -> Reply:
        """Run the command of an admitted caller, and return its result as an answer."""
        scope, command, query = request.scope, addressed.command, request.scope["query_string"]
        is_query = scope["method"] in SAFE_METHODS
        given = query_arguments(command, query) if is_query else await self._read_body(request, command, ways)
        call = CommandCall(
            command=command,
            given=_merged(addressed.in_path, compat.lenient(command, given) if ways else given),
            principal=principal,
            frontend="http",
            path=scope["path"],
            version=addressed.version,
            answer_instead=request.answer_instead,
        )
        result = await self._pipeline.run_admitted(call)
        if ways:
            return Reply(200, _JSON, write_json(compat.result_of(command, result, addressed.version)), _NO_STORE)
        return _reply(result, _format(request.fields, query))

    def allow(self, path: str) -> Iterable[str]:
        """Return the methods that a whole path has, for OPTIONS; none where nothing is served.

        OPTIONS comes without a login, so what is not for everybody has the same as a name of no command.
        """
        for method in METHODS:
            try:
                addressed = self._finder.find(method, path)
            except (UnknownCommand, HTTPException):
                continue
            if addressed is None:
                named = read_path(self._finder.split(path)[0])
                return _UNTOLD if named is not None and could_be_command(named.name) else ()
            is_told = bool(addressed.in_path) or self._pipeline.may_call(_STRANGER, addressed.command)
            return addressed.methods if is_told else _UNTOLD
        return ()

    def failure(self, error: BaseException, scope: Scope) -> Reply:
        """Return the answer for an error: a problem document, with the members that ejabberd's errors have."""
        document = problem_members(error)
        try:
            ways = self._ways(scope["query_string"])
        except ValueError:
            ways = ""
        if ways:
            return Reply(document["status"], b"application/json", compat.failure(error, document), error_headers(error))
        accepted = format_of(scope, "json")
        return problem_reply(error, document | {"code": document["status"], "message": document["detail"]}, accepted)

    def _ways(self, query: bytes) -> str:
        """Return whose ways a caller wants: those of the place, unless the query says so.

        Raises:
            InvalidValue: it names nobody's.
            MalformedContent: it cannot be read.
        """
        if COMPAT.encode() not in query:
            return self._place.compat
        wanted = [value for name, value in read_parameters(query) if name == COMPAT]
        if unknown := [value for value in wanted if value != compat.EJABBERD]:
            raise InvalidValue(f"compat is {unknown[0][:40]!r}; there is {compat.EJABBERD}")
        return wanted[0] if wanted else self._place.compat

    async def _look_up(self, request: MountRequest) -> Addressed:
        """Find the command that a request is for.

        Raises:
            UnknownCommand: there is none; it names no command that the caller may not call.
            HTTPException: nothing is served at the path (404), or not with this method (405).
        """
        try:
            addressed = self._finder.find(request.scope["method"], request.scope["path"])
        except UnknownCommand:  # not yet in this version: only those learn of it who may call the others
            await self._admit_to_latest(request)
            raise
        if addressed is None:
            raise await self._unknown(request)
        return addressed

    async def _admit_to_latest(self, request: MountRequest) -> None:
        """Check that the caller may call the command of a path in its latest version.

        Raises:
            LoginRequired, RoleRequired: he may not.
        """
        path = request.scope["path"]
        named = read_path(self._finder.split(path)[0])
        assert named is not None
        command = self._finder.commands.find(named.name)
        self._pipeline.admit(Attempt(await _principal(request), command, "http", path))

    async def _unknown(self, request: MountRequest) -> UnknownCommand | LoginRequired:
        """Return an error that names no command which the caller may not call.

        Who has not logged in is told the same as of a command that is not for everybody: he does not learn which there are.
        """
        named = read_path(self._finder.split(request.scope["path"])[0])
        name = "" if named is None else named.name
        principal = await _principal(request)
        if principal.jid is None and could_be_command(name):
            return LoginRequired(f"{name[:SHOWN]} needs a login")
        known = [command.name for command in self._finder.commands.all() if self._pipeline.may_call(principal, command)]
        return UnknownCommand(name, nearest(name[:SHOWN], known))

    async def _read_body(self, request: MountRequest, command: Command, ways: str) -> Given:
        """Read the arguments in a body.

        Raises:
            BodyTimeout: it did not arrive in time: the server waits for it no longer than that.
            ArgumentError, MalformedContent, UnsupportedContent: as :func:`body_arguments`.
        """
        fields = request.fields
        if not has_body(fields):
            return {}
        body, content_type = await read_body(request.receive), fields.get(b"content-type", b"").decode("latin-1")
        if ways:
            body, content_type = compat.as_ejabberd_reads(body, content_type)
        return body_arguments(command, content_type, body)


async def _principal(request: MountRequest) -> Principal:
    """Authenticate the caller, who may log in and does not have to: what he needs is for the pipeline to say.

    Raises:
        LoginRequired, KeyRequired, TooManyFailures, NotConnected: as :meth:`tigrest.http.mounts.MountRequest.admit`.
    """
    fields = request.fields
    if b"authorization" in fields or b"api-key" in fields or b"api-key" in request.scope["query_string"]:
        return await request.admit(_OPTIONAL) or anonymous(fields, client_address(request.scope))
    return anonymous(fields, client_address(request.scope))


def _format(fields: Mapping[bytes, bytes], query: bytes) -> AcceptedFormat:
    """Return the format that the caller accepts, as :func:`tigrest.http.accepted_format.format_of` does, JSON where he does not say."""
    content_type, accept = fields.get(b"content-type", b""), fields.get(b"accept", b"")
    if not query and accept in (b"", b"*/*") and content_type in (b"", _JSON):
        return _JSON_ACCEPTED
    return format_of({"query_string": query, "headers": [(b"content-type", content_type), (b"accept", accept)]}, "json")


def _reply(result: Any, accepted: AcceptedFormat) -> Reply:
    """Return the result of a command as an answer."""
    if accepted.encoding == "json":
        return Reply(200, _JSON, write_json(result), _NO_STORE)
    return Reply(200, _XML, write_xml(result), _XML_NO_STORE)


def _wrong_method(command: Command, methods: tuple[str, ...]) -> HTTPException:
    reason = ""
    if methods == ("POST",):
        reason = ": it takes a secret, which addresses are no place for" if command.is_read else ": it changes something"
    return HTTPException(405, f"{command.name} is called by {' or '.join(methods)}{reason}", {"Allow": ", ".join(methods)})


def _merged(in_path: Mapping[str, str], given: Given) -> Given:
    """Return the arguments in the path and all others.

    Raises:
        ArgumentError: one is in both.
    """
    if not in_path:
        return given
    if doubled := in_path.keys() & given.keys():
        name = min(doubled)
        raise ArgumentError(name, "doubled", f"argument {name!r} is in the path already; leave it out")
    return {**given, **{name: Texts((value,)) for name, value in in_path.items()}}
