"""Commands of scripts as a chat client runs them, with slixmpp's ad-hoc commands and data forms. XEP-0050, XEP-0004"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from slixmpp.exceptions import IqError

from tests.servers.client import Client, online
from tests.servers.gateway import gateway_for
from tests.servers.process import XmppServer
from tigrest.testing import TestGateway

NEWER_TOO = True
GATEWAY = "http.localhost"


@pytest.fixture(scope="module")
def gateway(server: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: XmppServer, gateway: TestGateway) -> Iterator[Client]:
    with online(server, "admin", "client") as client:
        client.xmpp.register_plugin("xep_0050")
        yield client


@pytest.fixture(scope="module")
def alice(server: XmppServer, gateway: TestGateway) -> Iterator[Client]:
    with online(server, "alice", "client") as client:
        client.xmpp.register_plugin("xep_0050")
        yield client


def wait(client: Client, work: Coroutine[Any, Any, Any]) -> Any:
    """Do something on the loop of a client."""
    return asyncio.run_coroutine_threadsafe(work, client.xmpp.loop).result(20)


async def listed(client: Client) -> set[str]:
    reply = await client.xmpp.plugin["xep_0050"].get_commands(jid=GATEWAY)
    return {node for _, node, _ in reply["disco_items"]["items"]}


async def run(client: Client, node: str, **values: str) -> Any:
    """Fill in the form of a command, and return the form with its result."""
    commands = client.xmpp.plugin["xep_0050"]
    first = (await commands.send_command(GATEWAY, f"api-commands/{node}"))["command"]
    assert first["status"] == "executing"
    form = first["form"]
    assert form["type"] == "form"
    assert form["title"] == node
    form["type"] = "submit"
    form.set_values({**form.get_values(), **values})
    done = await commands.send_command(
        GATEWAY, f"api-commands/{node}", sessionid=first["sessionid"], action=first["actions"] and "complete", payload=form
    )
    assert done["command"]["status"] == "completed"
    return done["command"]["form"]


def test_a_client_shows_what_its_user_may_run(admin: Client, alice: Client) -> None:
    assert {"api-commands/register", "api-commands/list_methods", "api-key-add"} <= wait(admin, listed(admin))
    shown = wait(alice, listed(alice))
    assert "api-commands/list_methods" in shown
    assert not {"api-commands/register", "api-key-add"} & shown


def test_a_client_makes_an_account(admin: Client, gateway: TestGateway) -> None:
    result = wait(admin, run(admin, "register", user="mallow", password="one"))
    assert result.get_values() == {"result": "User mallow@localhost successfully registered"}
    with pytest.raises(IqError) as refused:
        wait(admin, run(admin, "register", user="mallow", password="one"))
    assert refused.value.condition == "conflict"
    result = wait(admin, run(admin, "check_password", user="mallow", password="one"))
    assert result.get_values() == {"result": True}
    wait(admin, run(admin, "unregister", user="mallow"))


def test_a_client_cancels(admin: Client) -> None:
    async def cancel() -> Any:
        commands = admin.xmpp.plugin["xep_0050"]
        first = await commands.send_command(GATEWAY, "api-commands/register")
        return await commands.send_command(GATEWAY, "api-commands/register", sessionid=first["command"]["sessionid"], action="cancel")

    assert wait(admin, cancel())["command"]["status"] == "canceled"


def test_a_plain_user_is_refused(alice: Client) -> None:
    with pytest.raises(IqError) as refused:
        wait(alice, run(alice, "register", user="mallow", password="one"))
    assert refused.value.condition == "forbidden"
