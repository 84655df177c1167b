"""The stages of an ad-hoc command, from the first request to its end or to a form that somebody has to fill in. XEP-0050"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from itertools import islice
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.backends.open_stages import OpenStages, StageKey
from tigrest.errors import InvalidValue, ServerFailed, StanzaError, StanzaTimeout, TigrestError
from tigrest.xmpp.commands import MARKER, STAGE_ACTIONS, CommandReply
from tigrest.xmpp.form_filling import LISTED_NAMES, Values, fill, quoted, submission
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.namespaces import COMMANDS
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)

REFUSES_EARLY_FORM = ("feature-not-implemented", "service-unavailable")
"""Conditions by which servers refuse a form in the first request (ejabberd does for commands without a form)."""

_COMMAND = f"{{{COMMANDS}}}command"


class Requests(Protocol):
    """Sends iqs and returns their replies, on an event loop."""

    loop: asyncio.AbstractEventLoop

    async def request(self, iq: Stanza, timeout: float = ...) -> Stanza:
        """Send an iq and wait for its reply."""


class CommandRun:
    """One call that executes a command, or goes on with it.

    Args:
        requests: sends the iqs.
        stages: remembers stages that are given back to callers.
        key: caller, responder and command; with the id of the session to go on with.
        given: values by name.
        timeout: seconds for all stages together.
        ignores_unknown: whether values that no stage asks for are left out; else they are refused.
    """

    def __init__(
        self,
        requests: Requests,
        stages: OpenStages,
        key: StageKey,
        given: Values,
        *,
        timeout: float,
        ignores_unknown: bool,
    ) -> None:
        self._requests, self._stages, self._key, self._given = requests, stages, key, given
        self._timeout, self._deadline = timeout, requests.loop.time() + timeout
        self._ignores_unknown = ignores_unknown
        self._asked: set[str] = set()
        """Given names of which a stage so far has a field."""
        self._known: list[str] = []
        """Names of the first fields that ask for something, for people."""
        self._passed: list[bytes] = []
        """Stages that were filled in, that the caller has not seen, and that say something."""
        self._is_ours = False
        """True once this call has opened a session that it has to cancel when it fails."""
        self._wants_end = False
        """True to pass stages that ask for nothing, instead of returning them to the caller."""
        self._reply = self._nothing = CommandReply(key.to, key.node)
        """The latest reply. None is kept while the next one is waited for: parsed it is large, and many calls may wait."""
        self._stage = b""
        """The stanza of the latest reply, if that waits for a further request."""

    async def start(self, action: str) -> CommandReply:
        """Execute the command, and fill in its forms where values are given.

        The first request has no form, as the standard has it: Prosody and ejabberd would execute the command with the values that are
        given and none of those that their form has. Only Tigase's forms may go with it: they are made of the values, and its marker
        says that the caller knows them.

        Args:
            action: to take with the first form; empty for the responder's default.
        """
        early = submission({var: values for var, values in self._given.items() if var != MARKER.var}) if MARKER.var in self._given else None
        try:
            await self._ask(self._request("", early))
        except StanzaError as error:
            if early is None or error.condition not in REFUSES_EARLY_FORM:
                raise
            early = None
            await self._ask(self._request("", None))
        if early is not None and not self._reply.is_executing:
            self._asked.update(self._given)
        if not self._given and action != "complete":
            return self._noted()
        self._is_ours, self._wants_end = True, action in ("", "execute", "complete")
        try:
            return await self._take_on(action)
        except BaseException:
            self._abandon()
            raise

    async def resume(self, action: str) -> CommandReply:
        """Go on with a session.

        Args:
            action: to take in its stage; empty for the responder's default.
        """
        if action == "cancel":
            await self._ask(self._request(action, None))
            return self._noted()
        self._reply = self._stages.find(self._key) or self._nothing
        if self._reply is not self._nothing:
            if action != "prev":
                return await self._take_on(action)
            self._expect_offered(action, self._reply)
        self._asked.update(self._given)
        await self._ask(self._request(action, submission(self._given) if self._given else None))
        return await self._take_on("", is_asked=False)

    async def _take_on(self, action: str, *, is_asked: bool = True) -> CommandReply:
        """Fill in stages until one needs the caller, beginning with the latest reply.

        Args:
            action: to take in it; empty for the default.
            is_asked: whether the caller wants this stage to be filled in, even if he gives only some of its values.
        """
        for _ in range(self._stages.limits.stages):
            request = self._next(action, is_asked=is_asked)
            if request is None:
                return self._noted()
            await self._ask(request)
            action, is_asked = "", False
            if not self._is_ours:
                self._stages.note(self._key, self._stage)  # the caller knows the session, whatever fails from here on
        raise ServerFailed(f"{self._key.to} asks again and again: the command has more than {self._stages.limits.stages} stages")

    def _next(self, action: str, *, is_asked: bool) -> Stanza | None:
        """Return the request that fills in the latest reply; ``None`` when that is for the caller. See :meth:`_take_on`."""
        reply = self._reply
        if not reply.is_executing or not (is_asked or self._is_passed(reply)):
            return None
        self._expect_offered(action, reply)
        if not action and self._is_strange(reply):
            return None
        step = reply.default_action if action in ("", "execute") else action
        form = self._filled(reply, step)
        if self._is_ours or not is_asked:  # the caller has seen the others
            self._pass(reply)
        # Tigase has neither sessions nor actions; execute means the same then, and is what its forms have always got. XEP-0050 §3.4
        is_bare = reply.is_single_stage and not self._key.sessionid
        return self._request("" if is_bare else step, form)

    def _pass(self, reply: CommandReply) -> None:
        """Keep a stage that says something besides what it asks.

        Raises:
            ServerFailed: the stages say more than is kept.
        """
        if not (reply.notes or reply.urls or any(form.type == "result" for form in reply.forms)):
            return
        self._passed.append(self._stage)
        if sum(map(len, self._passed)) > self._stages.limits.size:
            raise ServerFailed(f"{self._key.to} says more than {self._stages.limits.size} bytes before the command is complete")

    def _is_passed(self, reply: CommandReply) -> bool:
        """Tell whether a further stage asks for nothing but given values; those that were refused before are for the caller."""
        if reply.severity == "error":
            return False
        asked = _names_asked(reply)
        if not asked:
            return self._wants_end and bool(self._key.sessionid)
        return asked <= self._given.keys() and not asked <= self._asked

    def _is_strange(self, reply: CommandReply) -> bool:
        """Tell whether a stage that is not the last one asks for nothing that is given: then all names may be misspelt."""
        asked = _names_asked(reply)
        return bool(self._given and asked) and reply.default_action != "complete" and asked.isdisjoint(self._given)

    def _filled(self, reply: CommandReply, step: str) -> DataForm | None:
        """Fill in the form of a stage; ``None`` when it has none.

        Raises:
            InvalidValue: the values do not fit, or there are some that neither this stage has, nor, as it is the last one, a later one.
        """
        form = _form_of(reply)
        if form is not None:
            self._asked.update(field.var for field in form.fields if field.var in self._given)
            room = LISTED_NAMES + 1 - len(self._known)
            self._known += islice((field.var[:80] for field in form.fields if field.asks), room)
        unused = self._unused()
        if unused and step == "complete" and not self._ignores_unknown:
            has = f"it has {quoted(self._known)}" if self._known else "it asks for nothing"
            raise InvalidValue(f"the form of the command has no field {quoted(unused)}; {has}")
        if form is not None and MARKER.var not in self._given:
            form = replace(form, fields=tuple(field for field in form.fields if field.var != MARKER.var))
        return None if form is None else self._marked(fill(form, self._given))

    def _marked(self, form: DataForm) -> DataForm:
        """Add Tigase's marker to a form that is filled in, where it is given: not all forms for items have it as a field."""
        if MARKER.var not in self._given or form.field(MARKER.var) is not None:
            return form
        return replace(form, fields=(*form.fields, MARKER))

    def _unused(self) -> tuple[str, ...]:
        return tuple(var for var in self._given if var not in self._asked and var not in ("", MARKER.var))

    def _expect_offered(self, action: str, reply: CommandReply) -> None:
        """Refuse an action that the stage does not offer. XEP-0050 §3.4"""
        if action in STAGE_ACTIONS and not reply.is_single_stage and action not in reply.actions:
            offered = quoted(reply.actions) if reply.actions else "none but execute"
            raise InvalidValue(f"this stage of the command does not offer the action {action!r}; it offers {offered}")

    def _noted(self) -> CommandReply:
        """Return the latest reply to the caller, with what earlier stages said, and remember its stage."""
        self._stages.note(self._key, self._stage)
        reply, unused = self._reply, self._unused()
        if not self._passed and not unused:
            return reply
        passed = [CommandReply.parse(reply.jid, reply.node, stage) for stage in self._passed]
        shown = [form for stage in passed for form in stage.forms if form.type == "result"]
        return replace(
            reply,
            form=reply.form or next(iter(shown), None),
            forms=(*shown, *reply.forms),
            notes=(*(note for stage in passed for note in stage.notes), *reply.notes),
            urls=(*(url for stage in passed for url in stage.urls), *reply.urls),
            unused=unused,
        )

    async def _ask(self, request: Stanza) -> None:
        """Send a request of the command, and parse its reply.

        Raises:
            ServerFailed: the reply cannot be used.
            StanzaTimeout: it did not come in the time that is left.
        """
        self._reply = self._nothing
        to, seconds = self._key.to, round(self._deadline - self._requests.loop.time(), 1)
        if seconds <= 0:
            raise StanzaTimeout(f"{to} did not complete the command within {self._timeout:g} s")
        reply = (await self._requests.request(request, seconds)).raise_error()
        payload = reply.payload
        if reply.flaw or (payload is not None and payload.tag != _COMMAND):
            raise ServerFailed(f"{to} answered the command with what cannot be used: {reply.flaw or 'another element'}")
        found = CommandReply(to, self._key.node) if payload is None else CommandReply.of(to, self._key.node, payload)
        if len(found.sessionid) > self._stages.limits.sessionid:
            raise ServerFailed(f"{to} gave the command a sessionid of more than {self._stages.limits.sessionid} characters")
        if found.sessionid:
            self._key = StageKey(self._key.owner, to, self._key.node, found.sessionid)
        self._reply = found
        self._stage = reply.to_bytes("") if found.is_executing else b""

    def _request(self, action: str, form: DataForm | None) -> Stanza:
        """Build a request::

        <iq type="set" to="…"><command xmlns="…commands" node="…" sessionid="…" action="…"><x …type="submit">…</x></command></iq>

        XEP-0050 §4.1
        """
        attributes = {"node": self._key.node, "sessionid": self._key.sessionid, "action": action}
        command = ET.Element(_COMMAND, {name: value for name, value in attributes.items() if value})
        if form is not None:
            command.append(form.to_element())
        return make_stanza("iq", "set", self._key.to, command, id="adhoc")

    def _abandon(self) -> None:
        """Cancel the session of this call, which nobody knows: the responder keeps it until then. XEP-0050 §2.4.3"""
        if self._is_ours and self._key.sessionid and self._stage:
            self._stages.cancel(self._cancel())

    async def _cancel(self) -> None:
        try:
            await self._requests.request(self._request("cancel", None), self._stages.limits.cancel_seconds)
        except TigrestError as error:
            log.debug("a session of %s was not cancelled: %s", self._key.to, error)


def _names_asked(reply: CommandReply) -> set[str]:
    """Return the names of the fields that a stage asks for."""
    form = _form_of(reply)
    return {field.var for field in form.fields if field.asks} if form is not None else set()


def _form_of(reply: CommandReply) -> DataForm | None:
    """Return the form that a stage wants to have filled in."""
    return reply.form if reply.form is not None and reply.form.type == "form" else None
