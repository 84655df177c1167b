"""Complete command lines for shells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tigrest.ctl.client import SHELLS
from tigrest.ctl.command_line import command_name
from tigrest.ctl.help import tags_of
from tigrest.scripting.commands import Argument, Command

Candidate = tuple[str, str]
"""A word, and what it means."""

OPTIONS: tuple[Candidate, ...] = (
    ("--version", "version of the API"),
    ("--json", "print JSON"),
    ("--socket", "socket of the gateway"),
    ("--config", "configuration of the gateway"),
    ("--help", "how tigrest ctl is used"),
)
"""Options before the command."""

_WITH_VALUE = ("--version", "--socket", "--config")

OWN: tuple[Candidate, ...] = (
    ("help", "which commands there are, and how each is used"),
    ("completion", "print what completes commands in a shell"),
)
"""Words of the shell that are no commands of scripts."""


def candidates(commands: Sequence[Command], words: Sequence[str]) -> list[Candidate]:
    """Return the words that the last one may become.

    Args:
        commands: those that the caller may run, in their latest versions.
        words: of the command line behind ``ctl``; the last one is being typed, and may be empty.
    """
    *before, typed = [word for word in words if word != "="] or [""]  # bash makes a word of it
    while before and before[0].startswith("--"):
        option = before.pop(0)
        if option in _WITH_VALUE:
            if not before:
                return []
            before.pop(0)
    if before:
        found = list(_behind(commands, before[0], before[1:], typed))
    else:
        found = [*OPTIONS] if typed.startswith("-") else [*_names(commands), *OWN]
    return [(word, meaning) for word, meaning in found if word.startswith(typed)]


def _names(commands: Sequence[Command]) -> Iterator[Candidate]:
    return ((command.name, command.summary) for command in commands)


def _behind(commands: Sequence[Command], first: str, before: Sequence[str], typed: str) -> Iterator[Candidate]:
    if first == "help":
        if not before:
            yield from (("commands", "all commands"), ("tags", "all tags"), *_names(commands))
            yield from ((tag, "commands of this tag") for tag in tags_of(commands))
    elif first == "completion":
        yield from ((shell, "") for shell in SHELLS if not before)
    else:
        for command in commands:
            if command.name == command_name(first):
                yield from _of_command(command, before, typed)


def _of_command(command: Command, before: Sequence[str], typed: str) -> Iterator[Candidate]:
    arguments = {argument.name: argument for argument in command.arguments}
    named = [command_name(word[2:].partition("=")[0]) for word in before if word.startswith("--")]
    if before and before[-1].startswith("--") and "=" not in before[-1]:
        argument = arguments.get(command_name(before[-1][2:]))
        if argument is not None and argument.type.field_type != "boolean":
            yield from _choices(argument)
            return
    left = [argument for argument in command.arguments if argument.name not in named]
    in_order = len([word for word in before if not word.startswith("--")]) - len(named)
    if 0 <= in_order < len(left) and not typed.startswith("-"):
        yield from _choices(left[in_order])
    left = left[max(in_order, 0) :]
    yield from ((f"--{argument.name}", argument.description or argument.type.name) for argument in left)


def _choices(argument: Argument) -> Iterator[Candidate]:
    return ((option.value, option.label) for option in argument.type.options())
