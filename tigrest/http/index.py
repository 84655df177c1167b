"""The index of all handlers: ``GET /rest/``."""

from __future__ import annotations

from tigrest.formats.content import JSON, write_json
from tigrest.http.pages import render
from tigrest.http.replies import HTML, PAGE_HEADERS, HeaderList, Reply
from tigrest.scripting.listeners import Listener
from tigrest.scripting.table import Table
from tigrest.scripting.usage import Usage, samples, usages
from tigrest.version import __version__

PUBLIC_HEADERS: HeaderList = [(b"vary", b"Accept, Authorization")]
PRIVATE_HEADERS: HeaderList = [*PUBLIC_HEADERS, (b"cache-control", b"no-store")]
"""Headers of the index for an admin, who sees more than others."""


class Index:
    """Shows a table of handlers. Their usage is memoised for each table."""

    def __init__(self) -> None:
        self._table: Table | None = None
        self._folders: dict[str, list[Usage]] = {}

    def show(self, table: Table, html: bool, base: str, is_admin: bool) -> Reply:
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
        headers = PRIVATE_HEADERS if is_admin else PUBLIC_HEADERS
        if html:
            values = {"folders": self._folders, "listeners": listeners, "problems": problems, "problem_count": count}
            values["version"] = __version__ if is_admin else ""
            page = render("index.html", **values, base=base, samples=samples)
            return Reply(200, HTML, page, [*PAGE_HEADERS, *headers])
        shown: dict[str, object] = {"routes": [_entry(usage) for some in self._folders.values() for usage in some], "problem_count": count}
        if is_admin:
            shown |= {"version": __version__, "listeners": [*map(_listener, listeners)], "problems": problems}
        return Reply(200, JSON.encode(), write_json(shown), headers)


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
