import pytest

from tests.auth.fakes import ALICE, BOB, World
from tigrest.auth.accounts import Account, Accounts
from tigrest.errors import LoginRequired
from tigrest.passwords import Passwords

PASSWORDS = Passwords(1, 8, 1)


@pytest.mark.parametrize("password", ["secret", "pässwörd", "a:b", "\ud800"])
@pytest.mark.parametrize("is_hashed", [False, True])
async def test_only_the_very_password_is_right(password: str, is_hashed: bool) -> None:
    account = Account(ALICE, password_hash=PASSWORDS.hash_now(password)) if is_hashed else Account(ALICE, password)
    accounts = Accounts([account], PASSWORDS)
    assert accounts.has(ALICE)
    assert await accounts.check(ALICE, password)
    for wrong in ("", password + "x", password.upper() + "y", "other"):
        assert not await accounts.check(ALICE, wrong)


async def test_other_accounts_are_not_ours() -> None:
    accounts = Accounts([Account(ALICE, "secret")], PASSWORDS)
    assert not accounts.has(BOB)
    assert not await accounts.check(BOB, "secret")


async def test_an_account_without_any_password_accepts_none() -> None:
    assert not await Accounts([Account(ALICE)], PASSWORDS).check(ALICE, "")


def test_an_account_does_not_show_its_secrets() -> None:
    assert "secret" not in repr(Account(ALICE, "secret", "secret too"))


async def test_an_account_of_ours_shadows_the_servers() -> None:
    world = World(accounts=[Account(ALICE, "service")])
    assert await world.login("alice", "service") == ALICE
    with pytest.raises(LoginRequired):
        await world.login("alice", "secret")  # right on the server, which must not be asked
    assert world.server.asked == []
