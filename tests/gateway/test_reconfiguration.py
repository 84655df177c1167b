"""Which keys of a configuration differ, and what becomes of callers when they do."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_gateway import make
from tests.waiting import until
from tigrest.config import Config
from tigrest.gateway.reconfiguration import changed_keys
from tigrest.state.location import MEMORY
from tigrest.xmpp.jid import JID

ADMIN, ROBOT = JID("admin@localhost"), JID("robot@localhost")


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({}, {}, []),
        ({"http": {"port": 8080}}, {}, []),
        ({"http": {"port": 1, "host": "::1"}}, {"http": {"port": 2}}, ["http.host", "http.port"]),
        ({}, {"webhooks": [{"url": "http://127.0.0.1/"}]}, ["webhooks"]),
        ({"xmpp": {"secret": "a"}}, {"xmpp": {"secret": "b"}}, ["xmpp.secret"]),
        ({"auth": {"admins": ["a@b"]}}, {"auth": {"admins": ["a@c"]}}, ["auth.admins"]),
    ],
)
def test_keys_that_differ_are_named(before: dict[str, Any], after: dict[str, Any], keys: list[str]) -> None:
    assert changed_keys(Config.model_validate(before), Config.model_validate(after)) == tuple(keys)


def test_a_secret_counts_by_its_text_wherever_it_stands(tmp_path: Path) -> None:
    for name, text in {"a": "same\n", "b": "same", "c": "other"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (Config.model_validate({"xmpp": {"secret_file": str(tmp_path / name)}}) for name in "abc")
    assert changed_keys(a, b) == ()
    assert changed_keys(a, c) == ("xmpp.secret",)


async def test_event_streams_of_those_it_concerns_are_closed(tmp_path: Path) -> None:
    account = {"jid": str(ROBOT), "password": "first"}
    gateway = make(tmp_path, auth={"admins": [str(ADMIN)], "accounts": [account]})
    await gateway.start()

    async def reconfigure(admins: list[JID], *accounts: dict[str, str]) -> None:
        database = {"database": MEMORY}
        auth = {"admins": [str(jid) for jid in admins], "accounts": list(accounts)}
        sections = {"embedded": database, "state": database, "scripts": {"reload": False}, "auth": auth}
        await gateway.reconfigure(Config.model_validate(sections))

    try:
        for jid in (ADMIN, ROBOT):
            gateway.events.subscribe(None, jid)
        await reconfigure([ADMIN, ROBOT], account)
        assert (gateway.events.streams, gateway.service.policy.is_admin(ROBOT)) == (2, True)
        await reconfigure([ADMIN, ROBOT], account | {"password": "second"})
        assert gateway.events.streams == 1
        await reconfigure([ROBOT], account | {"password": "second"})
        assert (gateway.events.streams, gateway.service.policy.is_admin(ADMIN)) == (0, False)
    finally:
        await gateway.stop()


async def test_identity_providers_are_others_at_once(tmp_path: Path) -> None:
    gateway = make(tmp_path)
    await gateway.start()
    try:
        claims = base64.urlsafe_b64encode(b'{"iss": "https://sso.example.org"}').decode().rstrip("=")
        issuers = gateway.parts.authentication.issuers
        for configured in ([{"url": "https://sso.example.org", "audience": "tigrest"}], []):
            database = {"database": MEMORY}
            sections = {"embedded": database, "state": database, "scripts": {"reload": False}, "auth": {"issuers": configured}}
            await gateway.reconfigure(Config.model_validate(sections))
            assert issuers.recognises(f"e30.{claims}.AA") == bool(configured)
    finally:
        await gateway.stop()


async def test_rooms_of_the_configuration_are_entered_and_left(tmp_path: Path) -> None:
    gateway = make(tmp_path)
    await gateway.start()
    rooms, hall = gateway.service.rooms, "hall@rooms.localhost"

    def is_in(nick: str) -> bool:
        return rooms.nick(hall) == nick if rooms.is_in(hall) else not nick

    try:
        for nick in ("concierge", "porter", ""):
            database = {"database": MEMORY}
            given = [{"jid": hall, "nick": nick}] if nick else []
            sections = {"embedded": database, "state": database, "scripts": {"reload": False}, "rooms": given}
            await gateway.reconfigure(Config.model_validate(sections))
            await until(partial(is_in, nick))
    finally:
        await gateway.stop()
