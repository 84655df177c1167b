"""Serve the document, made once for each set of what is served and of commands that the caller may run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from tigrest.api.finding import API
from tigrest.api.openapi.document import make_document
from tigrest.auth.principal import Principal
from tigrest.commands.pipeline import Pipeline
from tigrest.formats.content import JSON, write_json
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import HeaderList, Reply
from tigrest.http.requests import header
from tigrest.scripting.commands import Command
from tigrest.scripting.table import Table

OPENAPI_PATH = f"{API}/openapi.json"

MAX_DOCUMENTS = 16
"""Documents kept: there is one for each set of commands that somebody may run, most often for nobody, users and admins."""


@dataclass(frozen=True)
class StoredDocument:
    """A document as it is sent.

    Args:
        body: JSON.
        etag: value of the header. RFC 9110 §8.8.3
    """

    body: bytes
    etag: bytes


class OpenApi:
    """The OpenAPI documents.

    Args:
        table: returns the table of handlers being served.
        pipeline: tells which commands there are, and who may run them.
        domain: the XMPP domain.
    """

    def __init__(self, table: Callable[[], Table], pipeline: Pipeline, domain: str) -> None:
        self._served, self._pipeline, self._domain = table, pipeline, domain
        self._table: Table | None = None
        self._number = -1
        self._documents: dict[tuple[str, ...], StoredDocument] = {}

    def document_for(self, principal: Principal) -> StoredDocument:
        """Return the document for a caller: all handlers, and the commands that he may run.

        Args:
            principal: the caller.
        """
        table, commands = self._served(), self._pipeline.commands
        if table is not self._table or commands.number != self._number:
            self._table, self._number = table, commands.number
            self._documents.clear()
        definitions = [self._definitions(principal, latest.name) for latest in commands.all()]
        key = tuple(command.title for versions in definitions for command in versions)
        document = self._documents.get(key)
        if document is None:
            if len(self._documents) >= MAX_DOCUMENTS:
                self._documents.pop(next(iter(self._documents)))
            body = write_json(make_document(table.routes, [versions for versions in definitions if versions], self._domain))
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
            document = self._documents[key] = StoredDocument(body, etag)
        return document

    def _definitions(self, principal: Principal, name: str) -> list[Command]:
        commands = self._pipeline.commands
        found = [commands.find(name, version) for version in commands.versions(name)]
        return [command for command in found if self._pipeline.may_call(principal, command)]

    async def answer(self, request: MountRequest) -> Reply:
        """Send the document of the caller, unless he has it already."""
        document = self.document_for(request.principal or Principal(None, via="open"))
        headers: HeaderList = [(b"etag", document.etag), (b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, Api-Key")]
        if is_current(header(request.scope, b"if-none-match"), document.etag.decode()):
            return Reply(304, b"", b"", headers)
        return Reply(200, JSON.encode(), document.body, headers)


def is_current(if_none_match: str, etag: str) -> bool:
    """Return whether a caller has what has a tag already. RFC 9110 §13.1.2

    Args:
        if_none_match: value of the header; empty for none.
        etag: of what would be sent.
    """
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def openapi_mount(openapi: OpenApi, *, is_public: bool) -> Mount:
    """Return the mount of the document.

    Args:
        openapi: makes it.
        is_public: whether it is for everybody; else for admins.
    """
    return Mount(OPENAPI_PATH, openapi.answer, login="optional" if is_public else "admin")
