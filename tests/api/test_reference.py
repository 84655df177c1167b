"""The reference of commands in the documentation."""

import re
from pathlib import Path

from tests.sources import ROOT
from tests.test_docs import read
from tigrest.api.reference import COMMANDS_BEGIN, COMMANDS_END, builtin_command_reference, update_command_pages, with_commands
from tigrest.config import builtin_commands
from tigrest.scripting.commands import Command
from tigrest.scripting.loader import Loader


def test_the_page_is_up_to_date() -> None:
    assert with_commands(read("commands.md")) == read("commands.md"), "make docs"


def test_the_page_can_be_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{COMMANDS_BEGIN}\nold\n{COMMANDS_END}\nafter\n")
    update_command_pages([str(page)])
    assert page.read_text() == f"before\n{COMMANDS_BEGIN}\n\n{builtin_command_reference()}\n\n{COMMANDS_END}\nafter\n"


def test_it_has_every_command_with_every_argument() -> None:
    reference = builtin_command_reference()
    commands = Loader([], command_dirs=[builtin_commands()]).load().of(Command)
    assert {command.name for command in commands} == set(re.findall(r"^### `(\w+)`$", reference, re.MULTILINE))
    assert {argument.name for command in commands for argument in command.arguments} <= set(
        re.findall(r"^\| `(\w+)` \|", reference, re.MULTILINE)
    )


def test_scalars_of_commands_that_only_tell_have_the_names_that_ejabberds_clients_expect() -> None:
    commands = Loader([], command_dirs=[builtin_commands()]).load().of(Command)
    unnamed = {command.name for command in commands if command.result.annotation in (int, float) and not command.specification.result}
    assert unnamed == set()


def test_mongooseims_places_are_listed_and_no_other() -> None:
    commands = Loader([], command_dirs=[builtin_commands()]).load().of(Command)
    listed = dict(re.findall(r"^\| `(\w+ /api/\S+)` \| `(\w+)` \|$", read("from-mongooseim.md"), re.MULTILINE))
    assert listed == {f"{route[0]} /api{route[1]}": command.name for command in commands if (route := command.route) is not None}


def test_make_docs_writes_it() -> None:
    assert "tigrest.api.reference docs/commands.md" in (ROOT / "Makefile").read_text()
