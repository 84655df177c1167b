"""The device grant: the endpoint, the page on which users type the code, and what the device is told meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from tests.oauth.client import TOKEN, Registered, opened, registered, whoami
from tests.oauth.pages import DEVICE, DEVICES, Visit, fields
from tigrest.auth.client_store import DEVICE_GRANT
from tigrest.state.gateway_tables import oauth_devices
from tigrest.testing import PASSWORD, TestGateway


@pytest.fixture
def gateway() -> Iterator[TestGateway]:
    with opened() as running:
        yield running


@pytest.fixture
def client(gateway: TestGateway) -> Registered:
    return registered(gateway, client_name="Television", grant_types=[DEVICE_GRANT, "refresh_token"], token_endpoint_auth_method="none")


def begin(gateway: TestGateway, client: Registered, **parameters: str) -> dict[str, Any]:
    answer = gateway.post(DEVICES, data={"client_id": client.id, **parameters})
    assert answer.status_code == 200, answer.text
    codes: dict[str, Any] = answer.json()
    return codes


def poll(gateway: TestGateway, client: Registered, code: str) -> Any:
    return gateway.post(TOKEN, data={"grant_type": DEVICE_GRANT, "device_code": code, "client_id": client.id}).json()


def let_pass(gateway: TestGateway, **columns: float) -> None:
    """Change when devices have asked, or end."""

    async def change() -> None:
        async with gateway.gateway.parts.databases.state.begin() as connection:
            await connection.execute(update(oauth_devices).values(**columns))

    gateway.client.portal.call(change)


def typed(gateway: TestGateway, code: str) -> tuple[Visit, Any]:
    """Type a code on the page; gives the browser, and the page that comes then."""
    page = Visit(gateway, DEVICE)
    return page, page.send(page.open(), user_code=code)


def test_a_user_types_the_code_logs_in_and_consents(gateway: TestGateway, client: Registered) -> None:
    codes = begin(gateway, client, scope="user get_roster")
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", codes["user_code"])
    assert codes["verification_uri"] == "http://testserver/oauth2/device"
    assert codes["verification_uri_complete"] == f"{codes['verification_uri']}?user_code={codes['user_code']}"
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    assert poll(gateway, client, codes["device_code"])["error"] == "authorization_pending"
    page, login = typed(gateway, codes["user_code"].lower().replace("-", " "))
    consent = page.send(login, username="alice", password=PASSWORD)
    assert "Television" in consent.text
    assert codes["user_code"] in consent.text
    assert "get_roster" in consent.text
    done = page.send(consent, decision="allow")
    assert (done.status_code, "has access now" in done.text) == (200, True)
    body = poll(gateway, client, codes["device_code"])
    assert (body["token_type"], body["scope"]) == ("bearer", "user get_roster")
    assert whoami(gateway, body["access_token"]) == 200
    assert body["refresh_token"]
    assert poll(gateway, client, codes["device_code"])["error"] == "invalid_grant"
    assert page.send(consent, decision="allow").status_code == 403, "the code is used up"


def test_a_code_in_the_query_is_filled_in_but_does_nothing(gateway: TestGateway, client: Registered) -> None:
    codes = begin(gateway, client)
    page = gateway.get(codes["verification_uri_complete"].removeprefix("http://testserver"))
    assert fields(page)["user_code"] == codes["user_code"]
    assert "Television" not in page.text
    assert 'value="-"' not in gateway.get(f"{DEVICE}?user_code=%22%3E").text


def test_the_device_is_told_what_goes_on(gateway: TestGateway, client: Registered) -> None:
    refused, over = begin(gateway, client), begin(gateway, client)
    other = registered(gateway, grant_types=[DEVICE_GRANT], token_endpoint_auth_method="none")
    assert poll(gateway, other, refused["device_code"])["error"] == "invalid_grant"
    assert poll(gateway, client, refused["device_code"])["error"] == "authorization_pending"
    assert poll(gateway, client, refused["device_code"])["error"] == "slow_down"
    let_pass(gateway, polled=0.0)
    assert poll(gateway, client, refused["device_code"])["error"] == "authorization_pending"
    page, login = typed(gateway, refused["user_code"])
    page.send(page.send(login, username="alice", password=PASSWORD), decision="deny")
    assert poll(gateway, client, refused["device_code"])["error"] == "access_denied"
    let_pass(gateway, expires=1.0)
    assert poll(gateway, client, over["device_code"])["error"] == "expired_token"
    assert typed(gateway, over["user_code"])[1].status_code == 403


def test_who_asks_too_often_has_to_wait_longer_each_time(gateway: TestGateway, client: Registered) -> None:
    codes = begin(gateway, client)
    poll(gateway, client, codes["device_code"])
    assert [poll(gateway, client, codes["device_code"])["error"] for _ in range(2)] == ["slow_down"] * 2

    async def interval() -> float:
        async with gateway.gateway.parts.databases.state.begin() as connection:
            return float((await connection.execute(oauth_devices.select())).one().interval)

    assert gateway.client.portal.call(interval) == 15


def test_guessing_codes_is_throttled(gateway: TestGateway, client: Registered) -> None:
    page = Visit(gateway, DEVICE)
    form = page.open()
    assert [page.send(form, user_code="BBBB-BBBB").status_code for _ in range(30)] == [403] * 30
    refused = page.send(form, user_code=begin(gateway, client)["user_code"])
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)


def test_the_page_of_one_device_answers_for_no_other(gateway: TestGateway, client: Registered) -> None:
    mine, other = begin(gateway, client), begin(gateway, client)
    page, login = typed(gateway, mine["user_code"])
    consent = page.send(login, username="alice", password=PASSWORD)
    assert page.send(consent, decision="allow", user_code=other["user_code"]).status_code == 400
    assert page.send(consent, decision="allow", csrf="other").status_code == 400
    assert poll(gateway, client, other["device_code"])["error"] == "authorization_pending"


def test_the_grant_is_for_clients_that_have_registered_it(gateway: TestGateway) -> None:
    other = registered(gateway)
    assert gateway.post(DEVICES, headers=other.headers, data={"a": "b"}).json()["error"] == "unauthorized_client"
    assert gateway.post(DEVICES, data={"scope": "user"}).json()["error"] == "invalid_client"


def test_a_network_begins_so_many_only(gateway: TestGateway, client: Registered) -> None:
    statuses = [gateway.post(DEVICES, data={"client_id": client.id}).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]
