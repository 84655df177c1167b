"""The index of all handlers: ``GET /rest/``."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope

from tigrest.errors import LoginRequired
from tigrest.formats.content import JSON, write_json
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.pages import render
from tigrest.http.replies import HTML, PAGE_HEADERS, HeaderList, Reply
from tigrest.http.requests import header
from tigrest.scripting.listeners import Listener
from tigrest.scripting.parts import ROOT
from tigrest.scripting.schedules import Schedule
from tigrest.scripting.table import Table
from tigrest.scripting.usage import Usage, samples, shown_schema, usages
from tigrest.version import __version__

LOG_IN = b"login"
"""Query that asks for a login, for browsers."""

PUBLIC_HEADERS: HeaderList = [(b"vary", b"Accept, Authorization")]
PRIVATE_HEADERS: HeaderList = [*PUBLIC_HEADERS, (b"cache-control", b"no-store")]
"""Headers of the index for an admin, who sees more than others."""


def index_mounts(table: Callable[[], Table]) -> list[Mount]:
    """Return the mounts of the index, at ``/rest`` and ``/rest/``; ``/`` redirects there.

    Args:
        table: returns the table being served.
    """
    index = _Index(table)
    shown = f"{ROOT}/"
    return [Mount("/", _redirect), *(Mount(path, index.answer, login="optional", uri=shown) for path in (ROOT, shown))]


async def _redirect(_: MountRequest) -> Reply:
    return Reply(307, b"", b"", [(b"location", f"{ROOT}/".encode())])


class _Index:
    """Shows the table being served. Usages are memoised for each table."""

    def __init__(self, served: Callable[[], Table]) -> None:
        self._served = served
        self._table: Table | None = None
        self._folders: dict[str, list[Usage]] = {}

    async def answer(self, request: MountRequest) -> Reply:
        """Show what is served. It needs no login, but admins see more.

        Raises:
            LoginRequired: the query asks for a login, and there is none.
        """
        if request.principal is None and request.scope["query_string"] == LOG_IN:
            raise LoginRequired("a login is needed: HTTP Basic with an XMPP address and its password")
        is_admin = request.principal is not None and request.principal.is_admin
        html = "text/html" in header(request.scope, b"accept")
        return self._show(self._served(), html=html, base=_base_url(request.scope), is_admin=is_admin)

    def _show(self, table: Table, html: bool, base: str, is_admin: bool) -> Reply:
        """Show what a table serves, as a page or as JSON.

        Texts of load errors may hold secrets, the patterns of listeners tell what is heard, and the version what is known to be wrong
        with it: they are for admins. Others see how many scripts did not load.

        Args:
            table: what is served.
            html: whether to make a page.
            base: scheme and host that the caller used, for lines to paste.
            is_admin: whether the caller has logged in as an admin.
        """
        if table is not self._table:
            folders: dict[str, list[Usage]] = {}
            for route in table.routes:
                folders.setdefault(route.folder, []).extend(usages(route))
            self._folders, self._table = folders, table
        count = len(table.problems)
        problems = [table.shown(problem) for problem in table.problems] if is_admin else []
        listeners = table.of(Listener) if is_admin else ()
        schedules = table.of(Schedule) if is_admin else ()
        headers = PRIVATE_HEADERS if is_admin else PUBLIC_HEADERS
        if html:
            values = {
                "folders": self._folders,
                "listeners": listeners,
                "schedules": schedules,
                "problems": problems,
                "problem_count": count,
            }
            values["version"] = __version__ if is_admin else ""
            page = render("index.html", **values, base=base, samples=samples, shown_schema=shown_schema)
            return Reply(200, HTML, page, [*PAGE_HEADERS, *headers])
        shown: dict[str, object] = {"routes": [_entry(usage) for some in self._folders.values() for usage in some], "problem_count": count}
        if is_admin:
            shown |= {"version": __version__, "listeners": [*map(_listener, listeners)], "problems": problems}
            shown["schedules"] = [*map(_schedule, schedules)]
        return Reply(200, JSON.encode(), write_json(shown), headers)


def _base_url(scope: Scope) -> str:
    """Return scheme and host that the caller used, for curl lines to paste."""
    return f"{scope.get('scheme', 'http')}://{header(scope, b'host') or 'localhost'}"


def _entry(usage: Usage) -> dict[str, object]:
    schemas = {"schemas": usage.schemas} if usage.schemas else {}
    return {
        "method": usage.method,
        "uri": usage.uri,
        "role": usage.role or None,
        "api_key": usage.api_key,
        "info": usage.info,
        "script": usage.script,
        **schemas,
    }


def _listener(listener: Listener) -> dict[str, object]:
    return {
        "methods": listener.methods,
        "stanzas": listener.shown,
        "role": listener.role,
        "script": str(listener.relative),
    }


def _schedule(schedule: Schedule) -> dict[str, object]:
    return {
        "methods": schedule.methods,
        "schedule": schedule.shown,
        "next_run": schedule.due.isoformat(timespec="seconds") if schedule.due else None,
        "script": str(schedule.relative),
    }
