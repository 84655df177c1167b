"""HTML pages by the templates of this package: the index and errors."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tigrest.http"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render(page: str, **values: object) -> bytes:
    """Render a page.

    Args:
        page: name of its template, e.g. ``index.html``.
        values: what it shows.
    """
    return _environment().get_template(page).render(**values).encode("utf-8", "replace")
