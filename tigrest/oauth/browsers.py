"""Browsers that have opened a page: forms count only from the browser that got them.

Three things keep pages of others from sending our forms: the check of ``Origin`` that all unsafe requests pass
(:mod:`tigrest.http.cross_site`), ``SameSite``, and a value in the form that only the page of this browser has.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from tigrest.http.mounts import MountRequest
from tigrest.http.replies import HeaderList
from tigrest.oauth.parameters import Parameters
from tigrest.oauth.problems import OAuthError

COOKIE_SECONDS = 3600
"""Lifetime of the cookie: a page that is older has to be opened again."""

_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Browser:
    """A browser, by its cookie.

    Args:
        secret: value of the cookie.
        is_secure: whether it has come by HTTPS.
        is_new: whether it had no cookie.
    """

    secret: str
    is_secure: bool
    is_new: bool

    @property
    def form_value(self) -> str:
        """Return what forms for it have in the field ``csrf``."""
        return hmac.new(self.secret.encode(), b"tigrest form", hashlib.sha256).hexdigest()

    @property
    def headers(self) -> HeaderList:
        """Return the header that sets, or keeps, the cookie.

        ``Lax``, so that a second page, to which a client sends the user, finds the cookie of the first and does not replace it.
        RFC 6265bis §4.1.3
        """
        secure = "; Secure" if self.is_secure else ""
        cookie = f"{_name(self.is_secure)}={self.secret}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
        return [(b"set-cookie", cookie.encode())]

    def check(self, form: Parameters) -> None:
        """Refuse a form that another browser got, or none.

        Raises:
            OAuthError: it is so.
        """
        if self.is_new or not hmac.compare_digest(form.get("csrf", "").encode(), self.form_value.encode()):
            raise form_is_old()


def browser_of(request: MountRequest) -> Browser:
    """Return the browser that sends a request."""
    is_secure = request.scope.get("scheme") == "https"
    secret = request.cookies.get(_name(is_secure), "")
    if _VALUE.fullmatch(secret):
        return Browser(secret, is_secure, is_new=False)
    return Browser(secrets.token_urlsafe(32), is_secure, is_new=True)


def form_is_old() -> OAuthError:
    """Return the error for a form that does not count any more."""
    cure = "go back to the program that has sent you here and begin again; the browser has to accept cookies"
    return OAuthError("invalid_request", f"the form is too old, was sent already, or is not of this browser: {cure}")


def _name(is_secure: bool) -> str:
    """Return the name of the cookie: with the prefix no other host can set it. RFC 6265bis §4.1.3.2"""
    return "__Host-tigrest-login" if is_secure else "tigrest-login"
