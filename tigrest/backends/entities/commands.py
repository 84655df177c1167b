"""The answering side of ad-hoc commands (XEP-0050): with sessions, or stateless as Tigase does it."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.backends.entities.iq_request import IqRequest
from tigrest.errors import InvalidValue, StanzaError
from tigrest.xmpp.commands import ACTIONS
from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, DATA_FORMS
from tigrest.xmpp.refusals import Refusal


@dataclass(frozen=True, kw_only=True)
class CommandSessionLimits:
    """Limits of the sessions of an entity's commands.

    Args:
        sessions: most sessions kept; the oldest are evicted. Of strangers as many are kept besides, so that they evict no others.
        per_caller: most sessions of a caller; his oldest are evicted.
        seconds: lifetime of a session, in which its form has to be submitted.
    """

    sessions: int = 1000
    per_caller: int = 20
    seconds: float = 600.0


@dataclass(frozen=True)
class AdHocCall:
    """One execution of a command.

    Args:
        caller: bare address of the user who executes it.
        form: the form that he submitted; without fields when he submitted none.
    """

    caller: JID
    form: DataForm

    def jids(self, var: str) -> list[JID]:
        """Return the addresses in a field that must have some.

        Raises:
            InvalidValue: there are none.
            InvalidJID: one is not an address.
        """
        values = [value.strip() for value in self.form.values(var) if value.strip()]
        if not values:
            raise InvalidValue(f"field {var!r} is empty: give an address")
        return [JID(value) for value in values]

    def jid(self, var: str) -> JID:
        """Return the first address in a field; as :meth:`jids`."""
        return self.jids(var)[0]


@dataclass(frozen=True)
class Outcome:
    """Result of a command: a form, a note for people, or neither."""

    form: DataForm | None = None
    note: str = ""


@dataclass(frozen=True)
class AdHocCommand:
    """A command.

    Args:
        node, name: as listed.
        form: returns the form to fill in.
        run: executes it.
        needs: fields without which a stateless command returns its form instead of running.
        prompts: whether a stateless command without any field returns its form instead of running.
        listed: whether it is listed.
        is_immediate: whether one with sessions is run when it is executed, without a form.
        has_fields: whether its form has something to fill in, so that none may be left out.
    """

    node: str
    name: str
    form: Callable[[AdHocCall], Awaitable[DataForm]]
    run: Callable[[AdHocCall], Awaitable[Outcome]]
    needs: tuple[str, ...] = ()
    listed: bool = True
    prompts: bool = False
    is_immediate: bool = False
    has_fields: bool = True


SHOWN_NODE = 200
"""Length to which nodes are cut in messages, in characters."""


def always(form: DataForm) -> Callable[[AdHocCall], Awaitable[DataForm]]:
    """Return a function that returns the same form for every call."""

    async def give(_call: AdHocCall) -> DataForm:
        return form

    return give


def fixed(var: str, text: str) -> Outcome:
    """Return an outcome as Tigase writes it: one ``fixed`` field, usually called ``Note`` or ``Error``."""
    return Outcome(DataForm("result", (Field(var, (text,), "fixed"),)))


async def _none() -> tuple[AdHocCommand, ...]:
    return ()


class AdHocCommands:
    """The commands of an entity, without sessions: a complete form runs the command, anything less returns the form.

    Args:
        commands: those declared in code.
        scripted: returns those that are added at run time.
        node, name: a node that lists just these commands, with which all of theirs begin; empty for none.
        hidden: whether only administrators see them. Servers show theirs to everybody.
    """

    def __init__(
        self,
        commands: Iterable[AdHocCommand],
        scripted: Callable[[], Awaitable[tuple[AdHocCommand, ...]]] = _none,
        node: str = "",
        name: str = "",
        *,
        hidden: bool = False,
    ) -> None:
        self._commands = {command.node: command for command in commands}
        self._scripted = scripted
        self.node, self.name, self._hidden = node, name, hidden

    def owns(self, node: str) -> bool:
        """Return whether a node is that of these commands, or begins with it."""
        return bool(self.node) and (node == self.node or node.startswith(f"{self.node}/"))

    async def listed(self, request: IqRequest) -> list[AdHocCommand]:
        """Return the commands that are listed for whoever asks, in order."""
        if self._hidden and not request.is_admin:
            return []
        return [command for command in (*self._commands.values(), *await self._scripted()) if command.listed]

    async def find(self, node: str, request: IqRequest) -> AdHocCommand | None:
        """Return the command of a node; ``None`` when there is none for whoever asks.

        Raises:
            StanzaError: there is one, which he may not execute.
        """
        if self._hidden and not request.is_admin:
            return None
        if node in self._commands:
            return self._commands[node]
        return next((command for command in await self._scripted() if command.node == node), None)

    def admit(self, request: IqRequest) -> None:
        """Refuse who may execute none of the commands.

        Raises:
            NotPermitted: the caller is not an administrator.
        """
        request.expect_admin()

    async def execute(self, request: IqRequest) -> ET.Element:
        """Execute a command, or the next stage of one.

        Raises:
            NotPermitted: the caller may not.
            StanzaError: there is no such command or session, or it does not allow the action. XEP-0050 §4.7
            TigrestError: the command refused.
        """
        self.admit(request)
        node = request.payload.get("node", "")
        command = await self.find(node, request)
        if command is None:
            raise StanzaError("item-not-found", text=f"there is no command {node[:SHOWN_NODE]!r} here")
        action = request.payload.get("action", "execute")
        if action not in ACTIONS:
            raise _refused("malformed-action", f"action is {action!r}; use one of {', '.join(ACTIONS)}")
        form = DataForm.find(request.payload)
        if form is not None and form.type == "cancel":
            action = "cancel"
        return await self._go_on(command, action, AdHocCall(request.sender.bare, form or DataForm("submit")), request.payload)

    async def _go_on(self, command: AdHocCommand, action: str, call: AdHocCall, _payload: ET.Element) -> ET.Element:
        if action == "cancel":
            return _command(command)
        if all(any(call.form.values(var)) for var in command.needs) and (call.form.fields or not command.prompts):
            return _command(command, await command.run(call))
        return _command(command, Outcome(await command.form(call)))


class SessionCommands(AdHocCommands):
    """The commands of an entity, each with a session of one form: execute, fill in, complete. XEP-0050 §3

    Args:
        commands: those declared in code.
        limits: of the sessions.
        node, name: as of :class:`AdHocCommands`.
    """

    def __init__(self, commands: Iterable[AdHocCommand], limits: CommandSessionLimits, node: str = "", name: str = "") -> None:
        super().__init__(commands, node=node, name=name)
        self._limits = limits
        self._sessions: OrderedDict[str, tuple[float, str, JID]] = OrderedDict()
        self._of_callers: dict[JID, OrderedDict[str, None]] = {}
        self._of_groups: dict[bool, OrderedDict[str, None]] = {True: OrderedDict(), False: OrderedDict()}

    async def _go_on(self, command: AdHocCommand, action: str, call: AdHocCall, payload: ET.Element) -> ET.Element:
        sessionid = payload.get("sessionid", "")
        if not sessionid:
            return await self._begin(command, action, call)
        self._expect(sessionid, command, call)
        if action == "cancel":
            self._close(sessionid)
            return _command(command, status="canceled", sessionid=sessionid)
        if action not in ("execute", "complete"):
            raise _refused("bad-action", f"action {action!r} is not possible here: complete or cancel")
        if command.has_fields and payload.find(f"{{{DATA_FORMS}}}x") is None:
            raise _refused("bad-payload", "the form is missing: fill it in and submit it")
        outcome = await command.run(call)
        self._close(sessionid)
        return _command(command, outcome, "completed", sessionid)

    async def _begin(self, command: AdHocCommand, action: str, call: AdHocCall) -> ET.Element:
        if action != "execute":
            raise _refused("bad-action", f"action {action!r} needs a session: execute the command first")
        if command.is_immediate:
            return _command(command, await command.run(call), "completed", _new_id())
        form = await command.form(call)
        return _command(command, Outcome(form), "executing", self._open(command, call))

    def is_stranger(self, caller: JID) -> bool:
        """Return whether a caller counts as a stranger, of whom there may be any number.

        Args:
            caller: his bare address.
        """
        return False

    def _open(self, command: AdHocCommand, call: AdHocCall) -> str:
        own = self._of_callers.get(call.caller)
        if own is not None and len(own) >= self._limits.per_caller:
            self._close(next(iter(own)))
        group = self._of_groups[self.is_stranger(call.caller)]
        while len(group) >= self._limits.sessions:
            self._close(next(iter(group)))
        sessionid = _new_id()
        self._sessions[sessionid] = (time.monotonic() + self._limits.seconds, command.node, call.caller)
        self._of_callers.setdefault(call.caller, OrderedDict())[sessionid] = None
        group[sessionid] = None
        return sessionid

    def _close(self, sessionid: str) -> None:
        """Forget a session, if it is not forgotten already."""
        _, _, caller = self._sessions.pop(sessionid, (0.0, "", None))
        for group in self._of_groups.values():
            group.pop(sessionid, None)
        if caller is not None:
            own = self._of_callers[caller]
            del own[sessionid]
            if not own:
                del self._of_callers[caller]

    def _expect(self, sessionid: str, command: AdHocCommand, call: AdHocCall) -> None:
        ends, node, caller = self._sessions.get(sessionid, (0.0, "", None))
        if (node, caller) != (command.node, call.caller):
            raise _refused("bad-sessionid", "there is no such session: execute the command again")
        if ends < time.monotonic():
            self._close(sessionid)
            raise Refusal("not-allowed", text="the session has expired: execute the command again", specific=_name("session-expired"))


def _command(command: AdHocCommand, outcome: Outcome | None = None, status: str = "", sessionid: str = "") -> ET.Element:
    """Write the state of a command::

    <command xmlns="…commands" node="…" status="executing" sessionid="…">
      <actions execute="complete"><complete/></actions><x xmlns="jabber:x:data" type="form">…</x>
    </command>
    """
    attributes = {"node": command.node, "status": status, "sessionid": sessionid}
    element = ET.Element(_name("command"), {k: v for k, v in attributes.items() if v})
    if status == "executing":
        ET.SubElement(ET.SubElement(element, _name("actions"), {"execute": "complete"}), _name("complete"))
    if outcome is not None and outcome.form is not None:
        element.append(outcome.form.to_element())
    if outcome is not None and outcome.note:
        ET.SubElement(element, _name("note"), {"type": "info"}).text = outcome.note
    return element


def _new_id() -> str:
    return secrets.token_urlsafe(16)


def _refused(condition: str, text: str) -> Refusal:
    return Refusal("bad-request", "modify", text, specific=_name(condition))


def _name(name: str) -> str:
    return f"{{{COMMANDS}}}{name}"
