"""The documentation is true: what there is is described, what is described is there, and every example works as printed."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
from pydantic import SecretStr

import tigrest
from tests.cli.process import run_script_tests
from tests.curl import BASE, SHELLS, STREAM_SECONDS, Shell, adapted, listening
from tigrest import errors
from tigrest.backends.adhoc import AdHoc
from tigrest.backends.admin_commands import AdminCommands
from tigrest.backends.backend import UserRepository
from tigrest.cli.program import app
from tigrest.config import Config, builtin_scripts, known_keys, load
from tigrest.config.keys import table_at
from tigrest.formats.content import TYPE_NAMES, read_xml, write_xml
from tigrest.gateway.demo import picture
from tigrest.http.accepted_format import choose_format
from tigrest.scripting.handler import LISTENS, Handler, Match
from tigrest.scripting.listening import ListeningLimits
from tigrest.scripting.loader import Loader
from tigrest.scripting.schedules import Cron, PeriodLimits, local_now
from tigrest.scripting.scheduling import SchedulingLimits
from tigrest.scripting.signature import REQUEST, STANZA
from tigrest.scripting.usage import usages
from tigrest.service import Service
from tigrest.service.avatars import Avatars
from tigrest.service.bosh import BoshEndpoint
from tigrest.service.rooms import Rooms
from tigrest.testing import ACCOUNTS, API_KEY, PASSWORD, serving
from tigrest.xmpp.conditions import CONDITIONS, EXCEPTIONS

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))

ANY = "…"
"""Stands in an example for what is different each time."""

FOLLOWED = ("prosody.md", "ejabberd.md", "jabberd2.md", "tigase.md")
"""Pages that are followed line by line with the server they are about: tests/servers/test_newcomer.py, test_jabberd2.py, test_tigase_page.py"""

PLACE = re.compile(r"(?:# |\{# )((?:scripts|tests|plugins)/\S+|\w+\.py)(?: #\})?\n")
"""First line of an example that is a file."""


@dataclass(frozen=True)
class Block:
    """A fenced example."""

    language: str
    text: str
    line: int

    @property
    def path(self) -> str:
        """Return which file it is; empty when it is none."""
        place = PLACE.match(self.text)
        return place[1] if place else ""


def read(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> list[Block]:
    """Return the examples of a page, in order."""
    text = read(page)
    found = re.finditer(r"^```(\S*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    all_blocks = [Block(match[1], match[2], text.count("\n", 0, match.start()) + 2) for match in found]
    return [block for block in all_blocks if not languages or block.language in languages]


def prose(page: str) -> str:
    """Return a page without its examples."""
    return re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)


def headings(page: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of any level."""
    match = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", prose(page), re.MULTILINE | re.DOTALL)
    assert match is not None, f"{page} has no heading {heading!r}"
    return match[1]


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a text: rows of cells, without the heading."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]] for table in found]


def code(cell: str) -> str:
    """Return the first piece of code in a cell."""
    match = re.search(r"`([^`]+)`", cell)
    return match[1] if match else ""


# The pages


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (DOCS / path).resolve() if path else DOCS / page
        assert file.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in [_slug(heading) for heading in headings(file.name)], f"{page}: {target}"


def _slug(heading: str) -> str:
    """Return the anchor of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_index_has_every_page() -> None:
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", read("README.md")))
    assert linked == set(PAGES) - {"README.md"}


def test_what_scripts_import_is_mentioned() -> None:
    everything = " ".join(read(page) for page in PAGES)
    assert [name for name in tigrest.__all__ if not re.search(rf"\b{name}\b", everything)] == []


# Examples, as text


@pytest.mark.parametrize("page", PAGES)
def test_examples_can_be_read(page: str) -> None:
    for block in blocks(page):
        where = f"docs/{page}:{block.line}"
        try:
            match block.language:
                case "json":
                    json.loads(block.text)
                case "xml":
                    ET.fromstring(block.text)
                case "toml":
                    tomllib.loads(block.text)
                case "python":
                    compile(block.text, where, "exec")
                case "bash" | "diff" | "html" | "http" | "lua" | "nginx" | "text" | "yaml":
                    pass
                case language:
                    pytest.fail(f"{where}: a fence of language {language!r}")
        except (ValueError, SyntaxError) as error:
            pytest.fail(f"{where}: {error}")


@pytest.mark.parametrize("page", PAGES)
def test_examples_of_configuration_are_valid(page: str, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        if set(tomllib.loads(block.text)) <= set(Config.model_fields):
            file = tmp_path / "config.toml"
            file.write_text(block.text)
            secret = tmp_path / "secret"
            secret.write_text("change-me")
            load(file, {"TIGREST__XMPP__SECRET_FILE": str(secret)} if "secret_file" in block.text else {})


@pytest.mark.parametrize("page", PAGES)
def test_examples_of_commands_are_valid(page: str) -> None:
    for block in blocks(page, "bash"):
        for line in re.findall(r"(?:^|[=|] ?|\S )tigrest (.+)$", block.text, re.MULTILINE):
            command, arguments = _command(shlex.split(line))
            command.make_context(command.name, arguments)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


# Examples, as they run


def is_pasted(block: Block) -> bool:
    """Return whether an example is curl lines that this gateway answers."""
    return block.language == "bash" and BASE in block.text and "curl " in block.text


RUNNING_PAGES = [
    page for page in PAGES if page not in FOLLOWED and any(block.path.startswith("scripts/") or is_pasted(block) for block in blocks(page))
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("page", RUNNING_PAGES)
def test_examples_work_as_printed(page: str, shell: str, tmp_path: Path) -> None:
    """Do what a reader does: write the scripts as they come, paste the curl lines, compare the answers."""
    scripts = tmp_path / "scripts" / "rest"
    scripts.mkdir(parents=True)
    (tmp_path / "scripts" / "commands").mkdir()
    domain = "example.com" if page == "handlers.md" else "localhost"
    examples = blocks(page)
    plugins = [block for block in examples if block.path.startswith("plugins/")]
    for block in plugins:
        (tmp_path / "plugins").mkdir(exist_ok=True)
        (tmp_path / block.path).write_text(block.text)
    with (
        serving(
            scripts,
            commands=[tmp_path / "scripts" / "commands"],
            domain=domain,
            plugins={"dirs": [str(tmp_path / "plugins")] if plugins else []},
            auth={"tokens": {"register": "key"}},
        ) as gateway,
        listening(gateway) as base,
    ):
        assert gateway.put(f"/rest/avatar/alice@{domain}", login="alice", content=picture("alice")).status_code == 200
        for block, after in zip_longest(examples, examples[1:]):
            if block.path.startswith("scripts/"):
                file = tmp_path / block.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text)
                gateway.reload()
                assert [str(problem) for problem in gateway.gateway.table.problems] == [], f"docs/{page}:{block.line}"
            elif is_pasted(block):
                _paste(Shell(shell, tmp_path, STREAM_SECONDS if " -N " in block.text else 20), base, page, block, after)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_readme_works_as_printed(shell: str, tmp_path: Path) -> None:
    text = (DOCS.parent / "README.md").read_text("utf-8")
    scripts = re.findall(r"`scripts/([a-z/_]+\.py)`:\n\n```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in scripts] == ["rest/tested/hello.py", "commands/greetings.py"]
    for name, script in scripts:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(script)
    pasting = Shell(shell, tmp_path)
    with serving(tmp_path / "rest", commands=[tmp_path / "commands"]) as gateway, listening(gateway) as base:
        said = [pasting.paste(adapted(line, base).replace("PASSWORD", PASSWORD)) for line in re.findall(r"^curl .*$", text, re.MULTILINE)]
    assert [answer.status for answer in said] == [200, 202, 200, 200, 200], said
    assert said[0].text in text
    assert said[3].json()["version"]["name"] == "tigrest"
    assert said[4].text in text


def test_every_handler_in_an_example_is_a_file() -> None:
    for page in PAGES:
        for block in blocks(page, "python"):
            assert "(Handler)" not in block.text or block.path, f"docs/{page}:{block.line}: begin with a comment that names its file"


def _paste(shell: Shell, base: str, page: str, block: Block, after: Block | None) -> None:
    answer = shell.paste(adapted(block.text, base))
    where = f"docs/{page}:{block.line}: {answer}"
    printed = after.text if after else ""
    status, headers = answer.status if answer.status in (200, 201, 202) else 200, {}
    match after.language if after else "":
        case "http":
            head, _, printed = printed.partition("\n\n")
            first, *fields = head.splitlines()
            version, code, _ = first.split(" ", 2)  # the words of 422 differ between Python's releases
            assert answer.head.startswith(f"{version} {code} "), where
            status = int(code)
            headers = dict(field.split(": ", 1) for field in fields)
            media = headers.get("content-type", "")
            assert _same(_value(media, printed), _value(media, answer.text)), where
        case "json":
            assert _same(_value("application/json", printed), _value("application/json", answer.text)), where
        case "xml":
            assert _same(_value("application/xml", printed), _value("application/xml", answer.text)), where
    assert answer.status == status, where
    assert all(earlier in (200, 202) for earlier in answer.statuses[:-1]), where
    assert not answer.error or " -N " in block.text, where
    shown = dict(line.split(": ", 1) for line in answer.head.split("\r\n")[1:])
    assert {name: shown.get(name) for name in headers} == headers, where


def _value(content_type: str, text: str) -> Any:
    if content_type.endswith("json"):
        return json.loads(text)
    return _tree(ET.fromstring(text)) if content_type.endswith("xml") else text.strip()


def _tree(element: ET.Element) -> list[Any]:
    return [element.tag, dict(element.attrib), (element.text or "").strip(), [_tree(child) for child in element]]


def _same(printed: Any, actual: Any) -> bool:
    if printed == ANY:
        return isinstance(actual, str) and actual != ""
    if isinstance(printed, dict) and isinstance(actual, dict):
        return list(printed) == list(actual) and all(_same(printed[key], actual[key]) for key in printed)
    if isinstance(printed, list) and isinstance(actual, list):
        return len(printed) == len(actual) and all(map(_same, printed, actual))
    return bool(printed == actual)


@pytest.mark.parametrize("page", ["testing.md", "plugins.md", "writing-commands.md"])
def test_the_tests_on_a_page_pass(page: str, tmp_path: Path) -> None:
    files = [block for block in blocks(page, "python") if block.path]
    for block in files:
        (tmp_path / block.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / block.path).write_text(block.text)
    (tmp_path / "conftest.py").write_text("from tigrest.testing import gateway\n")
    done = run_script_tests(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{sum(block.text.count('def test_') for block in files)} passed" in done.stdout


def test_the_example_of_a_plugin_works_in_a_package_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = [block for block in blocks("plugins.md", "python") if block.path == "plugins/shop.py"]
    (tmp_path / "shop_plugin.py").write_text(block.text)
    info = tmp_path / "shop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1\n")
    examples = [tomllib.loads(block.text) for block in blocks("plugins.md", "toml")]
    [entry] = [example["project"]["entry-points"] for example in examples if "project" in example]
    lines = [f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in names.items()) for group, names in entry.items()]
    (info / "entry_points.txt").write_text("".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "stock.py").write_text(
        "from shop_plugin import Stock\nfrom tigrest import Handler, inject\nclass H(Handler):\n"
        "    regex = '/stock'\n    stock: Stock = inject()\n    def exec_get(self): return self.stock.fruit\n"
    )
    with serving(scripts) as gateway:
        assert gateway.get("/rest/stock?type=json").json() == {"apple": 3}
    sys.modules.pop("shop_plugin", None)


# Configuration


def _documented_keys() -> Iterator[tuple[str, list[str]]]:
    """Keys such as ``auth.api_keys.name`` with their rows."""
    for heading in headings("configuration.md"):
        table = re.fullmatch(r"`\[+([\w.<>]+)\]+`", heading)
        if table:
            for row in tables(section("configuration.md", heading))[0]:
                yield f"{table[1]}.{code(row[0])}", row


def test_every_key_of_the_configuration_is_described_and_no_other() -> None:
    documented = [key for key, _ in _documented_keys()]
    assert sorted(documented) == sorted(key.replace("[]", "") for key in known_keys())


def test_keys_are_described_with_their_defaults() -> None:
    for key, (_, _, default, _) in _documented_keys():
        *path, name = key.split(".")
        model = table_at(path)
        assert model is not None, key
        field = model.model_fields.get(name) or next(each for each in model.model_fields.values() if each.alias == name)
        actual = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={"domain": "localhost"})
        assert (tomllib.loads(f"value = {code(default)}")["value"] if default else None) == _toml(actual), key


def _toml(value: Any) -> Any:
    """Return a default as TOML has it."""
    if isinstance(value, tuple):
        return [_toml(item) for item in value]
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, str | Path) else value


# Command line


def _commands(command: Any, path: str = "tigrest") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children or [option for option in _options(command) if option != "--help"]:
        arguments = [parameter.metavar for parameter in command.params if parameter.param_type_name == "argument"]
        yield " ".join([path, *arguments]), command
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def _options(command: Any) -> set[str]:
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    return {name for option in options for name in (*option.opts, *option.secondary_opts) if name.startswith("--")}


def test_every_command_is_described_and_no_other() -> None:
    documented = [code(heading) for heading in headings("configuration.md") if code(heading).startswith("tigrest")]
    assert sorted(documented) == sorted(usage for usage, _ in _commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("usage", "command"), list(_commands(typer.main.get_command(app))))
def test_every_option_is_described_and_no_other(usage: str, command: Any) -> None:
    rows = [row for table in tables(section("configuration.md", f"`{usage}`")) for row in table]
    documented = {option for row in rows for option in re.findall(r"--[\w-]+", row[0])}
    assert documented == _options(command) - {"--help"}


# Handlers


def test_every_attribute_of_a_handler_is_described_and_no_other() -> None:
    documented = [re.split(r"\W", code(row[0]))[0] for row in tables(section("arguments.md", "Attributes"))[0]]
    assert documented == [name for name in vars(Handler) if not name.startswith("_")]
    assert {"`startup(self, service)`", "`shutdown(self)`"} <= set(re.findall(r"`[^`]+`", section("arguments.md", "Attributes")))


def test_attributes_are_described_with_their_defaults() -> None:
    for name, default, _ in tables(section("arguments.md", "Attributes"))[0]:
        if code(default):
            assert ast.literal_eval(code(default)) == getattr(Handler, code(name))


def test_every_injected_argument_is_described_and_no_other() -> None:
    assert [code(row[0]) for row in tables(section("arguments.md", "Injected arguments"))[0]] == list(REQUEST.injected)


def test_what_listeners_are_given_is_described_and_nothing_else() -> None:
    methods, arguments = tables(section("listening.md", "Methods"))
    assert [code(row[0]) for row in methods] == list(LISTENS)
    described = {code(row[0]): ["message", "presence", "iq"] if row[1] == "all" else [LISTENS[code(row[1])]] for row in arguments}
    assert {kind: tuple(name for name, kinds in described.items() if kind in kinds) for kind in STANZA} == {
        kind: sources.injected for kind, sources in STANZA.items()
    }


def test_every_field_of_a_match_is_described_with_its_default() -> None:
    documented = {code(row[0]): ast.literal_eval(code(row[1])) for row in tables(section("listening.md", "Which stanzas"))[0]}
    assert documented == dataclasses.asdict(Match())


def test_the_limits_of_listeners_are_described() -> None:
    text = section("listening.md", "Order and limits")
    limits = ListeningLimits()
    lane = limits.lane
    assert f"of {lane.at_once} senders at once. {lane.waiting} may wait for it, {lane.waiting_of_sender} of one sender" in text
    assert f"answers {limits.iqs} iqs at once" in text
    assert f"for {limits.stop_seconds:g} seconds" in text


def test_the_limits_of_schedules_are_described() -> None:
    assert f"waits {SchedulingLimits().stop_seconds:g} seconds" in section("schedules.md", "Runs")
    assert f"from {PeriodLimits().least:g} s to a year" in section("schedules.md", "When")


def test_times_of_cron_are_examples_that_load() -> None:
    for expression, _ in tables(section("schedules.md", "When"))[1]:
        Cron(code(expression)).after(local_now())


def test_the_first_bot_is_the_example() -> None:
    [block] = [block for block in blocks("listening.md", "python") if block.path == "scripts/rest/echo.py"]
    assert block.text.partition("class Echo")[2] in (DOCS.parent / "examples" / "bots" / "echo.py").read_text()


SERVICE_PARTS: dict[str, type] = {
    "admin_commands": AdminCommands,
    "adhoc": AdHoc,
    "bosh": BoshEndpoint,
    "avatars": Avatars,
    "rooms": Rooms,
    "users": UserRepository,
}


def _service_members() -> Iterator[tuple[str, type, str]]:
    """Names of what scripts may use, with class and name there."""
    for name in vars(Service):
        if not name.startswith("_") and name not in SERVICE_PARTS and name != "policy":  # of no use to scripts
            yield name, Service, name
    for part, cls in SERVICE_PARTS.items():
        yield from ((f"{part}.{name}", cls, name) for name in vars(cls) if not name.startswith("_"))


def test_the_service_is_described_as_it_is() -> None:
    documented = {code(row[0]).partition("(")[0]: row for row in tables(section("arguments.md", "The service"))[0]}
    members = {name: getattr(cls, member) for name, cls, member in _service_members()}
    assert set(documented) == set(members)
    for name, (shown, _, raised) in documented.items():
        if callable(members[name]):
            parameters = inspect.signature(members[name]).parameters.values()
            given = ast.parse(f"def f{code(shown)[len(name) :]}: ...").body[0]
            assert isinstance(given, ast.FunctionDef)
            several, named = ([one] if one else [] for one in (given.args.vararg, given.args.kwarg))
            arguments = [*given.args.args, *several, *given.args.kwonlyargs, *named]
            assert [argument.arg for argument in arguments] == [parameter.name for parameter in parameters if parameter.name != "self"], (
                name
            )
            defaults = [ast.literal_eval(value) for value in [*given.args.defaults, *given.args.kw_defaults] if value is not None]
            assert defaults == [p.default for p in parameters if p.default is not p.empty], name
        for error in re.findall(r"`([A-Z]\w+)`", raised):
            assert issubclass(getattr(errors, error), errors.TigrestError), name


# Content and results


def test_xml_is_read_as_described() -> None:
    for xml, value in tables(section("arguments.md", "Content"))[1]:
        assert read_xml(code(xml).encode()) == ast.literal_eval(code(value))


def test_xml_is_written_as_described() -> None:
    for value, xml in tables(section("results.md", "XML"))[0]:
        assert write_xml(ast.literal_eval(code(value))) == code(xml).encode()


def test_forms_are_negotiated_as_described() -> None:
    text = section("results.md", "JSON or XML")
    for *given, form in tables(text)[0]:
        asked = [code(cell) for cell in given]
        assert choose_format(asked[0], asked[1], asked[2]).encoding == form.lower(), asked
    assert all(f"`{name}`" in text for name in TYPE_NAMES)


def test_every_status_is_described_and_no_other() -> None:
    own, xmpp = tables(section("results.md", "Statuses"))
    assert {code(name): int(status) for status, name, _ in own} == {kind.__name__: meaning.status for kind, meaning in EXCEPTIONS.items()}
    documented = {name: int(status) for status, names in xmpp for name in re.findall(r"`([^`]+)`", names)}
    assert documented == {name: condition.status for name, condition in CONDITIONS.items()}


def test_every_metric_of_ours_is_described_and_no_other(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        served = set(re.findall(r"(?m)^# HELP (tigrest_\w+)", gateway.get("/metrics").text))
    assert set(re.findall(r"(?m)^\| `(tigrest_\w+)`", read("operating.md"))) == served


# Built-in handlers


def test_every_shipped_route_is_described_and_no_other() -> None:
    table = Loader([builtin_scripts()]).load()
    assert table.problems == ()
    served = {f"{usage.method} {usage.uri}" for route in table.routes for usage in usages(route)}
    documented = [code(heading) for heading in headings("handlers.md") if "/rest" in heading]
    assert sorted(documented) == sorted(served)


def test_the_accounts_of_tests_are_named() -> None:
    assert all(f"`{name}`" in read("testing.md") for name in ACCOUNTS)
    assert API_KEY in read("testing.md")
