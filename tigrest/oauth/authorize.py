"""The authorisation endpoint: a user logs in, grants what a client asks for, and is sent back to it with a code. RFC 6749 §3.1"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from tigrest.auth.client_store import ClientStore
from tigrest.auth.code_store import CodeGrant, CodeStore
from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.oauth.authorization import AuthorizationRefused, AuthorizationRequest, read_authorization
from tigrest.oauth.browsers import Browser, browser_of
from tigrest.oauth.pages import page, redirection
from tigrest.oauth.parameters import parameters_of
from tigrest.oauth.questions import ConsentAnswer, ConsentQuestion, Questions
from tigrest.oauth.redirects import shown_target

log = logging.getLogger(__name__)


class AuthorizationEndpoint:
    """Asks users for clients, and gives these codes.

    What a client asks for stands in the query of the page, and of its forms, which have no ``action``: it is read anew each time.

    Args:
        clients: where they are.
        codes: stores what is granted.
        questions: asks users.
    """

    def __init__(self, clients: ClientStore, codes: CodeStore, questions: Questions) -> None:
        self._clients, self._codes, self._questions = clients, codes, questions

    async def answer(self, request: MountRequest) -> Reply:
        """Show the login, or go on with a form.

        Raises:
            OAuthError: it is not known which client asks, or where the user would be sent; or the form does not count.
            TooManyFailures, NotConnected: as :meth:`tigrest.auth.logins.Logins.sign_in`.
        """
        try:
            asked = await read_authorization(request.scope, self._clients)
        except AuthorizationRefused as error:
            return _refusal(error.request, browser_of(request), error.code, error.detail, 400)
        browser, question = browser_of(request), _question(asked)
        if request.method != "POST":
            return self._questions.login_page(question, browser)
        form = await parameters_of(request)
        browser.check(form)
        step = await self._questions.ask(request, question, browser, form)
        return step if isinstance(step, Reply) else await self._answered(asked, step, browser)

    async def _answered(self, asked: AuthorizationRequest, answer: ConsentAnswer, browser: Browser) -> Reply:
        """Send a user back, with a code for what he has granted."""
        if answer.is_refused:
            return _refusal(asked, browser, "access_denied", "the user has refused", 200)
        if not answer.granted.scopes:
            reason = "nothing of that scope is known here, and this user's to grant"
            return _refusal(asked, browser, "invalid_scope", reason, 403)
        grant = CodeGrant(asked.client.id, answer.owner, answer.granted.scope, asked.redirect_uri, asked.challenge)
        log.info("%s grants %s to %s", answer.owner, answer.granted.scope, asked.client.name or asked.client.id)
        return redirection(asked.back(code=await self._codes.add(grant)))


def _refusal(asked: AuthorizationRequest, browser: Browser, code: str, description: str, status: int) -> Reply:
    """Tell a client that it gets no code: by a redirection where an administrator has made it, else by a link on a page.

    Anybody may have registered another one: a redirection would lead users from our host to his page, whether they allow it or not.
    RFC 9700 §4.11.2

    Args:
        asked: what it has asked for.
        browser: of the user.
        code: of the error.
        description: what is wrong, for people.
        status: of HTTP, of the page.
    """
    location = asked.back(error=code, error_description=description)
    if asked.client.by_admin:
        return redirection(location)
    client, target = asked.client.name or asked.client.id, shown_target(asked.target)
    return page("back.html", browser, status, client=client, reason=description, location=location, target=target)


def _question(asked: AuthorizationRequest) -> ConsentQuestion:
    """Return what a user is asked. The answer to the form leads to the client, which may send him on to another host of its own."""
    scheme = urlsplit(asked.target).scheme
    return ConsentQuestion(
        subject="\n".join([asked.client.id, asked.target, asked.scope, asked.state, asked.challenge, asked.issuer]),
        client=asked.client,
        scope=asked.scope,
        target=shown_target(asked.target),
        form_targets="https:" if scheme == "https" else f"https: {scheme}:",
        login_hint=asked.login_hint,
    )
