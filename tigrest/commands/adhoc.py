"""Commands as ad-hoc commands of the gateway's own address: nodes ``api-commands/<name>``, ``api-commands/<name>/v2``. XEP-0050

Who lists them sees those that he may run; what strangers may not run does not exist for them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial

from starlette.exceptions import HTTPException

from tigrest.auth.permission_entries import Attempt
from tigrest.auth.principal import Principal
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, CommandSessionLimits, Outcome, SessionCommands
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.commands.forms import argument_form, arguments_of, carried, result_form
from tigrest.commands.pipeline import CommandCall, Pipeline
from tigrest.errors import StanzaError, TigrestError, UnknownCommand
from tigrest.observability.context import begin_request, current_request, request_id, set_caller
from tigrest.scripting.commands import Command
from tigrest.xmpp.conditions import CONDITIONS, error_of_status, mapping_of
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

API_COMMANDS = "api-commands"
"""Node that lists the commands; theirs begin with it, as in ejabberd's mod_adhoc_api."""

_NODE = re.compile(rf"{API_COMMANDS}/([a-z0-9_]{{1,64}})(?:/v(\d{{1,6}}))?")

DONE = "Done."
"""Note for people when a command has no result."""


class ApiCommands(SessionCommands):
    """The commands that scripts declare, as ad-hoc commands.

    Args:
        pipeline: runs them.
        roles_of: returns the roles of the sender of a stanza.
        domain: the served domain, which forms propose.
        limits: of the sessions.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        roles_of: Callable[[JID], frozenset[str]],
        domain: str,
        limits: CommandSessionLimits | None = None,
    ) -> None:
        super().__init__((), limits or CommandSessionLimits(), node=API_COMMANDS, name="Commands of the API")
        self._pipeline, self._roles_of, self._domain = pipeline, roles_of, domain

    async def listed(self, request: IqRequest) -> list[AdHocCommand]:
        """Return the commands that the sender may run, sorted by name."""
        principal = self._principal(request.sender)
        commands = self._pipeline.commands.all()
        return [self._offered(command, None) for command in commands if self._pipeline.may_call(principal, command, "adhoc")]

    async def find(self, node: str, request: IqRequest) -> AdHocCommand | None:
        """Return the command of a node; ``None`` when there is none, or none for this sender.

        Raises:
            StanzaError: a user may not run it.
        """
        match = _NODE.fullmatch(node)
        if match is None:
            return None
        version = None if match[2] is None else int(match[2])
        principal = self._principal(request.sender)
        try:
            command = self._pipeline.commands.find(match[1], version)
            self._pipeline.admit(Attempt(principal, command, "adhoc"))
        except UnknownCommand:
            return None
        except TigrestError as error:
            if not principal.roles:
                return None
            raise as_command_error(error) from None
        return self._offered(command, version)

    def admit(self, request: IqRequest) -> None:
        """Admit everybody: :meth:`find` has commands only for those who may run them."""

    def is_stranger(self, caller: JID) -> bool:
        """Return whether a caller is neither a user nor an admin."""
        return not self._roles_of(caller)

    def _offered(self, command: Command, version: int | None) -> AdHocCommand:
        """Return a command as an ad-hoc command. One without arguments that only reads has no form, and is run at once."""
        node = f"{API_COMMANDS}/{command.name}" + ("" if version is None else f"/v{version}")
        return AdHocCommand(
            node=node,
            name=carried(command.summary or command.name),
            form=partial(self._form, command),
            run=partial(self._run, command, version),
            is_immediate=command.is_read and not command.arguments,
            has_fields=bool(command.arguments),
        )

    async def _form(self, command: Command, _call: AdHocCall) -> DataForm:
        """Return the form for the arguments, unless the server cannot do what the command does."""
        try:
            await self._pipeline.commands.require(command)
        except TigrestError as error:
            raise as_command_error(error) from None
        return argument_form(command, self._domain)

    async def _run(self, command: Command, version: int | None, call: AdHocCall) -> Outcome:
        principal = self._principal(call.caller)
        if current_request.get() is None:  # in a task of its own; a caller over HTTP has one already
            begin_request()
            set_caller(principal)
        try:
            result = await self._pipeline.run_apart(
                CommandCall(
                    command=command,
                    given=arguments_of(command, call.form),
                    principal=principal,
                    frontend="adhoc",
                    request_id=request_id(),
                    version=version,
                )
            )
        except Exception as error:
            raise as_command_error(error) from error
        form = result_form(command, result)
        return Outcome(form, "" if form is not None else DONE)

    def _principal(self, sender: JID) -> Principal:
        return Principal(sender.bare, self._roles_of(sender.bare), via="xmpp")


def as_command_error(error: Exception) -> StanzaError:
    """Return the error stanza for what a command raised, by the HTTP status that it has elsewhere.

    Args:
        error: one without a status is logged with its traceback, and only the id of its log line told.
    """
    if isinstance(error, StanzaError):
        return StanzaError(error.condition, error.type, carried(str(error)))
    if isinstance(error, HTTPException):
        return _stanza_error(error.status_code, error.detail)
    mapping = mapping_of(error)
    if mapping is None or mapping.status == 500:
        log.error("a command failed", exc_info=error)
        return StanzaError("internal-server-error", "wait", f"an error in a command; the gateway's log has it under {request_id()}")
    if mapping.condition:
        return StanzaError(mapping.condition, CONDITIONS[mapping.condition].type, carried(str(error)))
    return _stanza_error(mapping.status, str(error))


def _stanza_error(status: int, text: str) -> StanzaError:
    kind, condition = error_of_status(status)
    return StanzaError(condition, kind, carried(text))
