"""What a gateway answers to ``tigrest ctl``: arguments, results, errors, help, completion."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ctl.shell import Shell, Typist
from tigrest.testing import serving

SCRIPT = '''
import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

from annotated_types import Ge

from tigrest import CommandContext, Conflict, HTTPException, JID, NotSupported, Secret, command


@dataclass
class Option:
    name: str
    value: str


@dataclass
class Contact:
    jid: str
    nick: str | None
    subscription: str
    ask: str
    groups: list[str]


JAN = Contact("jan@localhost", "jan", "none", "subscribe", ["group1", "group2"])
TOM = Contact("tom@localhost", "tom", "none", "subscribe", ["group3"])


@command(tags=("roster",), effect="read", version=1, example=({"user": "admin", "host": "localhost"}, [JAN]))
async def roster(ctx: CommandContext, user: str, host: str) -> list[Contact]:
    """Return the contacts of a user.

    They are those of the server.

    Args:
        user: local part of his address.
        host: the domain.

    Returns:
        His contacts.
    """
    return [JAN, TOM]


@command("roster", tags=("roster",), effect="read")
async def roster_0(ctx: CommandContext, user: str, host: str) -> list[dict[str, str | None]]:
    """Return the contacts of a user, with groups as one text."""
    return [{"jid": each.jid, "nick": each.nick, "groups": ";".join(each.groups)} for each in (JAN, TOM)]


@command(effect="read")
async def nobody_there(ctx: CommandContext) -> list[Contact]:
    """Return nobody."""
    return []


@command(effect="read")
async def record(ctx: CommandContext) -> Contact:
    """Return one."""
    return Contact("a@b", None, "both", "tab\\there", ["x\\ny"])


@command(effect="read")
async def pairs(ctx: CommandContext) -> dict[str, str]:
    """Return names and values."""
    return {"title": "Tea", "persistent": "true"}


@command(effect="read")
async def hostile(ctx: CommandContext) -> str:
    """Return what would clear a terminal."""
    return "\\x1b[2Jhello\\x9b\\u202e\\nthere"


@command(effect="read")
async def echo(
    ctx: CommandContext,
    text: str,
    number: Annotated[int, Ge(0)] = 1,
    loud: bool = False,
    kind: Literal["a", "b"] = "a",
    names: list[str] = [],
) -> dict[str, object]:
    """Return the arguments.

    Args:
        text: anything.
        kind: which.
    """
    return {"text": text, "number": number, "loud": loud, "kind": kind, "names": names}


@command(effect="read", renamed={"name": "room"})
async def options(ctx: CommandContext, room: str, options: list[Option], to: JID | None = None) -> list[Option]:
    """Return the options of a room."""
    return options


@command(tags=("secrets",))
async def keep(ctx: CommandContext, user: str, password: Secret) -> str:
    """Keep a secret."""
    return f"{user} has {password.value}"


@command(tags=("secrets",), effect="read")
async def compare(ctx: CommandContext, password: Secret) -> bool:
    """Compare a secret."""
    return password.value == "s3cret"


@command()
async def nothing(ctx: CommandContext) -> None:
    """Do nothing."""


@command(effect="read")
async def who(ctx: CommandContext) -> str:
    """Tell who calls."""
    return f"{ctx.principal} {ctx.principal.is_admin} {ctx.frontend} {ctx.version}"


@command()
async def fail(ctx: CommandContext, how: str) -> None:
    """Fail."""
    if how == "clear":
        raise Conflict("\\x1b[2J")
    if how == "http":
        raise HTTPException(418, "a teapot")
    if how == "crash":
        raise RuntimeError("a secret")
    raise {"conflict": Conflict, "never": NotSupported}[how](f"it is so: {how}")


@command()
async def endless(ctx: CommandContext) -> None:
    """Go on although cancelled."""
    while True:
        try:
            await asyncio.sleep(3)
            return
        except asyncio.CancelledError:
            pass


async def impossible(service) -> str:
    return "it has no rooms"


@command(needs=(impossible,))
async def build(ctx: CommandContext) -> None:
    """Build a room."""
'''


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder: Path = tmp_path_factory.mktemp("commands")
    (folder / "some.py").write_text(SCRIPT)
    with serving(commands=[folder], builtins=False, http={"request_timeout": 0.2}) as gateway:
        assert gateway.gateway.table.problems == ()
        yield Shell(gateway)


def wrong(line: str) -> tuple[int, str, str]:
    return 2, "", f"tigrest: {line}\n"


# Results


def test_records_are_lines_of_fields_with_tabs(shell: Shell) -> None:
    """As ``ejabberdctl get_roster`` prints them."""
    latest = "jan@localhost\tjan\tnone\tsubscribe\tgroup1,group2\ntom@localhost\ttom\tnone\tsubscribe\tgroup3\n"
    assert shell.ctl("roster", "admin", "localhost") == (0, latest, "")
    first = "jan@localhost\tjan\tgroup1;group2\ntom@localhost\ttom\tgroup3\n"
    assert shell.ctl("--version", "0", "roster", "admin", "localhost") == (0, first, "")
    assert shell.ctl("--version=0", "roster", "admin", "localhost") == (0, first, "")
    assert shell.ctl("nobody_there") == (0, "", "")


def test_records_are_tables_on_a_terminal(shell: Shell) -> None:
    assert shell.ctl("roster", "admin", "localhost", width=80).out == (
        "jid            nick  subscription  ask        groups\n"
        "jan@localhost  jan   none          subscribe  group1,group2\n"
        "tom@localhost  tom   none          subscribe  group3\n"
    )
    assert "\x1b[1m" in shell.ctl("roster", "admin", "localhost", width=80, colour=True).out
    assert all(len(line) <= 50 for line in shell.ctl("roster", "admin", "localhost", width=50).out.splitlines())
    assert shell.ctl("pairs", width=40).out == "title       Tea\npersistent  true\n"


def test_records_too_wide_for_a_terminal_stand_one_below_the_other(shell: Shell) -> None:
    first, second = shell.ctl("roster", "admin", "localhost", width=38).out.split("\n\n")
    assert first.splitlines()[:2] == ["jid           jan@localhost", "nick          jan"]
    assert second.splitlines()[-1] == "groups        group3"


def test_one_record_is_one_line_and_pairs_are_several(shell: Shell) -> None:
    assert shell.ctl("record").out == "a@b\t\tboth\ttab\\there\tx\\ny\n"
    assert shell.ctl("pairs").out == "title\tTea\npersistent\ttrue\n"


def test_other_results_stand_alone(shell: Shell) -> None:
    assert shell.ctl("nothing") == (0, "", "")
    assert shell.ctl("compare", "s3cret") == (0, "true\n", "")
    assert shell.ctl("who").out == "ctl root True ctl None\n"
    assert shell.ctl("--version", "7", "who").out == "ctl root True ctl 7\n"


def test_a_terminal_is_not_controlled_by_what_others_wrote(shell: Shell) -> None:
    assert shell.ctl("hostile", width=80).out == "\\x1b[2Jhello\\x9b\\u202e\nthere\n"
    assert shell.ctl("hostile", "--json", width=80).out == '"\\u001b[2Jhello\\u009b\\u202e\\nthere"\n'
    assert shell.ctl("fail", "clear").err == "tigrest: \\x1b[2J\n"
    assert shell.ctl("hostile").out == "\x1b[2Jhello\x9b\u202e\nthere\n"


def test_json_is_for_programs(shell: Shell) -> None:
    done = shell.ctl("--json", "pairs")
    assert done == (0, '{"title": "Tea", "persistent": "true"}\n', "")
    assert shell.ctl("pairs", "--json") == done
    assert shell.ctl("pairs", "--json", width=80).out == '{\n  "title": "Tea",\n  "persistent": "true"\n}\n'
    assert shell.ctl("nothing", "--json").out == "null\n"


# Arguments


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x", {"text": "x", "number": 1, "loud": False, "kind": "a", "names": []}),
        ("x 2 yes b", {"text": "x", "number": 2, "loud": True, "kind": "b", "names": []}),
        ("--number 2 x", {"text": "x", "number": 2}),
        ("--number=2 --kind b x true", {"text": "x", "number": 2, "loud": True, "kind": "b"}),
        ("x --loud", {"loud": True}),
        ("--loud --text x", {"loud": True, "text": "x"}),
        ("--loud=false x", {"loud": False}),
        ("--no-loud x", {"loud": False}),
        ("-- --number", {"text": "--number"}),
        ("-1", {"text": "-1"}),
        ("x 1 no a m,n", {"names": ["m", "n"]}),
        ("x 1 no a m n,o", {"names": ["m", "n", "o"]}),
        ("x --names m --names n", {"names": ["m", "n"]}),
        ('x --names ["m,n"]', {"names": ["m,n"]}),
        ("x --names=", {"names": []}),
        ("söng☃", {"text": "söng☃"}),
        ("--text=", {"text": ""}),
    ],
)
def test_arguments_stand_in_order_or_by_name(line: str, expected: dict[str, object], shell: Shell) -> None:
    done = shell.ctl("--json", "echo", *line.split())
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert {name: result[name] for name in expected} == expected


def test_dashes_stand_for_underscores(shell: Shell) -> None:
    assert shell.ctl("nobody-there").code == 0


def test_objects_are_json_and_arguments_have_their_former_names(shell: Shell) -> None:
    done = shell.ctl("options", "--name", "tea", "--options", '[{"name": "title", "value": "Tea"}]')
    assert done == (0, "title\tTea\n", "")
    assert shell.ctl("options", "tea", '{"title": "Tea", "moderated": "true"}').out == "title\tTea\nmoderated\ttrue\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "no command; see tigrest ctl help"),
        ("rostr", "there is no command 'rostr'; did you mean 'roster'?"),
        ("roster", "roster requires 2 more arguments: user, host; see tigrest ctl help roster"),
        ("roster --host x", "roster requires 1 more argument: user; see tigrest ctl help roster"),
        ("roster a b c", "roster takes 2 arguments; 1 more given: 'c' …"),
        ("nothing x", "nothing takes 0 arguments; 1 more given: 'x' …"),
        ("roster a b --usr c", "roster has no option --usr; it has --user, --host; write -- before arguments that begin with dashes"),
        ("roster a b --user c --user d", "roster takes 2 arguments; 1 more given: 'b' …"),
        ("roster a --user c --user d", "argument 'user' is given 2 times; give one"),
        ("roster a --host", "--host has no value (text)"),
        ("echo x seven", "argument 'number': 'seven' is not a whole number"),
        ("echo x --kind c", "argument 'kind': 'c' is not one of a, b"),
        ("roster a b --version 0", "--version stands before the command: tigrest ctl --version N roster …"),
        ("--version x status", "--version 'x' is no version; write a whole number"),
        ("--version -1 status", "--version '-1' is no version; write a whole number"),
        ("--version", "--version '' is no version; write a whole number"),
        ("-v status", "-v is no option before a command; see tigrest ctl --help"),
        ("--nope status", "--nope is no option before a command; see tigrest ctl --help"),
        ("help a b", "help has one topic; quote a pattern: tigrest ctl help 'regist*'"),
        ("help rooster", "there is no command or tag 'rooster'; did you mean 'roster'?"),
        ("help zzz*", "there is no command or tag 'zzz*'; see tigrest ctl help commands"),
        ("keep bob", "keep requires 1 more argument: password; see tigrest ctl help keep"),
        ("echo - --kind -", '"-" stands there twice, and standard input can be read once'),
        ("echo -", "text is to be read from standard input, and there is none"),
    ],
)
def test_wrong_usage_is_one_line(line: str, message: str, shell: Shell) -> None:
    assert shell.ctl(*line.split()) == wrong(message)


def test_a_value_out_of_range_is_wrong_usage(shell: Shell) -> None:
    done = shell.ctl("echo", "x", "-5")
    assert done.code == 2
    assert "number" in done.err


# Standard input and secrets


def test_a_dash_is_what_standard_input_has(shell: Shell) -> None:
    assert json.loads(shell.ctl("--json", "echo", "-", terminal=Typist(stdin="<message/>\n\n")).out)["text"] == "<message/>\n"
    assert json.loads(shell.ctl("--json", "echo", "x", "--names=-", terminal=Typist(stdin="a\nb\n")).out)["names"] == ["a", "b"]
    assert json.loads(shell.ctl("--json", "echo", "x", "--names=-", terminal=Typist(stdin='["a,b",\n"c"]')).out)["names"] == ["a,b", "c"]
    assert shell.ctl("keep", "bob", "-", terminal=Typist(stdin="s3cret\r\n")).out == "bob has s3cret\n"


def test_a_missing_secret_is_asked_for_where_somebody_sits(shell: Shell) -> None:
    typist = Typist(["s3cret"])
    assert shell.ctl("keep", "bob", terminal=typist) == (0, "bob has s3cret\n", "")
    assert typist.asked == [("new secret", "password: ")]
    typist = Typist(["s3cret"])
    assert shell.ctl("compare", terminal=typist).out == "true\n"
    assert typist.asked == [("secret", "password: ")]


def test_nobody_is_asked_when_more_is_missing(shell: Shell) -> None:
    typist = Typist(["s3cret"])
    assert shell.ctl("keep", terminal=typist) == wrong("keep requires 2 more arguments: user, password; see tigrest ctl help keep")
    assert typist.asked == []


def test_secrets_are_in_no_log(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tigrest"):
        shell.ctl("keep", "bob", "s3cret")
    [line] = [record.getMessage() for record in caplog.records if record.name == "tigrest.audit"]
    assert line.startswith("ctl root ctl keep(user='bob', password=***) ok ")


# Errors


def test_what_fails_is_one_line_with_the_reason(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    assert shell.ctl("fail", "conflict") == (1, "", "tigrest: it is so: conflict\n")
    assert shell.ctl("fail", "never") == (1, "", "tigrest: it is so: never\n")
    assert shell.ctl("fail", "http") == (1, "", "tigrest: a teapot\n")
    assert shell.ctl("build") == (1, "", "tigrest: build is not possible here, because it has no rooms\n")
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_a_defect_is_told_to_the_log_only(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    done = shell.ctl("fail", "crash")
    assert done.code == 1
    assert done.err.startswith("tigrest: an error in the gateway or in a script; its log has it under ")
    assert "a secret" not in done.err
    assert "RuntimeError: a secret" in caplog.text


def test_errors_are_json_where_that_is_wanted(shell: Shell) -> None:
    done = shell.ctl("--json", "fail", "conflict")
    assert (done.code, done.out) == (1, "")
    problem = json.loads(done.err)
    assert (problem["status"], problem["code"], problem["message"]) == (409, 409, "it is so: conflict")
    problem = json.loads(shell.ctl("echo", "x", "y", "--json").err)
    assert (problem["status"], problem["argument"], problem["reason"]) == (422, "number", "type")
    assert json.loads(shell.ctl("--json", "roster").err)["status"] == 400


def test_a_command_that_never_ends_is_left(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    done = shell.ctl("endless")
    assert (done.code, done.err) == (1, "tigrest: endless gave no result within 0.2 s\n")
    assert "swallows CancelledError" in caplog.text


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_false_is_a_failure_for_shells(shell: Shell, option: tuple[str, ...]) -> None:
    assert shell.ctl(*option, "compare", "wrong") == (1, "false\n", "")
    assert "Result: true or false (exit code 1)\n" in shell.ctl("help", "compare").out


# Help


def test_help_says_how_to_find_commands(shell: Shell) -> None:
    assert "tigrest ctl help tags" in shell.ctl("help").out


def test_commands_are_listed_with_arguments_and_what_they_do(shell: Shell) -> None:
    assert "echo TEXT [NUMBER] [LOUD] [KIND] [NAMES...]\n    Return the arguments\n" in shell.ctl("help", "commands").out
    assert all(len(line) <= 30 for line in shell.ctl("help", "commands", width=30).out.splitlines())


def test_tags_are_listed_with_their_commands(shell: Shell) -> None:
    assert shell.ctl("help", "tags").out == "roster\n    roster\nsecrets\n    compare, keep\n"


def test_a_tag_or_a_pattern_lists_some(shell: Shell) -> None:
    assert shell.ctl("help", "secrets").out == "compare PASSWORD\n    Compare a secret\nkeep USER PASSWORD\n    Keep a secret\n"
    assert shell.ctl("help", "co*").out == "compare PASSWORD\n    Compare a secret\n"
    assert shell.ctl("help", "nobody-*").out == "nobody_there\n    Return nobody\n"


def test_the_help_of_a_command_has_it_all(shell: Shell) -> None:
    expected = """\
tigrest ctl roster USER HOST

Return the contacts of a user

They are those of the server.

Arguments:
  user  text: local part of his address.
  host  text: the domain.

Result: a list; each item is a record of jid, nick, subscription, ask, groups: His contacts.

Example:
    $ tigrest ctl roster admin localhost
    jan@localhost	jan	none	subscribe	group1,group2

Tags: roster
Role: admin
Effect: it only tells
Version: 1 (there is 0, 1)
"""
    assert shell.ctl("help", "roster", width=100).out == expected
    assert shell.ctl("roster", "--help", width=100).out == expected
    assert "Version: 0 (there is 0, 1)" in shell.ctl("--version", "0", "help", "roster").out
    assert "Not possible here, because it has no rooms\n" in shell.ctl("help", "build").out


def test_every_built_in_command_has_help_in_every_version() -> None:
    with serving() as gateway:
        commands, shell = gateway.gateway.parts.pipeline.commands, Shell(gateway)
        for command in commands.all():
            for version in commands.versions(command.name):
                done = shell.ctl("--version", str(version), command.name, "--help")
                assert (done.code, done.err) == (0, ""), command.title
                assert done.out.startswith(f"tigrest ctl {command.name}")
                assert all(len(line) <= 80 or line.startswith("    ") for line in done.out.splitlines()), command.title
                assert "``" not in done.out, command.title
        assert "    $ tigrest ctl register bob example.org\n    User bob@" in shell.ctl("help", "register").out  # it asks for the password
        roster = shell.ctl("--version", "0", "help", "get_roster").out
        assert "    $ tigrest ctl get_roster bob example.org\n    jan@example.org\tJan\tboth\tnone\tFriends;Work\n" in roster


# Completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ro"], ["roster"]),
        (["hel"], ["help"]),
        (["--js"], ["--json"]),
        (["--version", "0", "--socket", "x", "ro"], ["roster"]),
        (["--version", ""], []),
        (["help", "se"], ["secrets"]),
        (["help", "ro"], ["roster", "roster"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["roster", ""], ["--user", "--host"]),
        (["roster", "bob", ""], ["--host"]),
        (["roster", "--host", ""], []),
        (["roster", "--host", "x", ""], ["--user"]),
        (["roster", "--host", "=", "x", "--"], ["--user"]),
        (["echo", "--kind", ""], ["a", "b"]),
        (["echo", "--kind", "=", "b"], ["b"]),
        (["echo", "x", "1", "no", "a"], ["a"]),
        (["nope", ""], []),
    ],
)
def test_words_are_completed(words: list[str], expected: list[str], shell: Shell) -> None:
    done = shell.ctl("--complete", *words)
    assert (done.code, done.err) == (0, "")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == expected


def test_completion_says_what_words_mean(shell: Shell) -> None:
    assert shell.ctl("--complete", "ros").out == "roster\tReturn the contacts of a user\n"
