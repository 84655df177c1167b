"""The reference of built-in commands in the documentation, generated from their declarations.

``python -m tigrest.api.reference docs/commands.md`` updates a page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tigrest.config import builtin_commands
from tigrest.errors import TigrestError
from tigrest.formats.content import write_json
from tigrest.http.statuses import phrase
from tigrest.scripting.commands import MISSING, Argument, Command
from tigrest.scripting.loader import Loader
from tigrest.xmpp.conditions import EXCEPTIONS

COMMANDS_BEGIN, COMMANDS_END = "<!-- commands: written from their declarations by make docs -->", "<!-- end of commands -->"
"""Lines of a page around the generated part."""


def command_reference(commands: Sequence[Command]) -> str:
    """Write the reference of commands in Markdown, by category.

    Args:
        commands: sorted by name and version.
    """
    categories: dict[str, dict[str, list[Command]]] = {}
    for command in commands:
        categories.setdefault(command.category, {}).setdefault(command.name, []).append(command)
    lines: list[str] = []
    for category, names in sorted(categories.items()):
        lines += [f"## `{category}`", ""]
        for versions in names.values():
            lines += _entry(versions)
    return "\n".join(lines).rstrip()


def builtin_command_reference() -> str:
    """Write the reference of the commands that come with tigrest."""
    return command_reference(Loader([], command_dirs=[builtin_commands()]).load().of(Command))


def _entry(versions: Sequence[Command]) -> Iterator[str]:
    """Write what there is to say of a command: all of its latest definition, and how older ones differ."""
    *older, latest = versions
    yield from [f"### `{latest.name}`", "", f"{latest.summary}.", ""]
    if latest.text:
        yield from [latest.text, ""]
    yield from [_places(latest), ""]
    yield from _definition(latest)
    for command in reversed(older):
        yield from [f"**Version {command.version}**: {command.summary[:1].lower()}{command.summary[1:]}.", ""]
        yield from _definition(command)


def _places(command: Command) -> str:
    places = [f"`{method} /api/{command.name}`" for method in command.methods]
    if command.route is not None:
        places.append(f"`{command.route[0]} /api{command.route[1]}`")
    role = f"role `{command.role}`" if command.role is not None else "for everybody"
    since = f"version {command.version}, " if command.version else ""
    return f"{', '.join(places)}; {since}{role}."


def _definition(command: Command) -> Iterator[str]:
    if command.arguments:
        yield from ["| argument | type | default | |", "|---|---|---|---|"]
        before = {now: before for before, now in command.renamed.items()}
        yield from (_row(argument, before.get(argument.name, "")) for argument in command.arguments)
        yield ""
    if command.result_text:
        yield from [f"Result: {' '.join(command.result_text.split())}", ""]
    if statuses := sorted(set(map(_status, command.specification.errors))):
        yield from [f"Errors of its own: {', '.join(f'{status} {phrase(status)}' for status in statuses)}.", ""]
    if command.example is not None:
        arguments, result = command.example
        answer = "" if result is MISSING else f" is answered by `{write_json(result).decode()}`"
        yield from [f"Example: `{write_json(dict(arguments)).decode()}`{answer}", ""]


def _status(error: type[TigrestError]) -> int:
    return next((EXCEPTIONS[kind].status for kind in error.__mro__ if kind in EXCEPTIONS), 500)


def _row(argument: Argument, before: str) -> str:
    default = "" if argument.is_required else f"`{write_json(argument.default).decode()}`"
    meaning = argument.description.replace("|", r"\|") + (f" Before: `{before}`." if before else "")
    return f"| `{argument.name}` | {argument.type.name.replace('|', ', ')} | {default} | {meaning} |"


def with_commands(page: str) -> str:
    """Return a page with its generated part up to date."""
    generated = f"{COMMANDS_BEGIN}\n\n{builtin_command_reference()}\n\n{COMMANDS_END}"
    return re.sub(f"{re.escape(COMMANDS_BEGIN)}.*{re.escape(COMMANDS_END)}", lambda _: generated, page, flags=re.DOTALL)


def update_command_pages(paths: Iterable[str]) -> None:
    """Update the generated part of pages.

    Args:
        paths: files in Markdown.
    """
    for path in map(Path, paths):
        path.write_text(with_commands(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    update_command_pages(sys.argv[1:])
