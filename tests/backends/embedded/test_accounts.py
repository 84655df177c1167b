"""The accounts of the domain."""

import asyncio

import pytest

from tests.backends.embedded.world import ADMIN, ALICE, BOB, World
from tigrest.backends.backend import UserRepository
from tigrest.errors import InvalidValue, NoSuchUser, UserExists
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import UserStatus

CAROL = JID("carol@example.org")
CARD = "<vCard xmlns='vcard-temp'><FN>Bob</FN></vCard>"
PUBLISH = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='x'><item id='1'/></publish></pubsub>"


async def test_an_account_is_added_listed_and_removed(world: World) -> None:
    users = world.service.users
    assert isinstance(users, UserRepository)
    await users.add(CAROL.with_resource("ignored"), "secret", "carol@mail.example")
    assert await users.exists(CAROL)
    assert await users.list() == await users.list("example.org") == [ADMIN, ALICE, BOB, CAROL]
    assert await users.list("elsewhere.net") == []
    await users.remove(CAROL)
    assert not await users.exists(CAROL)


async def test_passwords_are_checked_and_changed(world: World) -> None:
    assert await world.service.check_credentials(ALICE, "alice-secret")
    assert not await world.service.check_credentials(ALICE, "bob-secret")
    assert not await world.service.check_credentials(CAROL, "")
    await world.service.users.set_password(ALICE, "other")
    assert not await world.service.check_credentials(ALICE, "alice-secret")
    assert await world.service.check_credentials(ALICE, "other")


async def test_what_cannot_be_done_to_accounts_says_why(world: World) -> None:
    users = world.service.users
    with pytest.raises(UserExists, match=r"alice@example\.org"):
        await users.add(ALICE, "x")
    with pytest.raises(NoSuchUser):
        await users.remove(CAROL)
    with pytest.raises(NoSuchUser):
        await users.set_password(CAROL, "x")
    for jid, password in ((JID("a@elsewhere.net"), "x"), (JID("example.org"), "x"), (JID("vhost-man@example.org"), "x"), (CAROL, "")):
        with pytest.raises(InvalidValue):
            await users.add(jid, password)
    with pytest.raises(InvalidValue):
        await users.set_password(ALICE, "")


async def test_of_two_at_once_one_gets_the_account(world: World) -> None:
    outcomes = await asyncio.gather(*[world.service.users.add(CAROL, "x") for _ in range(5)], return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["UserExists"] * 4]


async def test_what_an_account_owned_goes_with_it(world: World) -> None:
    await world.online("alice@example.org/phone")
    await world.ask('<vCard xmlns="vcard-temp"><FN>Alice</FN></vCard>', ALICE, ALICE, "set")
    await world.service.send(f'<message to="{ALICE}" type="chat"><body>hi</body></message>')
    await world.service.users.remove(ALICE)
    await world.service.users.add(ALICE, "new")
    card = (await world.ask('<vCard xmlns="vcard-temp"/>', ALICE)).payload
    assert card is not None
    assert not len(card)
    assert not (await world.domain.set_presence(UserStatus(ALICE.with_resource("phone"), available=False))).success


async def test_accounts_work_from_worker_threads(world: World) -> None:
    def work() -> list[JID]:
        repository = world.service.users
        repository.add(CAROL, "secret")  # type: ignore[unused-coroutine]
        return repository.list()  # type: ignore[return-value]

    assert CAROL in await asyncio.to_thread(work)


async def test_an_account_deleted_while_it_is_written_to_is_no_error_of_ours(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def remove_and_add() -> None:
        for _ in range(10):
            await world.service.users.remove(BOB)
            await world.service.users.add(BOB, "secret")

    async def write() -> None:
        for _ in range(25):
            await world.service.send(f"<message to='{BOB}'><body>hi</body></message>")
            await world.domain.set_presence(UserStatus(BOB.with_resource("x")))
            for payload in (CARD, PUBLISH):
                error = (await world.ask(payload, BOB, BOB, "set")).error
                assert error is None or error.condition == "service-unavailable"

    await asyncio.gather(remove_and_add(), *[write() for _ in range(4)])
    assert not [record for record in caplog.records if record.exc_info]


async def test_watchers_are_told_by_whatever_door_an_account_changes(world: World) -> None:
    told: list[JID] = []
    world.domain.on_account_change(told.append)
    admin = "http://jabber.org/protocol/admin#"
    await world.service.users.set_password(ALICE, "other")
    await world.run(JID("example.org"), f"{admin}change-user-password", {"accountjid": BOB, "password": "other"})
    await world.online(f"{ALICE}/x")
    await world.run(JID("example.org"), f"{admin}end-user-session", {"accountjids": [ALICE]})
    await world.run(JID("sess-man@example.org"), f"{admin}end-user-session", {"accountjids": [BOB]})
    await world.run(JID("example.org"), f"{admin}delete-user", {"accountjids": [ALICE]})
    await world.service.users.remove(BOB)
    assert told == [ALICE, BOB, ALICE, BOB, ALICE, BOB]
