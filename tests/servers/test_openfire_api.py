"""The table of docs/openfire.md that leads from Openfire's REST API to ours: what it calls ours is done, on a played Openfire."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers.gateway import gateway_for
from tests.servers.openfire import MUC, ROOMS, PlayedOpenfire
from tests.test_docs import code, section, tables
from tigrest.testing import API_KEY, TestGateway
from tigrest.xmpp.commands import ADMIN_NODES

ADMIN = "admin:adminpw"
ALICE, CAROL, LOBBY = "alice@localhost", "carol@localhost", f"lobby@{ROOMS}"
PLACES = {"jid": CAROL, "domain": "localhost", "service": ROOMS, "room": LOBBY}


class Row(NamedTuple):
    """One line of the table."""

    endpoint: str
    verdict: str
    how: str


def rows() -> list[Row]:
    return [Row(code(there), here, how) for there, here, how in tables(section("openfire.md", "Coming from Openfire's REST API"))[1]]


def test_each_of_the_71_endpoints_has_a_line() -> None:
    found = rows()
    assert len({row.endpoint for row in found}) == len(found) == 71
    assert {row.verdict for row in found} == {"ours", "no"}
    assert all(re.match(r"(GET|POST|PUT|DELETE) /", row.endpoint) for row in found)
    assert all(bool(re.match(r"`(GET|POST|PUT|DELETE) /", row.how)) == (row.verdict == "ours") for row in found)


def iq(payload: str, to: str = LOBBY, type: str = "set") -> str:
    return f"<iq type='{type}' to='{to}'>{payload}</iq>"


def affiliation(*items: str, type: str = "set") -> str:
    return iq(f"<query xmlns='{MUC}#admin'>{''.join(f'<item {item}/>' for item in items)}</query>", type=type)


def owner(content: str) -> str:
    return iq(f"<query xmlns='{MUC}#owner'>{content}</query>")


VCARD = f"<iq type='set' from='{ALICE}' to='{ALICE}'><vCard xmlns='vcard-temp'>{{}}</vCard></iq>"
SUBMIT = "<x xmlns='jabber:x:data' type='submit'/>"
JOIN = f"<presence to='{LOBBY}/gateway'><x xmlns='{MUC}'/></presence>"
INVITATION = f"<message to='{ALICE}'><x xmlns='jabber:x:conference' jid='{LOBBY}'/></message>"
GROUP = {"group": "staff"}
MEMBER = {**GROUP, "users": [ALICE]}

BODIES: dict[str, list[Any]] = {
    "POST /users": [{"user": {"password": "first"}}],
    "PUT /users/{username}": [{"user": {"password": "second"}}],
    "GET /users/{username}/vcard": [iq("<vCard xmlns='vcard-temp'/>", ALICE, "get")],
    "PUT /users/{username}/vcard": [VCARD.format("<FN>Alice</FN>")],
    "DELETE /users/{username}/vcard": [VCARD.format("")],
    "POST /chatrooms": [JOIN, owner(SUBMIT)],
    "POST /chatrooms/bulk": [JOIN, owner(SUBMIT)],
    "PUT /chatrooms/{roomName}": [owner(SUBMIT)],
    "DELETE /chatrooms/{roomName}": [owner("<destroy/>")],
    "GET /chatrooms/{roomName}/participants": [affiliation("role='participant'", type="get")],
    "POST /chatrooms/{roomName}/invite/{jid}": [INVITATION],
    "POST /chatrooms/{roomName}/invite": [INVITATION, INVITATION],
    "GET /chatrooms/{roomName}/{affiliation}": [affiliation("affiliation='member'", type="get")],
    "PUT /chatrooms/{roomName}/{affiliation}": [
        affiliation("affiliation='member'", type="get"),
        affiliation(f"affiliation='member' jid='{ALICE}'", f"affiliation='none' jid='{CAROL}'"),
    ],
    "POST /chatrooms/{roomName}/{affiliation}": [affiliation(*(f"affiliation='member' jid='{jid}'" for jid in (ALICE, CAROL)))],
    "POST /chatrooms/{roomName}/{affiliation}/{jid}": [affiliation(f"affiliation='admin' jid='{ALICE}'")],
    "DELETE /chatrooms/{roomName}/{affiliation}/{jid}": [affiliation(f"affiliation='none' jid='{ALICE}'")],
}
"""What is sent, where the line names no command."""

FIELDS: dict[str, dict[str, Any]] = {
    "add-group-members": {**MEMBER, "admin": "false"},
    "delete-group-members": MEMBER,
    "disable-user": {"accountjids": [CAROL]},
    "reenable-user": {"accountjids": [CAROL]},
    "get-user-roster": {"accountjids": [CAROL]},
    "get-groups": {"start": "0", "max_items": "none"},
    "add-group": {**GROUP, "members": [ALICE]},
    "get-group-members": GROUP,
    "update-group": GROUP,
    "delete-group": GROUP,
    "get-online-users-list": {"max_items": "none"},
    "end-user-session": {"accountjids": [CAROL]},
    "announce": {"announcement": ["maintenance at noon"]},
    "get-sessions-num": {},
}

ORDER = ("POST /groups", "POST /users", "POST /chatrooms")
"""Done first: they make what others are about. What deletes comes last."""


@pytest.fixture
def played(tmp_path: Path) -> Iterator[tuple[PlayedOpenfire, TestGateway]]:
    server = PlayedOpenfire(tmp_path, commands="newer")
    server.start()
    try:
        with gateway_for(server) as gateway:
            yield server, gateway
    finally:
        server.stop()


def send(gateway: TestGateway, method: str, path: str, body: Any) -> tuple[int, str]:
    type = "application/xml" if isinstance(body, str) else "application/json"
    content: Any = {} if body is None else {"content": body} if isinstance(body, str) else {"json": body}
    answer = gateway.request(method, path, login=ADMIN, api_key=API_KEY, type=type, **content)
    return answer.status_code, answer.text


def requests_of(row: Row) -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and body of what a line says."""
    found = re.match(r"`(\w+) (/[^`]*)`(?:: `([a-z-]+)`)?", row.how)
    assert found is not None
    path = found[2].format(**PLACES)
    if found[3]:
        fields = [{"var": var, "value": value} for var, value in FIELDS[found[3]].items()]
        yield found[1], path, {"command": {"node": ADMIN_NODES + found[3], "action": "complete", "fields": fields}}
        return
    for body in BODIES.get(row.endpoint, [None]):
        yield found[1], path, body


def test_what_is_ours_is_done(played: tuple[PlayedOpenfire, TestGateway]) -> None:
    server, gateway = played
    ours = [row for row in rows() if row.verdict == "ours"]
    deleting = [
        row for row in ours if row.endpoint in ("DELETE /users/{username}", "DELETE /groups/{groupName}", "DELETE /chatrooms/{roomName}")
    ]
    first = [row for name in ORDER for row in ours if row.endpoint == name]
    between = [row for row in ours if row not in first and row not in deleting]
    outcomes = {}
    for row in [*first, *between, *deleting]:
        for method, path, body in requests_of(row):
            status, text = send(gateway, method, path, body)
            if status not in (200, 202) or "<error" in text or 'type="error"' in text or '"type": "error"' in text:
                outcomes[row.endpoint] = (status, text)
    assert outcomes == {}
    assert (server.groups, server.rooms, "carol" in server.accounts) == ({}, {}, False)
    assert server.announced == ["maintenance at noon"]
    assert any("Alice" in "".join(stanza.itertext()) for stanza in server.received)
