"""Pages of the authorisation server: log in, consent, type the code of a device. They need no scripts."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.types import Scope

from tigrest.http.accepted_format import AcceptedFormat
from tigrest.http.replies import PAGE_TYPE, HeaderList, Reply, problem_members, problem_reply
from tigrest.oauth.browsers import Browser
from tigrest.oauth.problems import NO_STORE


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tigrest.oauth"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _style() -> str:
    return _environment().get_template("page.css").render()


@cache
def _style_source() -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode() + "'"


def page(template: str, browser: Browser, status: int = 200, form_targets: str = "", **values: object) -> Reply:
    """Return a page with a form.

    Args:
        template: its name, e.g. ``login.html``.
        browser: for which it is.
        status: of HTTP.
        form_targets: where the answer to the form may lead, as sources of a Content Security Policy, besides our own.
        values: what the template shows.
    """
    body = _environment().get_template(template).render(style=_style(), csrf=browser.form_value, **values)
    return Reply(status, PAGE_TYPE, body.encode("utf-8", "replace"), [*page_headers(form_targets), *browser.headers])


def page_headers(form_targets: str = "") -> HeaderList:
    """Return the headers of a page: nothing is loaded into it, and it is in no frame.

    The referrer is for our own pages only. With ``no-referrer`` browsers would send ``Origin: null`` with the form, by which it could not
    be told from that of a stranger's page (Fetch standard, "append a request `Origin` header").

    Args:
        form_targets: as for :func:`page`. Chromium applies ``form-action`` to the redirections that answer a form, too.
    """
    actions = f"'self' {form_targets}".strip()
    policy = f"default-src 'none'; style-src {_style_source()}; base-uri 'none'; form-action {actions}; frame-ancestors 'none'"
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        *NO_STORE,
    ]


def redirection(location: str) -> Reply:
    """Send a browser to a client, which does not learn the URL of the page. RFC 9700 §4.2.4, §4.12"""
    return Reply(303, b"", b"", [(b"location", location.encode("ascii")), (b"referrer-policy", b"no-referrer"), *NO_STORE])


def page_failure(error: BaseException, scope: Scope) -> Reply:
    """Return the page for an error."""
    reply = problem_reply(error, problem_members(error), AcceptedFormat(html=True))
    reply.headers.extend([*NO_STORE, (b"x-frame-options", b"DENY"), (b"referrer-policy", b"same-origin")])
    return reply
