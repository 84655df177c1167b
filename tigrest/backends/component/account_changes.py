"""Detection of changes of the server's accounts, so that cached logins are invalidated at once.

A server does not notify a component of changes of its accounts. What changes one through the gateway leaves as an iq of type set:
an ad-hoc command of an administrator (XEP-0133, or a server's own) or a user's own registration (XEP-0077). When in doubt an iq
counts as a change: a login invalidated without need costs one check.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.backends.backend import SERVICES
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import InvalidJID, StanzaTimeout, StanzaTooLarge, TigrestError
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, REGISTER
from tigrest.xmpp.saslprep import expect_settable
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

_COMMAND, _QUERY = f"{{{COMMANDS}}}command", f"{{{REGISTER}}}query"

_NAMESPACES = (REGISTER.encode(), COMMANDS.encode())
_SETS_PASSWORD = (f"{ADMIN_NODES}add-user", f"{ADMIN_NODES}change-user-password")
_HARMLESS = ("add-user", "user-stats", "pre-bind-bosh-session", "USER_STATUS", "ping")
"""Last parts of nodes that name accounts and change none that is there; so are those that begin with ``get-``."""

_LOCAL_PARTS = ("user", "username", "account", "accountjid", "accountjids", "jid", "localuser")
"""Fields whose value may be a local part alone."""

NOTHING_DONE = ("forbidden", "not-allowed", "not-authorized", "registration-required", "service-unavailable", "feature-not-implemented")
"""Conditions of errors after which nothing has changed. With others, part of the work may be done. RFC 6120 §8.3.3"""


@dataclass(frozen=True, kw_only=True)
class AccountChangeLimits:
    """Limits of what is waited for and remembered.

    Args:
        follow_seconds: timeout of the reply to a change, whatever timeout its caller has.
        followed: most replies that are waited for longer than their callers do; each is one of the pending requests of the link.
        unanswered: seconds between two notifications while there is no reply: the server may have made the change, and the reply
            be lost.
        sessions, accounts: most that are remembered of commands with several stages; the oldest are forgotten first.
    """

    follow_seconds: float = 60.0
    followed: int = 100
    unanswered: tuple[float, ...] = (0.2, 0.8, 3.0, 6.0, 20.0)
    sessions: int = 1000
    accounts: int = 50_000


@dataclass(frozen=True)
class Change:
    """Accounts that an iq may change.

    Args:
        accounts: bare addresses.
        is_entitled: whether its sender certainly may change them, so that the change counts even without a reply.
        is_command: whether it is a stage of a command; the next one may not name the accounts again.
    """

    accounts: frozenset[JID]
    is_entitled: bool
    is_command: bool = False


class AccountChanges:
    """Watches the iqs that are sent to the server, and notifies watchers of accounts that change.

    Args:
        jid: our own address, which has an administrator's rights.
        domain: the domain of the accounts.
        limits: of what is waited for and remembered.
    """

    def __init__(self, jid: JID, domain: JID, limits: AccountChangeLimits) -> None:
        self._jid, self._domain, self._limits = jid, domain, limits
        self.watchers: list[Callable[[JID], None]] = []
        """Called with each account that may have changed or been deleted."""
        self._sessions: OrderedDict[str, frozenset[JID]] = OrderedDict()
        self._remembered = 0
        self._tasks = TaskSet(logs=False)
        self._following = 0
        self._repeating: dict[frozenset[JID], asyncio.Task[Any]] = {}

    def of(self, stanza: Stanza) -> Change | None:
        """Return the change that a stanza may make; ``None`` for nearly all. A tree is built only where a namespace is named.

        Raises:
            InvalidValue: it sets a password that no server takes.
        """
        if stanza.kind != "iq" or stanza.type != "set" or not stanza.uses_namespace(*_NAMESPACES):
            return None
        to, sender = stanza.to, stanza.sender
        if to is not None and (to.domain != self._domain or (to.local and to.resource and to.local not in SERVICES)):
            return None  # another service, or a client
        return self._of(stanza.xml, to, sender or self._jid)

    async def ask(self, change: Change, request: Callable[[float], Coroutine[Any, Any, Stanza]], timeout: float) -> Stanza:
        """Send a change and wait for its reply; go on to wait for it when the caller does not any more.

        Args:
            change: from :meth:`of`.
            request: sends the iq and returns its reply; its argument is the timeout in seconds.
            timeout: of the caller, in seconds.

        Raises:
            TigrestError: as the request.
        """
        if self._following >= self._limits.followed:
            return await self._ask_directly(change, request(timeout))
        reply: asyncio.Task[Stanza] = self._keep(request(max(timeout, self._limits.follow_seconds)))
        followed = self._keep(self._follow(change, reply))
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(followed)  # so that the watchers are called before the caller goes on
        except TimeoutError:
            raise StanzaTimeout(f"the server did not answer within {timeout:g} s") from None
        return reply.result()

    def sent(self, change: Change) -> None:
        """Notify the watchers of a change that was sent and whose reply will not be seen."""
        if (earlier := self._repeating.get(change.accounts)) is not None:
            earlier.cancel()
        self._repeating[change.accounts] = self._keep(self._repeat(change))

    async def stop(self) -> None:
        """Cancel all that waits."""
        await self._tasks.stop()

    async def _ask_directly(self, change: Change, request: Coroutine[Any, Any, Stanza]) -> Stanza:
        """Send a change, and wait for its reply no longer than the caller does."""
        reply: Stanza | None = None
        try:
            reply = await request
        finally:
            if reply is not None:
                self._learn(change, reply)
            elif change.is_entitled:
                self.sent(change)
        return reply

    def _of(self, iq: ET.Element, to: JID | None, sender: JID) -> Change | None:
        is_ours = sender.bare == self._jid.bare
        accounts: set[JID] = set()
        is_command = is_own = False
        for element in iq.iter():  # a privileged iq has the real one inside (XEP-0356)
            if element.tag == _COMMAND:
                named = self._of_command(element, is_ours)
                is_command = is_command or named is not None
                accounts.update(named or ())
            elif element.tag == _QUERY:
                is_own = True
                accounts.update(self._of_registration(element, to, sender, is_ours))
        if not accounts and not is_command:
            return None
        return Change(frozenset(accounts), is_ours or (is_own and not is_command), is_command)

    def _of_command(self, command: ET.Element, is_ours: bool) -> frozenset[JID] | None:
        """Return the accounts that a command names, now or in an earlier stage; ``None`` when it changes none. XEP-0050 §3"""
        node = command.get("node", "")
        form = DataForm.find(command)
        if node in _SETS_PASSWORD and form is not None and form.value("password"):
            expect_settable(form.value("password"))
        name = node.rpartition("#")[2].rpartition("/")[2]
        if name in _HARMLESS or name.startswith("get-") or not (is_ours or node.startswith((ADMIN_NODES, "api-commands/"))):
            return None
        earlier = self._sessions.get(command.get("sessionid", ""), frozenset())
        return earlier | frozenset(self._named(form) if form is not None else ())

    def _named(self, form: DataForm) -> Iterator[JID]:
        """Yield the addresses of accounts in a form."""
        for field in form.fields:
            for value in field.values:
                for line in value.splitlines():
                    yield from self._account(line.strip(), field.var in _LOCAL_PARTS)

    def _account(self, text: str, may_be_local: bool) -> Iterator[JID]:
        if "@" not in text and not (may_be_local and text):
            return
        try:
            jid = JID(text if "@" in text else f"{text}@{self._domain}")
        except InvalidJID:
            return
        if jid.local and jid.domain == self._domain:
            yield jid.bare

    def _of_registration(self, query: ET.Element, to: JID | None, sender: JID, is_ours: bool) -> Iterator[JID]:
        """Yield the accounts that a registration changes: the sender's own. XEP-0077 §3.2, §3.3"""
        password = query.findtext(f"{{{REGISTER}}}password", "")
        if password:
            expect_settable(password)
        for jid in (sender, to):
            if jid is not None and jid.local and jid.domain == self._domain:
                yield jid.bare
        if is_ours:
            yield from self._account(query.findtext(f"{{{REGISTER}}}username", "").strip(), may_be_local=True)

    async def _follow(self, change: Change, reply: asyncio.Task[Stanza]) -> None:
        """Notify the watchers of a change when its reply comes, and repeatedly until then."""
        self._following += 1
        try:
            for pause in self._limits.unanswered:
                done, _ = await asyncio.wait({reply}, timeout=pause)
                if done:
                    break
                if change.is_entitled:
                    self._tell(change.accounts)
            await asyncio.wait({reply})
        finally:
            self._following -= 1
        if reply.cancelled() or isinstance(reply.exception(), StanzaTooLarge):
            return  # never sent
        self._learn(change, None if reply.exception() is not None else reply.result())

    def _learn(self, change: Change, reply: Stanza | None) -> None:
        error = reply.error if reply is not None else None
        if error is not None and (error.condition in NOTHING_DONE or not change.is_entitled):
            return
        if change.is_command and reply is not None and error is None:
            self._remember(reply, change.accounts)
        self._tell(change.accounts)

    def _remember(self, reply: Stanza, accounts: frozenset[JID]) -> None:
        """Remember the accounts of a command that has further stages."""
        payload = reply.payload
        if payload is None or not (sessionid := payload.get("sessionid", "")):
            return
        self._remembered -= len(self._sessions.pop(sessionid, ()))
        if payload.get("status") != "executing" or not accounts:
            return
        self._sessions[sessionid] = accounts
        self._remembered += len(accounts)
        while len(self._sessions) > self._limits.sessions or self._remembered > self._limits.accounts:
            self._remembered -= len(self._sessions.popitem(last=False)[1])

    async def _repeat(self, change: Change) -> None:
        """Notify the watchers of a change now and repeatedly, as the time at which the server makes it is unknown."""
        try:
            self._tell(change.accounts)
            for pause in self._limits.unanswered:
                await asyncio.sleep(pause)
                self._tell(change.accounts)
        finally:
            if self._repeating.get(change.accounts) is asyncio.current_task():
                del self._repeating[change.accounts]

    def _tell(self, accounts: frozenset[JID]) -> None:
        for account in accounts:
            for changed in self.watchers:
                changed(account)

    def _keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._tasks.start(work)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[Any]) -> None:
    """Log what a task raised, unless it is of a kind that is expected."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, TigrestError):
        log.error("a change of an account could not be followed", exc_info=error)
