"""Read a command line: options before the command, the command, and its arguments in their order or by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tigrest.scripting.commands import MAX_VERSION, MISSING, Argument, Command

STDIN = "-"
"""A value that stands for what standard input has."""


class WrongUsage(Exception):
    """A command line is wrong; the message says what, and what to write."""


class CommandLine(NamedTuple):
    """A command line as far as it can be read before the command is known.

    Args:
        words: the command, and what follows it.
        version: of the API; ``None`` for the latest.
        as_json: whether JSON is wanted.
    """

    words: tuple[str, ...]
    version: int | None = None
    as_json: bool = False


class CommandWords(NamedTuple):
    """The arguments of a command, as words.

    Args:
        given: the words of each argument, by its name.
        as_json: whether JSON is wanted, which may be said behind the command too.
        wants_help: whether help is wanted instead.
    """

    given: dict[str, list[str]]
    as_json: bool = False
    wants_help: bool = False


def read_line(arguments: Sequence[str]) -> CommandLine:
    """Read the options before the command.

    Raises:
        WrongUsage: one is unknown or wrong.
    """
    left = list(arguments)
    version, as_json = None, False
    while left and left[0].startswith("--"):
        option, has_value, value = left.pop(0).partition("=")
        if option == "--":
            break
        if option == "--json" and not has_value:
            as_json = True
        elif option == "--version":
            version = _version(value if has_value else left.pop(0) if left else "")
        else:
            raise WrongUsage(f"{option} is no option before a command; see tigrest ctl --help")
    if left and left[0].startswith("-"):
        raise WrongUsage(f"{left[0][:40]} is no option before a command; see tigrest ctl --help")
    return CommandLine(tuple(left), version, as_json)


def _version(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_VERSION))):
        raise WrongUsage(f"--version {text[:20]!r} is no version; write a whole number")
    return int(text)


def command_name(word: str) -> str:
    """Return the name of a command or an argument; dashes stand for underscores, as ejabberdctl has it."""
    return word.replace("-", "_")


def read_words(command: Command, words: Sequence[str]) -> CommandWords:
    """Read the arguments of a command.

    Args:
        command: which.
        words: what follows its name.

    Raises:
        WrongUsage: an option is unknown or has no value, or there are too many arguments.
    """
    reading = _Reading(command)
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            reading.in_order += left
            break
        if word.startswith("--"):
            reading.take_option(word, left)
        else:
            reading.in_order.append(word)
    reading.place()
    return CommandWords(reading.given, reading.as_json, reading.wants_help)


class _Reading:
    """The work on the arguments of one command."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._arguments = {argument.name: argument for argument in command.arguments}
        self.given: dict[str, list[str]] = {}
        self.in_order: list[str] = []
        self.as_json = self.wants_help = False

    def take_option(self, word: str, left: list[str]) -> None:
        """Take an option, and its value from the words that are left."""
        option, has_value, value = word.partition("=")
        name = command_name(option.removeprefix("--"))
        argument = self._argument(name)
        if argument is None:
            self._take_other(option, name, has_value)
        elif has_value:
            self._add(name, value)
        elif _is_flag(argument) and (not left or left[0].startswith("--")):
            self._add(name, "true")
        elif left:
            self._add(name, left.pop(0))
        else:
            raise WrongUsage(f"{option} has no value ({argument.type.name})")

    def _take_other(self, option: str, name: str, has_value: str) -> None:
        denied = self._argument(name.removeprefix("no_"))
        if option == "--json":
            self.as_json = True
        elif option == "--help":
            self.wants_help = True
        elif denied is not None and _is_flag(denied) and not has_value:
            self._add(denied.name, "false")
        elif option == "--version":
            raise WrongUsage(f"--version stands before the command: tigrest ctl --version N {self._command.name} …")
        else:
            known = ", ".join(f"--{each}" for each in self._arguments) or "none"
            cure = f"it has {known}; write -- before arguments that begin with dashes"
            raise WrongUsage(f"{self._command.name} has no option {option[:40]}; {cure}")

    def _argument(self, name: str) -> Argument | None:
        return self._arguments.get(self._command.renamed.get(name, name))

    def _add(self, name: str, word: str) -> None:
        self.given.setdefault(name, []).append(word)

    def place(self) -> None:
        """Give the arguments in order to those that are not given by name; a list at the end takes the rest."""
        named = {self._command.renamed.get(name, name) for name in self.given}
        free = [argument for argument in self._command.arguments if argument.name not in named]
        for argument, word in zip(free, self.in_order, strict=False):
            self._add(argument.name, word)
        rest = self.in_order[len(free) :]
        if rest and free and free[-1].type.is_list:
            self.given[free[-1].name] += rest
        elif rest:
            most = len(self._command.arguments)
            raise WrongUsage(f"{self._command.name} takes {most} argument{'s' * (most != 1)}; {len(rest)} more given: {rest[0][:40]!r} …")


def _is_flag(argument: Argument) -> bool:
    return argument.type.field_type == "boolean"


def missing_arguments(command: Command, given: CommandWords) -> list[Argument]:
    """Return the arguments that have to be given and are not."""
    names = {command.renamed.get(name, name) for name in given.given}
    return [argument for argument in command.arguments if argument.default is MISSING and argument.name not in names]
