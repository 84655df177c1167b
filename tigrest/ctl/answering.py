"""Answer what ``tigrest ctl`` is given: run a command, tell how one is used, or how a line may go on."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping

from tigrest.auth.principal import ADMIN, Principal
from tigrest.commands.arguments import Words
from tigrest.commands.pipeline import CommandCall, Pipeline
from tigrest.ctl.client import COMPLETE
from tigrest.ctl.command_line import (
    STDIN,
    CommandLine,
    CommandWords,
    WrongUsage,
    command_name,
    missing_arguments,
    read_line,
    read_words,
)
from tigrest.ctl.completing import candidates
from tigrest.ctl.help import DEFAULT_WIDTH, INTRODUCTION, command_help, listing, matching, tag_listing
from tigrest.ctl.protocol import CtlReply, CtlRequest, ExitCode, Question
from tigrest.ctl.rendering import Screen, as_json, as_text, visible
from tigrest.ctl.server import Terminal
from tigrest.errors import ArgumentError, NotConnected, UnknownCommand
from tigrest.http.replies import is_expected, problem_members
from tigrest.observability.context import begin_request, request_id, set_caller
from tigrest.scripting.commands import Command

log = logging.getLogger(__name__)

Inquiry = Callable[[str], Awaitable[str]]
"""Answers a question of another command of the program; takes the argument behind its word, empty for none."""

REASON_SECONDS = 2.0
"""Seconds that help waits for the server to tell what it can."""


class CtlCommands:
    """Answers requests of ``tigrest ctl`` with the commands of a gateway.

    Args:
        pipeline: runs them.
        inquiries: answer what other commands of the program ask, by the word that is their first argument.
    """

    def __init__(self, pipeline: Pipeline, inquiries: Mapping[str, Inquiry] | None = None) -> None:
        self._pipeline, self._inquiries = pipeline, inquiries or {}

    async def __call__(self, request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
        """Return what the client prints.

        Args:
            request: what it was given.
            user: name of the user of the operating system who called: he is an admin.
            terminal: asks him.
        """
        begin_request()
        principal = Principal(None, ADMIN, via="ctl", name=user)
        set_caller(principal)
        word, about = (*request.arguments, "", "")[:2]
        if (inquiry := self._inquiries.get(word)) is not None:
            return CtlReply(out=f"{await inquiry(about)}\n")
        return await _Answer(self._pipeline, request, principal, terminal).give()


class _Answer:
    """The work on one request."""

    def __init__(self, pipeline: Pipeline, request: CtlRequest, principal: Principal, terminal: Terminal) -> None:
        self._pipeline, self._request = pipeline, request
        self._principal, self._terminal = principal, terminal
        self._screen = Screen(request.width, request.colour)
        self._as_json = False

    async def give(self) -> CtlReply:
        """Return the answer, or what went wrong."""
        try:
            if self._request.arguments[:1] == (COMPLETE,):
                return self._complete(self._request.arguments[1:])
            line = read_line(self._request.arguments)
            self._as_json = line.as_json
            if not line.words:
                raise WrongUsage("no command; see tigrest ctl help")
            if line.words[0] == "help":
                return CtlReply(out=await self._help(line))
            return await self._run(line)
        except (WrongUsage, ArgumentError, UnknownCommand) as error:
            return self._failure(ExitCode.USAGE, error)
        except NotConnected as error:
            return self._failure(ExitCode.UNREACHABLE, error)
        except Exception as error:
            if not is_expected(error):
                log.exception("tigrest ctl: a command failed")
            return self._failure(ExitCode.FAILED, error)

    def _failure(self, code: ExitCode, error: Exception) -> CtlReply:
        members = {"status": 400, "detail": str(error)} if isinstance(error, WrongUsage) else problem_members(error)
        detail = str(members["detail"])
        if self._as_json:
            return CtlReply(code, "", json.dumps({**members, "code": members["status"], "message": detail}, ensure_ascii=False) + "\n")
        return CtlReply(code, "", f"tigrest: {visible(' '.join(detail.split()))}\n")

    def _visible(self, version: int | None) -> list[Command]:
        return [command for command in self._pipeline.commands.all(version) if self._pipeline.may_call(self._principal, command)]

    def _complete(self, words: tuple[str, ...]) -> CtlReply:
        found = candidates(self._visible(None), words)
        return CtlReply(out="".join(f"{word}\t{meaning}\n" if meaning else f"{word}\n" for word, meaning in found))

    async def _help(self, line: CommandLine) -> str:
        """Return the help for a topic, or how to get it."""
        topics, width = line.words[1:], self._screen.width or DEFAULT_WIDTH
        commands = self._visible(line.version)
        if topics in ((), ("--help",)):
            return INTRODUCTION
        if len(topics) > 1:
            raise WrongUsage("help has one topic; quote a pattern: tigrest ctl help 'regist*'")
        if topics[0] == "commands":
            return listing(commands, width)
        if topics[0] == "tags":
            return tag_listing(commands, width)
        for command in commands:
            if command.name == command_name(topics[0]):
                return await self._help_of(command)
        return listing(matching(commands, topics[0]), width)

    async def _help_of(self, command: Command) -> str:
        try:
            async with asyncio.timeout(REASON_SECONDS):
                reason = await self._pipeline.commands.reason(command)
        except TimeoutError:
            reason = "the server does not tell whether it can"
        return command_help(command, self._pipeline.commands.versions(command.name), reason, self._screen.width or DEFAULT_WIDTH)

    async def _run(self, line: CommandLine) -> CtlReply:
        """Run a command."""
        command = self._pipeline.commands.find(command_name(line.words[0]), line.version)
        words = read_words(command, line.words[1:])
        self._as_json |= words.as_json
        if words.wants_help:
            return CtlReply(out=await self._help_of(command))
        await self._ask_for_secrets(command, words)
        call = CommandCall(
            command=command,
            given={name: Words(each) for name, each in (await self._with_stdin(command, words)).items()},
            principal=self._principal,
            frontend="ctl",
            request_id=request_id(),
            version=line.version,
        )
        result = await self._pipeline.run_apart(call)
        code = ExitCode.FAILED if result is False else ExitCode.OK  # as of grep and test, so that shells can ask
        return CtlReply(code, await asyncio.to_thread(self._shown, command, result))

    def _shown(self, command: Command, result: object) -> str:
        return as_json(result, self._screen) if self._as_json else as_text(result, command.result.schema(), self._screen)

    async def _ask_for_secrets(self, command: Command, words: CommandWords) -> None:
        """Ask for missing secrets, where somebody can be asked.

        Raises:
            WrongUsage: something else is missing.
        """
        missing = missing_arguments(command, words)
        if not missing:
            return
        if not self._request.can_ask or not all(argument.type.is_secret and not argument.type.is_structured for argument in missing):
            names = ", ".join(argument.name for argument in missing)
            count = f"{len(missing)} more argument{'s' * (len(missing) != 1)}"
            raise WrongUsage(f"{command.name} requires {count}: {names}; see tigrest ctl help {command.name}")
        question: Question = "secret" if command.is_read else "new secret"
        for argument in missing:
            answer = await self._terminal.ask(question, f"{argument.name}: ")
            if answer is None:
                raise WrongUsage(f"{argument.name} is missing; nothing was done")
            words.given[argument.name] = [answer]

    async def _with_stdin(self, command: Command, words: CommandWords) -> Mapping[str, list[str]]:
        """Return the words of all arguments, with what standard input has in the place of a dash.

        Raises:
            WrongUsage: it is wanted twice, or there is none.
        """
        places = [name for name, each in words.given.items() if STDIN in each and name not in command.specification.dashes]
        if not places:
            return words.given
        if len(places) > 1 or words.given[places[0]].count(STDIN) > 1:
            raise WrongUsage('"-" stands there twice, and standard input can be read once')
        text = await self._terminal.ask("stdin")
        if text is None:
            raise WrongUsage(f"{places[0]} is to be read from standard input, and there is none")
        text = text.removesuffix("\n").removesuffix("\r")
        name = places[0]
        is_list = any(argument.name == name and argument.type.is_list for argument in command.arguments)
        read = text.splitlines() if is_list and not text.lstrip().startswith(("[", "{")) else [text]
        return {**words.given, name: [word for each in words.given[name] for word in (read if each == STDIN else [each])]}
