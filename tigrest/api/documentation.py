"""Documentation of the API for callers: the OpenAPI document, and Swagger UI to read and try it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from starlette.exceptions import HTTPException

from tigrest.api.finding import API
from tigrest.api.openapi.mount import OpenApi, openapi_mount
from tigrest.api.swagger import DOCS_PATH, swagger_mount
from tigrest.commands.pipeline import Pipeline
from tigrest.http.index import IndexLink
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import Reply
from tigrest.scripting.table import Table

Readers = Literal["admin", "public", "off"]
"""Readers of the documentation; ``off`` for nobody."""


def index_links(readers: Readers) -> list[IndexLink]:
    """Return what the index of handlers says of commands.

    Args:
        readers: who may read the documentation.
    """
    commands = IndexLink(f"{API}/commands", "The commands that you may run, with their arguments; each is called at /api/ and its name.")
    docs = IndexLink(DOCS_PATH, "Handlers and commands, to read and to try (Swagger UI).", "admin" if readers == "admin" else None)
    return [commands] if readers == "off" else [commands, docs]


def documentation_mounts(table: Callable[[], Table], pipeline: Pipeline, *, domain: str, readers: Readers) -> list[Mount]:
    """Return the mounts of the documentation.

    Args:
        table: returns the table of handlers being served.
        pipeline: tells which commands there are, and who may run them.
        domain: the XMPP domain.
        readers: who may read it.
    """
    if readers == "off":
        return [Mount(DOCS_PATH, _refuse, is_prefix=True)]  # a command of this name would need a login
    is_public = readers == "public"
    return [openapi_mount(OpenApi(table, pipeline, domain), is_public=is_public), swagger_mount(is_public=is_public)]


async def _refuse(request: MountRequest) -> Reply:
    raise HTTPException(404, "nothing is served here: the documentation is off ([api] docs)")
