"""What strangers and holders of narrow tokens try at the commands over HTTP."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import httpx2
import pytest

from tests.api.conftest import ServeCommands
from tigrest.testing import TestGateway, serving

SOURCE = """
asked = []

async def need(service):
    asked.append(1)
    await asyncio.sleep(0.3)
    return ""

@command(role=None, effect="read", needs=(need,))
async def needy(ctx) -> int:
    return len(asked)

@command(role=None, effect="read")
async def look(ctx, text: str = "") -> int:
    return len(text)

@command(version=2)
async def hidden_until(ctx, secret_plan: str) -> None: ...
"""


@pytest.fixture
def gateway(share: ServeCommands) -> TestGateway:
    return share(SOURCE)


def test_a_version_that_a_command_has_is_told_only_to_those_who_may_call_it(gateway: TestGateway) -> None:
    for login, status in (("", 401), ("alice", 403), ("admin", 404)):
        answer = gateway.post("/api/hidden_until/v1", login=login)
        assert answer.status_code == status, answer.text
        assert ("from version 2 on" in answer.text) is (status == 404)


def test_results_are_stored_nowhere(gateway: TestGateway) -> None:
    for accept in ("application/json", "application/xml"):
        assert gateway.get("/api/look", headers={"Accept": accept}).headers["cache-control"] == "no-store"
    assert gateway.get("/api/look?compat=ejabberd").headers["cache-control"] == "no-store"


def test_strangers_have_the_server_asked_once_at_a_time(gateway: TestGateway) -> None:
    async def ask() -> list[int]:
        transport = httpx2.ASGITransport(gateway.gateway.entry)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = await asyncio.gather(*(client.get("/api/needy") for _ in range(20)))
        return [answer.json() for answer in answers]

    assert gateway.client.portal.call(ask) == [1] * 20


def test_an_argument_of_a_megabyte_is_near_to_none(gateway: TestGateway) -> None:
    answer = gateway.post("/api/look", json={"text" * 200_000: 1})
    assert answer.status_code == 400
    assert "did you mean" not in answer.text
    assert len(answer.text) < 1000


def test_the_line_about_a_call_is_no_longer_than_what_is_read_of_it(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tigrest.audit"):
        assert gateway.post("/api/look", json={f"x{number}": 1 for number in range(5000)}).status_code == 400
    [line] = [record.getMessage() for record in caplog.records if record.name == "tigrest.audit"]
    assert len(line) < 2500
    assert "4968 more" in line


@pytest.mark.parametrize("headers", [{"Origin": "http://testserver"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_page_in_a_browser_has_no_rights_by_its_network(headers: dict[str, str]) -> None:
    group = {"who": ["0.0.0.0/0", "::/0"], "what": ["reload_handlers", "registered_users"]}
    with serving(api={"permissions": {"all": group}}, http={"cors_origins": ["*"]}) as gateway:

        async def ask(method: str, path: str, **options: Any) -> int:
            transport = httpx2.ASGITransport(gateway.gateway.entry, client=("192.0.2.1", 1))
            async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return (await client.request(method, path, **options)).status_code

        def status(method: str, path: str, login: tuple[str, str] | None = None, headers: dict[str, str] | None = None) -> int:
            return int(gateway.client.portal.call(partial(ask, method, path, auth=login, headers=headers)))

        users = "/api/registered_users?host=localhost"
        assert (status("POST", "/api/reload_handlers"), status("GET", users)) == (200, 200)
        assert (status("POST", "/api/reload_handlers", headers=headers), status("GET", users, headers=headers)) == (401, 401)
        assert status("GET", users, ("admin", "secret"), headers) == 200


def test_help_names_only_what_the_caller_may_call() -> None:
    with serving() as gateway:
        assert "did you mean" not in gateway.get("/api/help?command=registr").text
        assert "did you mean 'register'?" in gateway.get("/api/help?command=registr", login="admin").text
        assert "from version 2 on" not in gateway.get("/api/v0/help?command=unban_account").text
        assert "from version 2 on" in gateway.get("/api/v0/help?command=unban_account", login="admin").text
        assert gateway.get("/api/help?command=register").status_code == 403
