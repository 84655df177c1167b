"""Declaring commands: what is compiled, and what is refused with line and cure."""

from pathlib import Path

import pytest

from tigrest.scripting.commands import Command
from tigrest.scripting.loader import Loader
from tigrest.scripting.table import Table

HEAD = "from tigrest import CommandContext, Handler, command\n"
ADD = '''
@command(tags=("numbers",), role=None, effect="read")
async def add(ctx: CommandContext, first: int, second: int = 1) -> int:
    """Add two numbers.

    As is done in school.

    Args:
        first: the one.
        second: the other.

    Returns:
        The sum.
    """
    return first + second
'''


def load(folder: Path, **scripts: str) -> Table:
    folder.mkdir(exist_ok=True)
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(HEAD + text)
    return Loader([], command_dirs=[folder]).load()


def test_everything_comes_from_the_function(tmp_path: Path) -> None:
    [command] = load(tmp_path, numbers=ADD).of(Command)
    assert (command.name, command.version, command.category, command.role, command.is_read) == ("add", 0, "numbers", None, True)
    assert (command.summary, command.text, command.result_text) == ("Add two numbers", "As is done in school.", "The sum.")
    assert [(each.name, each.is_required, each.description) for each in command.arguments] == [
        ("first", True, "the one."),
        ("second", False, "the other."),
    ]
    assert command.result.schema() == {"type": "integer"}


def test_an_example_may_be_written_as_json_has_it(tmp_path: Path) -> None:
    text = "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n    name: str = ''\n"
    text += "@command(example=({}, [{'x': 1}]))\ndef f(ctx) -> list[Point]: ...\n"
    [command] = load(tmp_path, one=text).of(Command)
    assert command.example is not None
    assert command.result.plain_example(command.example[1]) == [{"x": 1, "name": ""}]


def test_versions_are_commands_of_one_name(tmp_path: Path) -> None:
    newer = ADD.replace("role=None", "version=2, role=None")
    assert [part.title for part in load(tmp_path, one=ADD, two=newer).of(Command)] == ["add", "add/v2"]


def test_two_definitions_of_one_version_name_both_files(tmp_path: Path) -> None:
    table = load(tmp_path, one=ADD, two=ADD)
    [problem] = table.problems
    assert [part.path.name for part in table.of(Command)] == ["one.py"]
    assert "two.py:" in str(problem)
    assert "one.py" in str(problem)
    assert "command add, version 0" in str(problem)


def test_a_keyword_of_python_is_an_argument_all_the_same(tmp_path: Path) -> None:
    text = (
        "@command()\ndef f(ctx, to: str, from_: str = '', *, in_: str = ''):\n    '''F.\n\n    Args:\n        from_: the sender.\n    '''\n"
    )
    [command] = load(tmp_path, one=text).of(Command)
    assert [(each.name, each.description) for each in command.arguments] == [("to", ""), ("from", "the sender."), ("in", "")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\n", "declares no command: decorate a function with @command()"),
        ("class A(Handler):\n    regex = ''\n    def exec_get(self): ...\n", "A is a handler; those live in [scripts] dirs"),
        ("@command('No')\ndef f(ctx): ...\n", ":2: command No: name 'No' is none"),
        ("@command(version=-1)\ndef f(ctx): ...\n", "version is -1"),
        ("@command(version=True)\ndef f(ctx): ...\n", "version is True"),
        ("@command(role='root')\ndef f(ctx): ...\n", "role is 'root'"),
        ("@command(effect='none')\ndef f(ctx): ...\n", "effect is 'none'"),
        ("@command(errors=(ValueError,))\ndef f(ctx): ...\n", "errors names something else"),
        ("@command(needs=('x',))\ndef f(ctx): ...\n", "needs names something else"),
        ("@command()\ndef f(): ...\n", "its first argument is the context"),
        ("@command()\ndef f(ctx, *rest): ...\n", "argument *rest has no name"),
        ("@command()\ndef f(user: str): ...\n", "its first argument is the context: write f(ctx: CommandContext, user: …)"),
        ("@command\ndef f(ctx): ...\n", ":2: TypeError: write @command() with parentheses above f"),
        ("@command()\ndef f(ctx, x: object): ...\n", "annotation <class 'object'> of argument 'x' is not understood"),
        ("@command()\ndef f(ctx, x: 'Nope'): ...\n", "cannot be evaluated"),
        ("@command()\ndef f(ctx):\n    yield 1\n", "it yields"),
        ("@command(route='/x')\ndef f(ctx): ...\n", "route is '/x'"),
        ("@command(route='GET /x')\ndef f(ctx): ...\n", "route begins with GET"),
        ("@command(route='POST /x/{y}')\ndef f(ctx): ...\n", "route names 'y', which is no argument"),
        ("@command(renamed={'a': 'b'})\ndef f(ctx, c: str): ...\n", "renamed says that 'a' is 'b' now, which is no argument"),
        ("@command(renamed={'a': 'b'})\ndef f(ctx, a: str, b: str): ...\n", "but there is an argument 'a'"),
        ("@command(example={'y': 1})\ndef f(ctx, x: int): ...\n", "example has 'y', which is no argument"),
        ("@command(example={'x': 'a'})\ndef f(ctx, x: int): ...\n", "example does not fit: x: 'a' is not a whole number"),
        ("@command(example=({}, [1]))\ndef f(ctx) -> list[str]: ...\n", "example does not fit: the result: 0: "),
        ("class R: ...\n@command()\ndef f(ctx) -> R: ...\n", "its result cannot be described"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, text: str, problem: str) -> None:
    table = load(tmp_path, broken=text, good=ADD)
    [told] = table.problems
    assert problem in str(told)
    assert [part.name for part in table.of(Command)] == ["add"]


def test_a_command_among_handlers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(HEAD + ADD)
    [problem] = Loader([tmp_path]).load().problems
    assert "add is a command; those live in [scripts] command_dirs" in str(problem)


def test_a_function_that_another_of_its_name_replaces_is_told(tmp_path: Path) -> None:
    [problem] = load(tmp_path, numbers=ADD + ADD.replace("role=None", "version=2, role=None")).problems
    assert "numbers.py:3: command add: another add below replaces it" in str(problem)


def test_a_name_that_looks_like_a_version_is_refused(tmp_path: Path) -> None:
    [problem] = load(tmp_path, numbers=ADD.replace("def add", "def v2")).problems
    assert "its name would be taken for a version in paths" in str(problem)


def test_what_a_command_is_about_are_its_arguments(tmp_path: Path) -> None:
    [problem] = load(tmp_path, numbers=ADD.replace("role=None", "role=None, about=('caller',)")).problems
    assert "about names 'caller', which is no argument" in str(problem)
    [problem] = load(tmp_path, numbers=ADD.replace("role=None", "role=None, dashes=('caller',)")).problems
    assert "dashes names 'caller', which is no argument" in str(problem)


@pytest.mark.parametrize("name", ["docs", "completion"])
def test_a_name_that_could_not_be_called_is_refused(tmp_path: Path, name: str) -> None:
    [problem] = load(tmp_path, numbers=ADD.replace("def add", f"def {name}")).problems
    assert "its name is that of " in str(problem)


def test_commands_may_lie_in_a_directory_of_handlers(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "numbers.py").write_text(HEAD + ADD)
    (tmp_path / "hello.py").write_text(
        "from tigrest import Handler\nclass Hello(Handler):\n    regex = '/hello'\n    def exec_get(self): ...\n"
    )
    table = Loader([tmp_path], command_dirs=[commands]).load()
    assert table.problems == ()
    assert ([route.uri for route in table.routes], [part.name for part in table.of(Command)]) == (["/rest/hello"], ["add"])


def test_a_built_in_command_stays_where_a_script_has_the_same_one(tmp_path: Path) -> None:
    mine, builtin = tmp_path / "mine", tmp_path / "builtin"
    load(builtin, school=ADD + ADD.replace("def add", "def other"))
    load(mine, a=ADD, b=ADD.replace("role=None", "version=1, role=None"))
    loader = Loader([], command_dirs=[mine, builtin])
    for table in (started := loader.load(), loader.load(started)):  # at the start, and when it is saved
        [problem] = table.problems
        assert str(problem).startswith(f"{mine}/a.py:3: command add, version 0 is already served by {builtin}/school.py:3; ")
        names = [(command.name, command.version, command.path.name) for command in table.of(Command)]
        assert sorted(names) == [("add", 0, "school.py"), ("add", 1, "b.py"), ("other", 0, "school.py")]
