"""The list of commands: as MongooseIM printed it, and only what the caller may run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tigrest.testing import TestGateway, serving

SCRIPT = '''
from enum import Enum
from tigrest import JID, CommandContext, ListedCommand, Secret, command, list_commands


@command(tags=("commands",), role=None, effect="read", route="GET /commands")
async def list_methods(ctx: CommandContext) -> list[ListedCommand]:
    """List commands"""
    return await list_commands(ctx)


@command(tags=("contacts",), role="user", route="POST /contacts")
async def add_contact(ctx: CommandContext, jid: JID, caller: str) -> None:
    """Add a contact to roster"""


@command(role="user", effect="read", route="GET /contacts/{caller}")
async def list_contacts(ctx: CommandContext, caller: str) -> None:
    """Get roster"""


class Colour(Enum):
    RED = "red"


@command(tags=("all", "types"))
async def types(ctx: CommandContext, text: str, secret: Secret, number: int, share: float, yes: bool, colour: Colour,
                several: list[str], numbers: list[int], perhaps: int | None = None) -> None:
    """Take all."""


async def no_rooms(service) -> str:
    return "it has no rooms"


@command(role="user", needs=(no_rooms,), version=1)
async def open_room(ctx: CommandContext) -> None:
    """Open a room."""


@command("open_room", role="user", version=2)
async def open_room_2(ctx: CommandContext, name: str) -> None:
    """Open a room by its name."""
'''

SEED = [
    {
        "path": "/commands",
        "name": "list_methods",
        "method": "GET",
        "desc": "List commands",
        "category": "commands",
        "args": {},
        "action": "read",
    },
    {
        "path": "/contacts",
        "name": "add_contact",
        "method": "POST",
        "desc": "Add a contact to roster",
        "category": "contacts",
        "args": {"jid": "binary", "caller": "binary"},
        "action": "create",
    },
]
"""As MongooseIM's documentation prints them."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "some.py").write_text(SCRIPT)
    with serving(commands=[folder], builtins=False) as running:
        assert running.gateway.table.problems == ()
        yield running


def listed(gateway: TestGateway, user: str = "", path: str = "/api/list_methods") -> list[dict[str, Any]]:
    answer = gateway.client.get(path, auth=(user, "secret") if user else None, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()
    return entries


def entry(gateway: TestGateway, name: str, user: str = "admin") -> dict[str, Any]:
    return next(each for each in listed(gateway, user) if each["name"] == name)


def test_entries_are_those_that_mongooseim_printed(gateway: TestGateway) -> None:
    entries = {each["name"]: each for each in listed(gateway, "alice")}
    for printed in SEED:
        found = entries[printed["name"]]
        assert {key: found[key] for key in printed} == printed


def test_strangers_see_what_is_open(gateway: TestGateway) -> None:
    assert [each["name"] for each in listed(gateway)] == ["list_methods"]


def test_users_do_not_see_what_is_for_admins(gateway: TestGateway) -> None:
    assert [each["name"] for each in listed(gateway, "alice")] == ["list_methods", "add_contact", "list_contacts", "open_room"]
    assert "types" in [each["name"] for each in listed(gateway, "admin")]


def test_types_of_arguments_are_words_of_mongooseim(gateway: TestGateway) -> None:
    assert entry(gateway, "types")["args"] == {
        "text": "binary",
        "secret": "binary",
        "number": "integer",
        "share": "float",
        "yes": "boolean",
        "colour": "binary",
        "several": "[binary]",
        "numbers": "[integer]",
        "perhaps": "integer",
    }


def test_arguments_in_a_path_have_a_colon(gateway: TestGateway) -> None:
    assert entry(gateway, "list_contacts")["path"] == "/contacts/:caller"


def test_an_entry_tells_what_mongooseim_did_not_say(gateway: TestGateway) -> None:
    found = entry(gateway, "types")
    assert (found["version"], found["tags"], found["role"]) == (0, ["all", "types"], "admin")
    assert (found["available"], found["reason"]) == (True, None)


def test_what_the_server_cannot_do_is_listed_with_the_reason(gateway: TestGateway) -> None:
    found = next(each for each in listed(gateway, "admin", "/api/list_methods/v1") if each["name"] == "open_room")
    assert (found["available"], found["reason"]) == (False, "it has no rooms")


def test_definitions_are_those_that_count_for_the_version_asked_for(gateway: TestGateway) -> None:
    assert entry(gateway, "open_room")["version"] == 2
    assert entry(gateway, "open_room")["args"] == {"name": "binary"}
    assert "open_room" not in [each["name"] for each in listed(gateway, "admin", "/api/list_methods/v0")]


def test_the_built_in_commands_have_the_entries_that_mongooseim_printed() -> None:
    with serving() as running:
        entries = {each["name"]: each for each in listed(running, "admin", "/api/commands")}
    for printed in SEED:
        assert {key: entries[printed["name"]][key] for key in printed} == printed


def test_the_built_in_list_is_for_everybody(tmp_path: Path) -> None:
    with serving() as running:
        listed_to_all = listed(running)
        assert {"list_methods", "commands", "status"} <= {each["name"] for each in listed_to_all}
        assert {each["name"] for each in listed_to_all if each["role"] is not None} == {"version"}, "which is for the machine itself"
        assert listed(running, path="/api/commands") == listed_to_all
