"""Running commands: versions, roles, arguments, results, and the line about each call."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tigrest.testing import TestGateway, serving

SCRIPT = '''
import time
from tigrest import CommandContext, Conflict, NotFound, Secret, command


@command(role=None, effect="read")
async def greet(ctx: CommandContext, name: str = "you") -> str:
    """Greet."""
    return f"hello {name}"


@command("greet", version=2, role=None, effect="read")
def greet_all(ctx: CommandContext, names: list[str]) -> list[str]:
    """Greet several."""
    return [f"hello {name}" for name in names]


@command(role="user", effect="read")
async def whoami(ctx: CommandContext) -> dict[str, str]:
    """Tell."""
    return {"jid": str(ctx.principal.jid), "by": ctx.frontend, "id": ctx.request_id}


@command()
async def rename(ctx: CommandContext, user: str, password: Secret) -> None:
    """Rename."""
    if user == "taken":
        raise Conflict("it is taken")
    if user == "gone":
        raise NotFound("it is gone")
    if user == "crash":
        raise RuntimeError(f"crash with {password.value}")


@command(role=None, effect="read")
async def lying(ctx: CommandContext) -> int:
    """Lie."""
    return "no number"


@command(role=None, effect="read", renamed={"name": "room"})
async def route(ctx: CommandContext, room: str, from_: str = "me", *, with_: str = "you") -> list[str]:
    """Return all."""
    return [room, from_, with_]


async def never(service) -> str:
    return "it has no rooms"


@command(role=None, needs=(never,))
async def impossible(ctx: CommandContext) -> None:
    """Do what cannot be done."""


@command(role=None)
def leave(ctx: CommandContext) -> None:
    """Exit."""
    raise SystemExit(1)
'''


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "some.py").write_text(SCRIPT)
    with serving(commands=[folder]) as running:
        assert running.gateway.table.problems == ()
        yield running


ALICE = ("alice", "secret")
ADMIN = ("admin", "secret")


def call(
    gateway: TestGateway, path: str, arguments: object = None, login: tuple[str, str] | None = None, **headers: str
) -> tuple[int, object]:
    answer = gateway.client.post(f"/api/{path}", json={} if arguments is None else arguments, auth=login, headers=headers)
    return answer.status_code, answer.json()


def detail(gateway: TestGateway, path: str, arguments: object = None, login: tuple[str, str] | None = None) -> tuple[int, str]:
    status, body = call(gateway, path, arguments, login)
    assert isinstance(body, dict)
    return status, str(body["detail"])


def test_the_largest_version_up_to_the_one_asked_for_counts(gateway: TestGateway) -> None:
    assert call(gateway, "greet/v0", {"name": "x"}) == (200, "hello x")
    assert call(gateway, "v1/greet", {"name": "x"}) == (200, "hello x")
    assert call(gateway, "greet", {"names": ["x"]}) == (200, ["hello x"])
    assert call(gateway, "greet/v99", {"names": ["x"]}) == (200, ["hello x"])


def test_who_may_not_call_learns_no_arguments(gateway: TestGateway) -> None:
    answer = gateway.client.post("/api/rename", json={"nope": 1})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="tigrest"')
    assert "user" not in answer.text
    status, text = detail(gateway, "rename", {"nope": 1}, ALICE)
    assert status == 403
    assert "password" not in text


@pytest.mark.parametrize(
    ("arguments", "status", "argument", "reason"),
    [
        ({"user": "x"}, 400, "password", "missing"),
        ({"user": "x", "password": "y", "passwort": "z"}, 400, "passwort", "unknown"),
        ({"user": 1, "password": "y"}, 422, "user", "type"),
    ],
)
def test_wrong_arguments_are_named(gateway: TestGateway, arguments: object, status: int, argument: str, reason: str) -> None:
    found, body = call(gateway, "rename", arguments, ADMIN)
    assert isinstance(body, dict)
    assert (found, body["argument"], body["reason"]) == (status, argument, reason)


def test_arguments_may_be_keywords_and_have_names_of_before(gateway: TestGateway) -> None:
    assert call(gateway, "route", {"room": "x", "from": "y", "with": "z"}) == (200, ["x", "y", "z"])
    assert call(gateway, "route", {"name": "x"}) == (200, ["x", "me", "you"])
    for arguments in ({"name": "x", "room": "y"}, {"room": "y", "name": "x"}):
        status, body = call(gateway, "route", arguments)
        assert isinstance(body, dict)
        assert (status, body["argument"], body["reason"]) == (400, "room", "doubled")
    assert call(gateway, "route", {"room": "x", "from_": "y"})[0] == 400


def test_errors_have_their_statuses(gateway: TestGateway) -> None:
    assert call(gateway, "rename", {"user": "bob", "password": "x"}, ADMIN) == (200, None)
    assert detail(gateway, "rename", {"user": "taken", "password": "x"}, ADMIN) == (409, "it is taken")
    assert detail(gateway, "rename", {"user": "gone", "password": "x"}, ADMIN) == (404, "it is gone")
    assert detail(gateway, "impossible") == (501, "impossible is not possible here, because it has no rooms")
    for arguments in ("rename", {"user": "crash", "password": "s3cr3t"}), ("lying", {}), ("leave", {}):
        status, text = detail(gateway, *arguments, ADMIN)
        assert status == 500
        assert "s3cr3t" not in text


def test_the_context_knows_the_caller(gateway: TestGateway) -> None:
    status, body = call(gateway, "whoami", None, ALICE)
    assert isinstance(body, dict)
    assert (status, body["jid"], body["by"]) == (200, "alice@localhost", "http")


def test_each_call_has_a_line_without_secrets(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tigrest.audit")
    call(gateway, "rename", {"user": "bob", "password": "s3cr3t"}, ADMIN)
    call(gateway, "rename", {"user": "taken", "password": "s3cr3t", "x": "s3cr3t"}, ADMIN)
    lines = [record.getMessage() for record in caplog.records if record.name == "tigrest.audit"]
    assert lines[0].startswith("admin@localhost 127.0.0.1 http rename(user='bob', password=***) ok ")
    assert lines[1].startswith("admin@localhost 127.0.0.1 http rename(user='taken', password=***, 'x'=?) ArgumentError ")
    assert "s3cr3t" not in caplog.text


def test_a_saved_command_is_live(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(SCRIPT)
    with serving(commands=[tmp_path], builtins=False) as gateway:
        (tmp_path / "one.py").write_text(SCRIPT.replace("hello", "good day"))
        gateway.reload()
        assert call(gateway, "greet/v0") == (200, "good day you")
        (tmp_path / "one.py").write_text("no python")
        gateway.reload()
        assert call(gateway, "greet/v0") == (200, "good day you")
        (tmp_path / "one.py").unlink()
        gateway.reload()
        assert call(gateway, "greet/v0", login=ALICE)[0] == 404


PERMISSIONS = '''
from tigrest import command

@command(effect="read")
async def get_roster(ctx, user: str, host: str) -> str:
    """Tell."""
    return f"of {user}@{host}"

@command(role="user", effect="read")
async def secrets(ctx) -> str:
    """Tell."""
    return "all"
'''


def test_permissions_take_the_place_of_roles(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(PERMISSIONS)
    groups = {
        "own rosters": {"from": ["http"], "who": ["own"], "what": ["get_*"]},
        "of bob": {"who": [["bob@localhost", "127.0.0.0/8"]], "what": ["secrets"]},
    }
    with serving(commands=[tmp_path], builtins=False, api={"permissions": groups}) as gateway:
        assert call(gateway, "get_roster", {"user": "alice", "host": "localhost"}, ALICE) == (200, "of alice@localhost")
        assert call(gateway, "get_roster", {"user": "bob", "host": "localhost"}, ADMIN) == (200, "of bob@localhost")
        status, body = call(gateway, "get_roster", {"user": "bob", "host": "localhost"}, ALICE)
        assert isinstance(body, dict)
        assert (status, body["rule"]) == (403, "own rosters")
        assert body["reason"] == "group own rosters: the caller is not the owner: it is about bob@localhost"
        assert call(gateway, "secrets", {}, ("bob", "secret")) == (200, "all")
        assert call(gateway, "secrets", {}, ALICE)[0] == 403
        status, body = call(gateway, "get_roster", {"nope": 1})
        assert (status, "own" in str(body)) == (401, False)
