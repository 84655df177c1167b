"""What tells callers which API there is: the OpenAPI document, and Swagger UI to read and try it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tigrest.api.openapi.mount import OpenApi, openapi_mount
from tigrest.api.swagger import swagger_mount
from tigrest.commands.pipeline import Pipeline
from tigrest.http.mounts import Mount
from tigrest.scripting.table import Table


def documentation_mounts(
    table: Callable[[], Table], pipeline: Pipeline, *, domain: str, readers: Literal["admin", "public", "off"]
) -> list[Mount]:
    """Return the mounts of the documentation.

    Args:
        table: returns the table of handlers being served.
        pipeline: tells which commands there are, and who may run them.
        domain: the XMPP domain.
        readers: who may read it: ``off`` for nobody.
    """
    if readers == "off":
        return []
    is_public = readers == "public"
    return [openapi_mount(OpenApi(table, pipeline, domain), is_public=is_public), swagger_mount(is_public=is_public)]
