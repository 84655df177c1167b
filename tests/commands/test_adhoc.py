"""Commands as ad-hoc commands of the gateway's address: who sees them, their forms, their results and their refusals."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.commands.adhoc_client import NODE, Requester, ask_on_embedded
from tigrest.errors import StanzaError
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.forms import DataForm, Field, Option
from tigrest.xmpp.namespaces import COMMANDS

SCRIPT = '''
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge

from tigrest import CommandContext, Conflict, HTTPException, JID, NotFound, Secret, command


@dataclass
class Setting:
    name: str
    value: str


@command(role=None, effect="read")
async def ping(ctx: CommandContext) -> str:
    """Answer."""
    return "pong"


@command(role=None)
async def tick(ctx: CommandContext) -> None:
    """Do nothing, and be it known.

    It *changes* nothing either.
    """


@command(role="user", effect="read")
async def whoami(ctx: CommandContext) -> dict[str, Any]:
    """Tell who calls."""
    return {"jid": ctx.principal.jid, "by": ctx.frontend, "admin": ctx.principal.is_admin, "none": None}


@command(errors=(Conflict,))
async def enrol(
    ctx: CommandContext,
    user: str,
    host: str,
    password: Secret,
    mode: Literal["slow", "fast"] = "slow",
    age: Annotated[int, Ge(18)] | None = None,
    groups: list[str] = [],
    settings: list[Setting] = [],
    quiet: bool = False,
    by: JID | None = None,
) -> dict[str, Any]:
    """Enrol a user.

    Args:
        user: local part of the address.
        password: at least one character.
    """
    if user == "taken":
        raise Conflict("taken is taken")
    if user == "crash":
        raise RuntimeError(f"crash with {password.value}")
    if user == "teapot":
        raise HTTPException(418, "short and stout")
    return {"user": user, "host": host, "length": len(password), "mode": mode, "age": age, "groups": groups,
            "settings": {each.name: each.value for each in settings}, "quiet": quiet, "by": by}


@command(role=None, effect="read")
def table(ctx: CommandContext, rows: int) -> list[dict[str, Any]]:
    """List rows."""
    return [{"id": row, "tags": ["a", "b"], "odd": bool(row % 2)} | ({"note": "\\x00<&>"} if row else {}) for row in range(rows)]


@command(role=None, effect="read", result="lines")
async def lines(ctx: CommandContext) -> str:
    """Return text.

    Returns:
        Two lines.
    """
    return "one\\ntwo"


@command("lines", version=2, role=None, effect="read")
async def lines_2(ctx: CommandContext) -> list[str]:
    """Return texts."""
    return ["one", "two"]


async def rooms(service: Any) -> str:
    return "it has no rooms"


@command(role=None, needs=(rooms,))
async def impossible(ctx: CommandContext, name: str) -> None:
    """Do what cannot be done."""
'''


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "some.py").write_text(SCRIPT)
    with serving(commands=[folder]) as running:
        assert running.gateway.table.problems == ()
        yield running


@pytest.fixture
def admin(gateway: TestGateway) -> Requester:
    return Requester(ask_on_embedded(gateway, "admin@localhost/phone"))


@pytest.fixture
def alice(gateway: TestGateway) -> Requester:
    return Requester(ask_on_embedded(gateway, "alice@localhost/phone"))


@pytest.fixture
def stranger(gateway: TestGateway) -> Requester:
    return Requester(ask_on_embedded(gateway, "eve@elsewhere.example/phone"))


def refused(requester: Requester, node: str, values: Mapping[str, tuple[str, ...]] | None = None) -> tuple[str, str]:
    with pytest.raises(StanzaError) as error:
        requester.run(node, values)
    return error.value.condition, error.value.text


def names(requester: Requester, node: str = NODE) -> set[str]:
    return {item.removeprefix(f"{NODE}/") for item in requester.items(node)}


def test_everybody_is_shown_what_he_may_run(admin: Requester, alice: Requester, stranger: Requester) -> None:
    open_to_all = {"ping", "tick", "table", "lines", "impossible"}
    assert open_to_all <= names(stranger)
    assert not {"whoami", "enrol"} & names(stranger)
    assert {*open_to_all, "whoami"} <= names(alice)
    assert "enrol" not in names(alice)
    assert {*open_to_all, "whoami", "enrol"} <= names(admin)
    assert names(alice, COMMANDS) == names(alice)
    assert {"api-key-add", "enrol"} <= names(admin, COMMANDS)


def test_the_list_of_commands_is_an_item_of_the_gateway(stranger: Requester) -> None:
    assert stranger.items() == {NODE: "Commands of the API"}
    assert stranger.identity(NODE) == ("automation", "command-list", "Commands of the API")
    assert stranger.identity(f"{NODE}/ping") == ("automation", "command-node", "Answer")


def test_strangers_cannot_tell_commands_that_are_not_theirs_from_none(stranger: Requester, alice: Requester) -> None:
    unknown = refused(stranger, f"{NODE}/enrol")
    assert unknown == ("item-not-found", "there is no command 'api-commands/enrol' here")
    assert refused(stranger, f"{NODE}/nothing")[0] == "item-not-found"
    for node in ("enrol", "nothing"):
        with pytest.raises(StanzaError) as error:
            stranger.identity(f"{NODE}/{node}")
        assert error.value.condition == "item-not-found"
    condition, text = refused(alice, f"{NODE}/enrol")
    assert condition == "forbidden"
    assert "role admin" in text
    assert "password" not in text


@pytest.mark.parametrize("node", [NODE, f"{NODE}/", f"{NODE}/Ping", f"{NODE}/ping/v", f"{NODE}/ping/v1x", f"{NODE}/ping/1", "ping"])
def test_other_nodes_are_no_commands(admin: Requester, node: str) -> None:
    assert refused(admin, node)[0] == "item-not-found"


def test_a_form_asks_for_the_arguments(admin: Requester) -> None:
    reply = admin.command(f"{NODE}/enrol")
    assert (reply.status, reply.actions, reply.default_action) == ("executing", ("complete",), "complete")
    assert reply.form is not None
    assert (reply.form.type, reply.form.title, reply.form.instructions) == ("form", "enrol", "Enrol a user")
    assert reply.form.fields == (
        Field("user", (), "text-single", "local part of the address", required=True),
        Field("host", ("localhost",), "text-single", "host", required=True),
        Field("password", (), "text-private", "at least one character", required=True),
        Field("mode", ("slow",), "list-single", "mode", (Option("slow"), Option("fast"))),
        Field("age", (), "text-single", "age"),
        Field("groups", (), "text-multi", "groups"),
        Field("settings", (), "text-multi", "settings"),
        Field("quiet", ("false",), "boolean", "quiet"),
        Field("by", (), "jid-single", "by"),
    )


def test_a_submitted_form_runs_the_command(admin: Requester) -> None:
    reply = admin.run(f"{NODE}/enrol", {"user": ("bob",), "password": ("xyzzy",)})
    assert reply.status == "completed"
    assert reply.form is not None
    assert (reply.form.type, reply.form.title) == ("result", "enrol")
    values = {field.var: field.values for field in reply.form.fields}
    assert values == {
        "user": ("bob",),
        "host": ("localhost",),
        "length": ("5",),
        "mode": ("slow",),
        "age": (),
        "groups": (),
        "settings": ("{}",),
        "quiet": ("false",),
        "by": (),
    }
    assert reply.form.field("quiet") == Field("quiet", ("false",), "boolean", "quiet")


def test_every_kind_of_field_is_read(admin: Requester) -> None:
    reply = admin.run(
        f"{NODE}/enrol",
        {
            "user": ("",),
            "host": ("b",),
            "password": ("",),
            "mode": ("fast",),
            "age": ("18",),
            "groups": ("a", "", "b"),
            "settings": ("title:Tea", "size:5"),
            "quiet": ("1",),
            "by": ("A@b",),
            "FORM_TYPE": ("x",),
            "": ("y",),
        },
    )
    assert reply.form is not None
    assert {field.var: field.values for field in reply.form.fields} == {
        "user": ("",),
        "host": ("b",),
        "length": ("0",),
        "mode": ("fast",),
        "age": ("18",),
        "groups": ("a", "b"),
        "settings": ('{"title":"Tea","size":"5"}',),
        "quiet": ("true",),
        "by": ("a@b",),
    }


def test_empty_fields_are_no_arguments(admin: Requester) -> None:
    empty = {"age": ("",), "by": ("",), "groups": ("",), "settings": (), "quiet": ("",), "mode": ()}
    reply = admin.run(f"{NODE}/enrol", {"user": ("bob",), "password": ("x",), **empty})
    assert reply.form is not None
    assert {field.var for field in reply.form.fields if not field.values} == {"age", "groups", "by"}
    assert reply.form.value("mode") == "slow"


BOB = {"user": ("bob",), "password": ("xyzzy",)}


@pytest.mark.parametrize(
    ("values", "condition", "text"),
    [
        ({"user": ("bob",)}, "bad-request", "'password' is missing"),
        (BOB | {"age": ("17",)}, "bad-request", "greater than or equal to 18"),
        (BOB | {"age": ("old",)}, "bad-request", "'old' is not a whole number"),
        (BOB | {"mode": ("late",)}, "bad-request", "is not one of slow, fast"),
        (BOB | {"user": ("a", "b")}, "bad-request", "is given 2 times"),
        (BOB | {"password": ("xyzzy", "b")}, "bad-request", "is given 2 times"),
        (BOB | {"settings": ("{x",)}, "bad-request", "JSON cannot be read"),
        (BOB | {"usr": ("a",)}, "bad-request", "no argument 'usr'; did you mean 'user'?"),
        (BOB | {"user": ("taken",)}, "conflict", "taken is taken"),
        (BOB | {"user": ("teapot",)}, "undefined-condition", "short and stout"),
        (BOB | {"user": ("crash",)}, "internal-server-error", "an error in a command; the gateway's log has it under"),
    ],
)
def test_errors_are_error_stanzas(admin: Requester, values: dict[str, tuple[str, ...]], condition: str, text: str) -> None:
    found = refused(admin, f"{NODE}/enrol", values)
    assert found[0] == condition
    assert text in found[1]
    assert "xyzzy" not in found[1]


def test_a_form_with_a_mistake_may_be_submitted_again(admin: Requester) -> None:
    node = f"{NODE}/enrol"
    first = admin.command(node)
    form = DataForm("submit", (Field("user", ("bob",)), Field("host", ("b",)), Field("password", ("x",))))
    with pytest.raises(StanzaError):
        admin.command(node, "complete", first.sessionid, DataForm("submit"))
    assert admin.command(node, "complete", first.sessionid, form).status == "completed"
    with pytest.raises(StanzaError) as error:
        admin.command(node, "complete", first.sessionid, form)
    assert error.value.command_condition == "bad-sessionid"


def test_a_session_is_of_one_caller_and_one_command(admin: Requester, alice: Requester) -> None:
    session = admin.command(f"{NODE}/table").sessionid
    for requester, node in ((alice, f"{NODE}/table"), (admin, f"{NODE}/tick")):
        with pytest.raises(StanzaError) as error:
            requester.command(node, "complete", session, DataForm("submit", (Field("rows", ("1",)),)))
        assert error.value.command_condition == "bad-sessionid"
    assert admin.command(f"{NODE}/table", "cancel", session).status == "canceled"


def test_nobody_has_more_sessions_than_he_may(admin: Requester, alice: Requester) -> None:
    node, rows = f"{NODE}/table", DataForm("submit", (Field("rows", ("0",)),))
    others = admin.command(node).sessionid
    first, *more = [alice.command(node).sessionid for _ in range(21)]
    with pytest.raises(StanzaError) as error:
        alice.command(node, "complete", first, rows)
    assert error.value.command_condition == "bad-sessionid"
    for requester, session in ((alice, more[0]), (alice, more[-1]), (admin, others)):
        assert requester.command(node, "complete", session, rows).status == "completed"


def test_strangers_cannot_evict_the_sessions_of_users(gateway: TestGateway, admin: Requester) -> None:
    node, rows = f"{NODE}/table", DataForm("submit", (Field("rows", ("0",)),))
    session = admin.command(node).sessionid
    strangers = [Requester(ask_on_embedded(gateway, f"eve@host{number}.example/x")) for number in range(1001)]
    first, *others = [stranger.command(f"{NODE}/tick").sessionid for stranger in strangers]
    assert admin.command(node, "complete", session, rows).status == "completed"
    with pytest.raises(StanzaError):
        strangers[0].command(f"{NODE}/tick", "complete", first)
    assert strangers[1].command(f"{NODE}/tick", "complete", others[0]).status == "completed"


def test_what_only_reads_and_asks_nothing_is_run_at_once(stranger: Requester) -> None:
    reply = stranger.command(f"{NODE}/ping")
    assert reply.status == "completed"
    assert reply.form == DataForm("result", (Field("result", ("pong",), "text-single", "result"),), "ping")


def test_what_changes_something_waits_for_a_yes(stranger: Requester) -> None:
    first = stranger.command(f"{NODE}/tick")
    assert first.status == "executing"
    assert first.form == DataForm("form", (), "tick", "Do nothing, and be it known\n\nIt *changes* nothing either.")
    done = stranger.command(f"{NODE}/tick", "complete", first.sessionid)
    assert (done.status, done.form, [note.text for note in done.notes]) == ("completed", None, ["Done."])


def test_the_function_learns_who_calls(alice: Requester, admin: Requester) -> None:
    for requester, user, is_admin in ((alice, "alice", "false"), (admin, "admin", "true")):
        form = requester.run(f"{NODE}/whoami").form
        assert form is not None
        assert {field.var: field.values for field in form.fields} == {
            "jid": (f"{user}@localhost",),
            "by": ("adhoc",),
            "admin": (is_admin,),
            "none": (),
        }


def test_a_list_of_objects_is_a_table(stranger: Requester) -> None:
    form = stranger.run(f"{NODE}/table", {"rows": ("2",)}).form
    assert form is not None
    assert form.table is not None
    assert [column.var for column in form.table.columns] == ["id", "tags", "odd", "note"]
    assert [[field.values for field in row] for row in form.table.rows] == [
        [("0",), ("a", "b"), ("false",), ()],
        [("1",), ("a", "b"), ("true",), ("\ufffd<&>",)],
    ]
    empty = stranger.run(f"{NODE}/table", {"rows": ("0",)}).form
    assert empty is not None
    assert empty.fields == (Field("result", (), "text-multi", "result"),)


def test_texts_of_several_lines_and_versions_of_a_command(stranger: Requester) -> None:
    old, new = stranger.command(f"{NODE}/lines/v0").form, stranger.command(f"{NODE}/lines").form
    assert old is not None
    assert new is not None
    assert old.fields == (Field("lines", ("one", "two"), "text-multi", "Two lines"),)
    assert new.fields == (Field("result", ("one", "two"), "text-multi", "result"),)
    assert f"{NODE}/lines/v0" not in stranger.items(NODE)


def test_what_the_server_cannot_do_is_told_before_anything_is_filled_in(stranger: Requester) -> None:
    assert refused(stranger, f"{NODE}/impossible") == (
        "feature-not-implemented",
        "impossible is not possible here, because it has no rooms",
    )


def test_calls_are_in_the_audit_log_without_secrets(admin: Requester, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tigrest.audit"):
        admin.run(f"{NODE}/enrol", BOB)
    [line] = [record.getMessage() for record in caplog.records if record.name == "tigrest.audit"]
    assert line.startswith("admin@localhost adhoc enrol(")
    assert "user='bob'" in line
    assert "xyzzy" not in line


def test_crashes_are_in_the_log_with_the_id_that_the_caller_is_told(admin: Requester, caplog: pytest.LogCaptureFixture) -> None:
    _, text = refused(admin, f"{NODE}/enrol", BOB | {"user": ("crash",)})
    assert "RuntimeError: crash" in caplog.text
    assert text.rpartition(" ")[2] not in ("", "-")


def test_rest_adhoc_drives_them(gateway: TestGateway) -> None:
    items = gateway.get("/rest/adhoc/http.localhost?type=json", login="admin").json()["items"]
    assert {"jid": "http.localhost", "node": f"{NODE}/enrol", "name": "Enrol a user"} in items
    fields = [{"var": "user", "value": "bob"}, {"var": "password", "value": "xyzzy"}]
    for command, status in (
        ({"node": f"{NODE}/enrol", "fields": fields}, "completed"),
        ({"node": f"{NODE}/tick"}, "executing"),
        ({"node": f"{NODE}/tick", "action": "complete"}, "completed"),
        ({"node": f"{NODE}/ping"}, "completed"),
    ):
        answer = gateway.post("/rest/adhoc/http.localhost", login="admin", json={"command": command})
        assert (answer.status_code, answer.json()["command"]["status"]) == (200, status), answer.text
    for values, status_code in ((fields[:1], 400), ([{"var": "user", "value": "taken"}, fields[1]], 409)):
        command = {"node": f"{NODE}/enrol", "fields": values}
        assert gateway.post("/rest/adhoc/http.localhost", login="admin", json={"command": command}).status_code == status_code
    assert gateway.get("/rest/adhoc/http.localhost", login="alice").status_code == 403


def test_commands_that_are_reloaded_are_offered_at_once(tmp_path: Path) -> None:
    script = tmp_path / "some.py"
    head = "from tigrest import CommandContext, command\n\n\n@command(role=None, effect='read')\n"
    script.write_text(f"{head}async def first(ctx: CommandContext) -> str:\n    '''Be first.'''\n    return '1'\n")
    with serving(commands=[tmp_path], builtins=False) as gateway:
        eve = Requester(ask_on_embedded(gateway, "eve@elsewhere.example"))
        assert eve.items(NODE) == {f"{NODE}/first": "Be first"}
        script.write_text(f"{head}async def second(ctx: CommandContext) -> str:\n    return '2'\n")
        gateway.reload()
        assert eve.items(NODE) == {f"{NODE}/second": "second"}
        script.unlink()
        gateway.reload()
        assert eve.items() == {}
        for question in (eve.items, eve.identity):
            with pytest.raises(StanzaError):
                question(NODE)


STUBBORN = """
import asyncio
import time

from tigrest import CommandContext, command


@command(role=None, effect="read")
async def sleep(ctx: CommandContext) -> None:
    await asyncio.sleep(60)


@command(role=None, effect="read")
async def stay(ctx: CommandContext) -> None:
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            pass


@command(role=None, effect="read")
def block(ctx: CommandContext) -> None:
    time.sleep(1)


@command(role=None, effect="read")
def leave(ctx: CommandContext) -> None:
    raise SystemExit(1)
"""


def test_commands_that_do_not_end_are_answered(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    with serving(commands=[tmp_path], builtins=False, http={"request_timeout": 0.3}) as gateway:
        eve = Requester(ask_on_embedded(gateway, "eve@elsewhere.example"))
        for name in ("sleep", "stay", "block"):
            assert refused(eve, f"{NODE}/{name}") == ("remote-server-timeout", f"{name} gave no result within 0.3 s")
        assert refused(eve, f"{NODE}/leave")[0] == "internal-server-error"
