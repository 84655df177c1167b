"""The index of everything served: ``GET /rest/``."""

from __future__ import annotations

from tigrest.content import JSON, write_json
from tigrest.http.pages import render
from tigrest.http.replies import HTML, PAGE_HEADERS, Reply
from tigrest.scripting.listeners import Listener
from tigrest.scripting.routing import Table
from tigrest.scripting.usage import Usage, samples, usages


class Index:
    """Shows a table; what it shows is worked out once for each table."""

    def __init__(self) -> None:
        self._table: Table | None = None
        self._folders: dict[str, list[Usage]] = {}

    def show(self, table: Table, html: bool, base: str) -> Reply:
        """Show what a table serves, as a page or as JSON.

        Args:
            table: what is served.
            html: whether to make a page.
            base: scheme and host that the caller used, for lines to paste.
        """
        if table is not self._table:
            folders: dict[str, list[Usage]] = {}
            for route in table.routes:
                folders.setdefault(route.folder, []).extend(usages(route))
            self._folders, self._table = folders, table
        problems = [table.shown(problem) for problem in table.problems]
        if html:
            page = render("index.html", folders=self._folders, listeners=table.listeners, problems=problems, base=base, samples=samples)
            return Reply(200, HTML, page, list(PAGE_HEADERS))
        routes = [_entry(usage) for some in self._folders.values() for usage in some]
        return Reply(
            200, JSON.encode(), write_json({"routes": routes, "listeners": [*map(_listener, table.listeners)], "problems": problems})
        )


def _entry(usage: Usage) -> dict[str, object]:
    return {
        "method": usage.method,
        "uri": usage.uri,
        "role": usage.role or None,
        "api_key": usage.api_key,
        "info": usage.info,
        "script": usage.script,
    }


def _listener(listener: Listener) -> dict[str, object]:
    return {
        "methods": listener.methods,
        "stanzas": listener.shown,
        "role": listener.role,
        "script": str(listener.relative),
    }
