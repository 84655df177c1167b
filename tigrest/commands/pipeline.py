"""The one way to run a command: the same for every frontend.

resolve (:meth:`tigrest.commands.registry.Commands.find`) → principal and role → arguments → what the server can → run → result → audit.
Nobody is told of arguments before it is known that he may call the command.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tigrest.auth.permission_entries import Attempt
from tigrest.auth.principal import Principal
from tigrest.commands.arguments import validated
from tigrest.commands.context import CommandContext, Frontend
from tigrest.commands.registry import Commands
from tigrest.errors import RoleRequired, TigrestError, WrongResult
from tigrest.scripting.commands import Command, FunctionCall
from tigrest.scripting.execution import Execution, Run
from tigrest.scripting.result_types import InvalidOutcome
from tigrest.service import Service
from tigrest.service.decisions import refusal_of_call

audit = logging.getLogger("tigrest.audit")
"""One line for each call: who, how, what, with which arguments (secrets masked), the outcome, and how long it took."""


@dataclass(kw_only=True, slots=True)
class CommandCall:
    """A call of a command, as a frontend has read it.

    Args:
        command: which.
        given: the arguments by name: :class:`tigrest.commands.arguments.Texts`, ``Words``, or values of JSON.
        principal: the caller.
        frontend: how he calls.
        request_id: id of the request; empty for that of the request being served.
        version: of the API that he asked for; ``None`` for the latest.
        path: percent-decoded path of the request; empty when it did not come over HTTP.
        answer_instead: gives him an error from another task, when the command goes on although it was cancelled; ``None`` where that
            cannot be done.
    """

    command: Command
    given: Mapping[str, object]
    principal: Principal
    frontend: Frontend
    request_id: str = ""
    version: int | None = None
    path: str = ""
    answer_instead: Callable[[TigrestError], None] | None = None

    def attempt(self, values: Mapping[str, Any] | None = None) -> Attempt:
        """Return it as permissions see it.

        Args:
            values: the arguments, once they are known.
        """
        return Attempt(self.principal, self.command, self.frontend, self.path, values)


AUDITED = 32
"""Most arguments in a line of the audit log: callers may send many that there are not."""

CANCEL_SECONDS = 1.0
"""Seconds that a command gets to end when its caller has gone."""


class FunctionRun(Run):
    """The function of a command that runs."""

    part: Command
    left_means = "the caller is answered without it"
    answer_instead: Callable[[TigrestError], None] | None = None

    def leave(self) -> None:
        """Leave the answer to another task."""
        if self.answer_instead is not None:
            self.answer_instead(self.error())


class Pipeline:
    """Runs commands.

    Args:
        commands: those there are.
        service: access to XMPP.
        execution: runs functions of scripts.
        timeout: seconds that a command may take.
        provide: gives what commands ask for by ``ctx.get()``.
    """

    def __init__(
        self,
        commands: Commands,
        service: Service,
        execution: Execution,
        timeout: float,
        provide: Callable[[type], object | None],
    ) -> None:
        self.commands = commands
        self._service, self._execution, self._timeout, self._provide = service, execution, timeout, provide
        self._apart: set[asyncio.Task[Any]] = set()

    def may_call(self, principal: Principal, command: Command, way: Frontend = "http") -> bool:
        """Return whether somebody may call a command, perhaps with some arguments only."""
        return self._service.policy.allowed(principal, "call", Attempt(principal, command, way)).allowed

    def is_admitted(self, principal: Principal, command: Command) -> bool:
        """Return whether somebody may call a command whatever the way and the arguments: then :meth:`admit` need not be asked."""
        policy = self._service.policy
        return policy.permissions.settles(policy.acting(principal, command), command)

    def admit(self, attempt: Attempt) -> None:
        """Check that somebody may call a command.

        Raises:
            LoginRequired: he may not as long as he has not logged in.
            RoleRequired: he may not.
        """
        decision = self._service.policy.allowed(attempt.principal, "call", attempt)
        if decision.allowed:
            return
        error = refusal_of_call(decision)
        if isinstance(error, RoleRequired):
            audit.info("%s %s %s: %s", _who(attempt.principal), attempt.way, attempt.called.name, RoleRequired.__name__)
        raise error

    async def run(self, call: CommandCall) -> Any:
        """Run a command that the caller may call, and return its result as JSON has it.

        Raises:
            LoginRequired, RoleRequired: he may not.
            Exception: as :meth:`run_admitted`.
        """
        self.admit(call.attempt())
        return await self.run_admitted(call)

    async def run_apart(self, call: CommandCall) -> Any:
        """Run a command in a task of its own: one that goes on although its time is over is left behind, and its caller answered.

        Raises:
            Exception: as :meth:`run`.
        """
        left: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def leave(error: TigrestError) -> None:
            if not left.done():
                left.set_exception(error)

        running = asyncio.create_task(self.run(replace(call, answer_instead=leave)))
        self._apart.add(running)
        running.add_done_callback(self._forget)
        try:
            await asyncio.wait((running, left), return_when=asyncio.FIRST_COMPLETED)
            return (running if running.done() else left).result()
        finally:
            if not running.done() and not left.done():  # the caller has gone
                running.cancel()
                await asyncio.wait((running,), timeout=CANCEL_SECONDS)
            if not left.cancel():
                left.exception()  # else asyncio would complain where nobody asked for it

    def _forget(self, running: asyncio.Task[Any]) -> None:
        self._apart.discard(running)
        if not running.cancelled():
            running.exception()  # of one that was left behind nobody asks for it

    async def run_admitted(self, call: CommandCall) -> Any:
        """Run a command of which :meth:`admit` has said that the caller may call it, and return its result as JSON has it.

        Raises:
            RoleRequired: he may not with these arguments.
            ArgumentError: an argument is missing, unknown, doubled or wrong.
            NotSupported, Unavailable: the XMPP server cannot do it; the message says why.
            HandlerTimeout, NoThread: it did not end in time, or got no thread.
            WrongResult: what it returns is not what it declares.
            Exception: whatever it raises.
        """
        began = time.perf_counter()
        command = call.command
        try:
            values = validated(command, call.given)
            if not self.is_admitted(call.principal, command):
                self.admit(call.attempt(values))  # some permissions depend on the arguments
            if command.needs:
                await self.commands.require(command)
            returned = await self._execution.run(self._run_of(call, values))
            result = self._checked(command, returned)
        except BaseException as error:
            _audit(call, began, type(error).__name__)
            raise
        if audit.isEnabledFor(logging.INFO):
            _audit(call, began, "ok")
        return result

    def _run_of(self, call: CommandCall, values: Mapping[str, Any]) -> FunctionRun:
        policy = self._service.policy
        principal = policy.acting(call.principal, call.command)
        if principal.via == "bearer" and not principal.roles:
            principal = policy.caller_of(call.attempt(values))
        context = CommandContext(self._service, principal, call.frontend, call.request_id, call.version, self._provide)
        command = call.command
        run = FunctionRun(command, command.invocation, FunctionCall(context, values), command.timeout or self._timeout)
        run.answer_instead = call.answer_instead
        return run

    def _checked(self, command: Command, returned: object) -> Any:
        try:
            return command.result.plain(returned)
        except InvalidOutcome as error:
            raise WrongResult(f"{command.title} ({command.relative}) does not return what it declares: {error}") from None


def _who(principal: Principal) -> str:
    token = f" (token {principal.name})" if principal.via == "bearer" else ""
    return f"{principal}{token} {principal.address}".rstrip()


def _audit(call: CommandCall, began: float, outcome: str) -> None:
    if not audit.isEnabledFor(logging.INFO):
        return
    seconds = time.perf_counter() - began
    audit.info("%s %s %s(%s) %s %.1f ms", _who(call.principal), call.frontend, call.command.title, _shown(call), outcome, seconds * 1000)


def _shown(call: CommandCall) -> str:
    """Return the arguments for the log: cut, secrets masked, and of unknown ones the names only."""
    types = {argument.name: argument.type for argument in call.command.arguments}
    shown = []
    for name, value in islice(call.given.items(), AUDITED):
        if name not in types:
            shown.append(f"{name[:40]!r}=?")
        elif types[name].is_secret:
            shown.append(f"{name}=***")
        else:
            text = ",".join(value) if isinstance(value, tuple) else value if isinstance(value, str) else repr(value)[:80]
            shown.append(f"{name}={text[:80]!r}")
    if (more := len(call.given) - AUDITED) > 0:
        shown.append(f"{more} more")
    return ", ".join(shown)
