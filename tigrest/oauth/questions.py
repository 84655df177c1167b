"""Ask a user on a page whether he grants something to a client: he logs in, then answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from tigrest.auth.client_store import Client
from tigrest.auth.sign_in_store import SignInStore
from tigrest.errors import LoginRequired
from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import client_address
from tigrest.oauth.browsers import Browser, form_is_old
from tigrest.oauth.owners import Owners
from tigrest.oauth.pages import page
from tigrest.oauth.parameters import Parameters
from tigrest.oauth.problems import OAuthError
from tigrest.oauth.scopes import Granted, in_words
from tigrest.observability.context import set_caller
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class ConsentQuestion:
    """Question to a user.

    Args:
        subject: all that matters of it, as one text: an answer counts for this question only.
        client: which asks.
        scope: what for, in its words.
        target: where the user goes afterwards, in words.
        form_targets: where the answer to the form may lead; see :func:`tigrest.oauth.pages.page`.
        user_code: of a device, which the user compares; empty for none.
        login_hint: who the client thinks that he is; empty for nobody.
    """

    subject: str
    client: Client
    scope: str
    target: str
    form_targets: str = ""
    user_code: str = ""
    login_hint: str = ""


@dataclass(frozen=True)
class ConsentAnswer:
    """Answer of a user.

    Args:
        owner: his bare address.
        granted: what he grants; nothing where there is nothing that he could.
        is_refused: whether he has said no.
    """

    owner: JID
    granted: Granted = field(default_factory=lambda: Granted("", frozenset()))
    is_refused: bool = False


class Questions:
    """Asks users. Whoever has logged in elsewhere, or here before, logs in again: a stranger's link grants nothing.

    Args:
        sign_ins: stores who has logged in.
        owners: is asked about users.
    """

    def __init__(self, sign_ins: SignInStore, owners: Owners) -> None:
        self._sign_ins, self._owners = sign_ins, owners

    def login_page(self, question: ConsentQuestion, browser: Browser, username: str = "", trouble: str = "") -> Reply:
        """Return the page on which a user logs in.

        Args:
            question: that he will be asked.
            browser: for which the page is.
            username: that he has typed before.
            trouble: why that does not do; empty for nothing.
        """
        shown = username or question.login_hint
        return page("login.html", browser, 403 if trouble else 200, question=question, username=shown, trouble=trouble)

    async def ask(self, request: MountRequest, question: ConsentQuestion, browser: Browser, form: Parameters) -> Reply | ConsentAnswer:
        """Go on with a form that a user has sent: that of the login, or that of the answer.

        Args:
            request: with which it came.
            question: that he is asked.
            browser: that has sent it; its form is checked.
            form: what it has sent.

        Returns:
            The next page, or what the user has answered.

        Raises:
            OAuthError: the form does not count.
            TooManyFailures, NotConnected: as :meth:`tigrest.auth.logins.Logins.sign_in`.
        """
        if "ticket" in form:
            return await self._answered(question, browser, form)
        username, password = form.get("username", ""), form.get("password", "")
        if not username or not password:
            return self.login_page(question, browser, username, "Enter your address and your password.")
        try:
            owner = await self._owners.sign_in(username, password, client_address(request.scope))
        except LoginRequired:
            return self.login_page(question, browser, username, "The login is not accepted.")
        set_caller(owner)
        granted = self._owners.grant(owner, question.scope, question.client.scope)
        if not granted.scopes:
            return ConsentAnswer(owner)
        ticket = await self._sign_ins.add(browser.secret, _subject(question, granted), owner)
        rights = in_words(granted.scopes)
        return page("consent.html", browser, 200, question.form_targets, question=question, owner=owner, rights=rights, ticket=ticket)

    async def _answered(self, question: ConsentQuestion, browser: Browser, form: Parameters) -> ConsentAnswer:
        decision, ticket = form.get("decision", ""), form["ticket"]
        if decision not in ("allow", "deny"):
            raise OAuthError("invalid_request", "decision is allow or deny")
        owner = await self._sign_ins.find(ticket, browser.secret)
        if owner is None:
            raise form_is_old()
        set_caller(owner)
        granted = self._owners.grant(owner, question.scope, question.client.scope)
        if not await self._sign_ins.take(ticket, browser.secret, _subject(question, granted)):
            raise form_is_old()
        return ConsentAnswer(owner, granted) if decision == "allow" else ConsentAnswer(owner, is_refused=True)


def _subject(question: ConsentQuestion, granted: Granted) -> str:
    """Return what a user was asked and shown."""
    return f"{question.subject}\n{granted.scope}"
