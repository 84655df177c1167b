"""The index of all handlers: ``GET /rest/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tigrest.auth.principal import Principal
from tigrest.errors import LoginRequired
from tigrest.formats.content import JSON, write_json
from tigrest.http.accepted_format import format_of
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.pages import render
from tigrest.http.replies import PAGE_HEADERS, PAGE_TYPE, HeaderList, Reply
from tigrest.http.requests import base_url
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
"""Headers of the index for who has logged in, and sees more than others."""


class IndexLink(NamedTuple):
    """A page that the index points to, since it is about something else than handlers.

    Args:
        uri: its path.
        info: what it is, in a line.
        role: of those who may read it; ``None`` for everybody.
    """

    uri: str
    info: str
    role: Literal["admin"] | None = None


def index_mounts(table: Callable[[], Table], domain: str, links: Sequence[IndexLink] = ()) -> list[Mount]:
    """Return the mounts of the index, at ``/rest`` and ``/rest/``; ``/`` redirects there.

    Args:
        table: returns the table being served.
        domain: the XMPP domain, for lines to paste.
        links: further pages.
    """
    index = _Index(table, domain, links)
    shown = f"{ROOT}/"
    return [Mount("/", _redirect), *(Mount(path, index.answer, login="optional", uri=shown) for path in (ROOT, shown))]


async def _redirect(_: MountRequest) -> Reply:
    return Reply(307, b"", b"", [(b"location", f"{ROOT}/".encode())])


class _Index:
    """Shows the table being served. Usages are memoised for each table."""

    def __init__(self, served: Callable[[], Table], domain: str, links: Sequence[IndexLink]) -> None:
        self._served, self._domain, self._links = served, domain, links
        self._table: Table | None = None
        self._folders: dict[str, list[Usage]] = {}

    async def answer(self, request: MountRequest) -> Reply:
        """Show what is served. It needs no login, but admins see more.

        Raises:
            LoginRequired: the query asks for a login, and there is none.
        """
        if request.principal is None and request.scope["query_string"] == LOG_IN:
            raise LoginRequired("a login is needed: HTTP Basic with an XMPP address and its password")
        shown = self._shown_to(request.principal, base_url(request.scope))
        headers = PUBLIC_HEADERS if request.principal is None else PRIVATE_HEADERS
        if format_of(request.scope).html:
            return Reply(200, PAGE_TYPE, render("index.html", **shown, shown_schema=shown_schema), [*PAGE_HEADERS, *headers])
        return Reply(200, JSON.encode(), write_json(_document(shown)), headers)

    def _shown_to(self, reader: Principal | None, base: str) -> dict[str, Any]:
        """Return what is shown.

        Texts of load errors may hold secrets, the patterns of listeners tell what is heard, and the version what is known to be wrong
        with it: they are for admins. Others see how many scripts did not load.

        Args:
            reader: who has logged in; ``None`` for nobody.
            base: scheme and host that the reader used, for lines to paste.
        """
        table = self._served()
        if table is not self._table:
            folders: dict[str, list[Usage]] = {}
            for route in table.routes:
                folders.setdefault(route.folder, []).extend(usages(route))
            self._folders, self._table = folders, table
        is_admin = reader is not None and reader.is_admin
        name = str(reader.jid) if reader is not None and reader.jid is not None else ""

        def curl(usage: Usage) -> str | None:
            return usage.curl(base, self._domain, name if is_admin or usage.login != "admin" else "")

        return {
            "links": self._links,
            "folders": self._folders,
            "curl": curl,
            "samples": lambda title, value: samples(title, value, self._domain),
            "example": lambda usage: usage.example_at(self._domain),
            "is_admin": is_admin,
            "listeners": table.of(Listener) if is_admin else (),
            "schedules": table.of(Schedule) if is_admin else (),
            "problems": [table.shown(problem) for problem in table.problems] if is_admin else [],
            "problem_count": len(table.problems),
            "version": __version__ if is_admin else "",
        }


def _document(shown: Mapping[str, Any]) -> dict[str, object]:
    """Return what is shown as JSON."""
    usages_shown = [usage for some in shown["folders"].values() for usage in some]
    routes = [_entry(usage, shown["example"](usage), shown["curl"](usage)) for usage in usages_shown]
    links = [link._asdict() for link in shown["links"]]
    document: dict[str, object] = {"routes": routes, "links": links, "problem_count": shown["problem_count"]}
    if shown["is_admin"]:
        document |= {"version": shown["version"], "listeners": [*map(_listener, shown["listeners"])], "problems": shown["problems"]}
        document["schedules"] = [*map(_schedule, shown["schedules"])]
    return document


def _entry(usage: Usage, example: str | None, curl: str | None) -> dict[str, object]:
    schemas = {"schemas": usage.schemas} if usage.schemas else {}
    return {
        "method": usage.method,
        "uri": usage.uri,
        "example": example,
        "curl": curl,
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
