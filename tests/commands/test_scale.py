"""Many commands: work is counted instead of time, so that a busy machine makes no difference."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from tigrest.commands.registry import Commands
from tigrest.errors import UnknownCommand
from tigrest.scripting.commands import Command
from tigrest.scripting.loader import Loader
from tigrest.spelling import nearest
from tigrest.testing import serving

COMMAND = '''
@command("command_{number}_of_many", version={version}, role=None, effect="read", route="GET /things{number}/{{first}}")
async def command_{number}_{version}(ctx: CommandContext, first: int, second: list[str] = ()) -> dict[str, int]:
    """Do one thing.

    Args:
        first: the one.
        second: the others.
    """
    return {{"first": first}}
'''


def calls(work: Callable[[], object]) -> int:
    """Count the calls of functions in some work."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def written(folder: Path, number: int) -> Path:
    """Write a number of commands, ten to a file, in two versions each."""
    folder.mkdir()
    for first in range(0, number, 10):
        text = "".join(COMMAND.format(number=each, version=version) for each in range(first, first + 10) for version in (0, 2))
        (folder / f"file{first}.py").write_text("from tigrest import CommandContext, command\n" + text)
    return folder


@pytest.fixture(scope="module")
def few_and_many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Commands, Commands]:
    """Serve 10 and 300 commands."""
    root, found = tmp_path_factory.mktemp("many"), []
    with serving(builtins=False) as gateway:
        for number in (10, 300):
            commands = Commands(gateway.gateway.service)
            commands.serve(Loader([], command_dirs=[written(root / str(number), number)]).load().of(Command))
            assert len(commands.all()) == number
            found.append(commands)
    return found[0], found[1]


def test_many_commands_are_found_with_the_work_that_few_take(few_and_many: tuple[Commands, Commands]) -> None:
    few, many = few_and_many
    assert calls(lambda: few.find("command_7_of_many")) == calls(lambda: many.find("command_299_of_many"))
    assert calls(lambda: few.find("command_7_of_many", 1)) == calls(lambda: many.find("command_299_of_many", 1))
    assert calls(lambda: few.by_route("GET", "/things7/5")) == calls(lambda: many.by_route("GET", "/things299/5"))
    assert calls(lambda: few.by_route("GET", "/none/5")) == calls(lambda: many.by_route("GET", "/none/5"))


def test_what_is_nearly_the_name_of_one_of_many_is_compared_with_few(few_and_many: tuple[Commands, Commands]) -> None:
    many = few_and_many[1]
    with pytest.raises(UnknownCommand, match="did you mean 'command_123_of_many'"):
        many.find("comand_123_of_many")
    names = [command.name for command in many.all()]
    few_calls, many_calls = (calls(lambda known=known: nearest("comand_5_of_many", known)) for known in (names[:16], names))  # type: ignore[misc]
    assert many_calls < 2 * few_calls + 15 * len(names)


def test_each_command_is_loaded_with_the_same_work(tmp_path: Path) -> None:
    few, many = written(tmp_path / "few", 20), written(tmp_path / "many", 100)
    Loader([], command_dirs=[few]).load()  # imports and caches
    assert calls(lambda: Loader([], command_dirs=[many]).load()) < 6 * calls(lambda: Loader([], command_dirs=[few]).load())
