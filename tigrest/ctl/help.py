"""The help of ``tigrest ctl``, made of what commands declare."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from tigrest.ctl.command_line import WrongUsage, command_name
from tigrest.ctl.rendering import Screen, as_text
from tigrest.scripting.commands import MISSING, Argument, Command
from tigrest.spelling import nearest

DEFAULT_WIDTH = 80
"""Columns where the output goes to no terminal."""

_KINDS = {
    "null": "nothing",
    "string": "a text",
    "object": "names and values",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}

INTRODUCTION = """\
tigrest ctl help commands      all commands
tigrest ctl help tags          what they are about: tags, each with its commands
tigrest ctl help TAG           the commands of a tag
tigrest ctl help COMMAND       how a command is used
tigrest ctl help "regist*"     commands by a pattern
tigrest ctl --version N help COMMAND
                               … as it is in version N of the API
"""


def listing(commands: Iterable[Command], width: int) -> str:
    """Return commands with their arguments, and what they do below."""
    lines: list[str] = []
    for command in commands:
        lines += textwrap.wrap(_usage(command), width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        lines += textwrap.wrap(command.summary or "–", width, initial_indent="    ", subsequent_indent="    ")
    return _joined(lines)


def tag_listing(commands: Sequence[Command], width: int) -> str:
    """Return all tags, each with its commands."""
    lines: list[str] = []
    for tag in tags_of(commands):
        lines.append(tag)
        names = ", ".join(command.name for command in commands if tag in command.tags)
        lines += textwrap.wrap(names, width, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    return _joined(lines)


def tags_of(commands: Iterable[Command]) -> list[str]:
    """Return the tags that commands have, sorted."""
    return sorted({tag for command in commands for tag in command.tags})


def matching(commands: Sequence[Command], topic: str) -> list[Command]:
    """Return the commands that a topic means: a tag, or a pattern of names.

    Raises:
        WrongUsage: it means none.
    """
    if any(char in topic for char in "*?["):
        found = [command for command in commands if fnmatchcase(command.name, command_name(topic))]
    else:
        found = [command for command in commands if topic in command.tags]
    if not found:
        near = nearest(command_name(topic), [command.name for command in commands] + tags_of(commands))
        cure = f"did you mean {near!r}?" if near else "see tigrest ctl help commands"
        raise WrongUsage(f"there is no command or tag {topic[:80]!r}; {cure}")
    return found


def command_help(command: Command, versions: Sequence[int], reason: str, width: int) -> str:
    """Return how a command is used.

    Args:
        command: which.
        versions: of all its definitions.
        reason: why the server cannot do it; empty when it can.
        width: of the lines, in columns.
    """
    lines = [f"tigrest ctl {_usage(command)}", "", *textwrap.wrap(command.summary, width)]
    if command.text:
        lines += ["", *_wrapped(command.text, width)]
    if command.arguments:
        lines += ["", "Arguments:", *_argument_lines(command.arguments, width)]
    lines += ["", *textwrap.wrap(f"Result: {_result(command)}", width, subsequent_indent="    ")]
    lines += _example_lines(command)
    lines += ["", f"Tags: {', '.join(command.tags) or '–'}", f"Role: {command.role or 'anybody'}"]
    lines.append("Effect: " + ("it only tells" if command.is_read else "it changes something"))
    if len(versions) > 1 or command.version:
        lines.append(f"Version: {command.version} (there is {', '.join(map(str, versions))})")
    if reason:
        lines += ["", *textwrap.wrap(f"Not possible here, because {reason}", width)]
    return _joined(lines)


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Wrap the paragraphs of a text in Markdown; lists, tables and code stay as they are."""
    for number, paragraph in enumerate(text.split("\n\n")):
        lines = paragraph.splitlines()
        yield from [""] if number else []
        yield from lines if any(line.startswith((" ", "-", "*", "|", "`" * 3)) for line in lines) else textwrap.wrap(paragraph, width)


def _usage(command: Command) -> str:
    words = (argument.name.upper() + ("..." if argument.type.is_list else "") for argument in command.arguments)
    shown = (word if argument.default is MISSING else f"[{word}]" for argument, word in zip(command.arguments, words, strict=True))
    return " ".join([command.name, *shown])


def _argument_lines(arguments: Sequence[Argument], width: int) -> Iterator[str]:
    widest = max(len(argument.name) for argument in arguments)
    for argument in arguments:
        kind = f"list of {argument.type.name}" if argument.type.is_list else argument.type.name
        default = "" if argument.default is MISSING or argument.type.is_secret else f"; default {_word(argument.default) or 'none'}"
        text = f"{kind}{default}" + (f": {argument.description}" if argument.description else "")
        yield from textwrap.wrap(text, width, initial_indent=f"  {argument.name:{widest}}  ", subsequent_indent=" " * (widest + 4))


def _result(command: Command) -> str:
    schema = command.result.schema()
    words = result_words(schema, schema) + (" (exit code 1)" if schema.get("type") == "boolean" else "")
    return f"{words}: {' '.join(command.result_text.split())}" if command.result_text else words


def result_words(schema: Mapping[str, object], root: Mapping[str, object]) -> str:
    """Return what a JSON schema describes, in words."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        definitions = root.get("$defs")
        found = definitions.get(reference.rpartition("/")[2]) if isinstance(definitions, dict) else None
        return result_words(found, root) if isinstance(found, dict) else "anything"
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        return " or ".join(dict.fromkeys(result_words(choice, root) for choice in choices))
    properties, items = schema.get("properties"), schema.get("items")
    if isinstance(properties, dict):
        return f"a record of {', '.join(properties)}"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        inner = result_words(items, root) if isinstance(items, dict) else "anything"
        return f"a list; each item is {inner}"
    return _KINDS.get(kind, kind)


def _example_lines(command: Command) -> list[str]:
    if command.example is None:
        return []
    arguments, result = command.example
    lines = ["", "Example:", f"    $ {example_line(command, arguments)}"]
    if result is not MISSING:
        printed = as_text(command.result.plain_example(result), command.result.schema(), Screen())
        lines += [f"    {line}" for line in printed.splitlines()]
    return lines


def example_line(command: Command, arguments: Mapping[str, object]) -> str:
    """Return a call of a command as a line for a shell: arguments in their order for as long as none is left out, then by name.

    Passwords are left out, since other users of the machine would see them: the program asks for them.
    """
    words = ["tigrest", "ctl", command.name]
    is_in_order = True
    for argument in command.arguments:
        if argument.name not in arguments or argument.type.is_secret:
            is_in_order = False
            continue
        word = _word(arguments[argument.name])
        words += [shlex.quote(word)] if is_in_order else [f"--{argument.name}", shlex.quote(word)]
    return " ".join(words)


def _word(value: object) -> str:
    if isinstance(value, list | tuple) and all(isinstance(each, str | int) for each in value):
        return ",".join(map(str, value))
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | tuple | bool) else str(value)


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
